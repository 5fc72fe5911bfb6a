"""What every test of the models needs."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch, request):
    """Nobody's cache but the test's own; the real weights keep theirs, joined once."""
    if request.node.get_closest_marker("model") is None:
        monkeypatch.setenv("GILJABI_CACHE", str(tmp_path / "cache"))
    for name in ("GILJABI_API_KEY", "HF_ENDPOINT", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
