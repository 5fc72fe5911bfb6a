from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def shared() -> Path:
    if not (SHARED / "venue" / "campus.json").exists():
        pytest.skip(f"the reference material is not at {SHARED}")
    return SHARED
