from __future__ import annotations

from pathlib import Path

import pytest
from small import HOSPITAL, SMALL

from giljabi.build.dataset import BuildOptions, build
from giljabi.build.maker import Maker
from giljabi.venue.place import Venue


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set of the invented hospital."""
    out = tmp_path_factory.mktemp("data") / "hospital"
    build(HOSPITAL, out, BuildOptions(counts=SMALL, workers=1))
    return out


@pytest.fixture(scope="session")
def hospital_maker(hospital: Venue) -> Maker:
    return Maker(hospital)


@pytest.fixture(scope="session")
def hanyang_maker(hanyang: Venue) -> Maker:
    return Maker(hanyang)
