from __future__ import annotations

from pathlib import Path

import pytest

from giljabi.answer.guide import Guide
from giljabi.venue import folder
from giljabi.venue.place import Venue

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The reference material beside the project; tests that need it skip without it."""
    if not SHARED.is_dir():
        pytest.skip("../shared is not here")
    return SHARED


@pytest.fixture(scope="session")
def hanyang() -> Venue:
    return folder.load(ROOT / "venues" / "hanyang")


@pytest.fixture(scope="session")
def hospital() -> Venue:
    return folder.load(ROOT / "tests" / "venues" / "hospital")


@pytest.fixture(scope="session")
def guide(hanyang: Venue) -> Guide:
    return Guide(hanyang)


@pytest.fixture(scope="session")
def hospital_guide(hospital: Venue) -> Guide:
    return Guide(hospital)
