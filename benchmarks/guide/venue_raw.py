"""The venue's raw records, as the question set reads them.

Knows names, fields and nothing of the product: gold must not come from the code it judges.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RECORD_FILES = ("campus.json", "within_1km.json", "within_2km_reconstructed.json")
# Minutes that the coordinates refute (338 m in 1 min, 544 m in 2 min), or that the record's own
# text refutes (a subway ride told as a walk; 1.5 km told as 13 min).
BAD_MINUTES = frozenset({"301", "306", "K29", "T07"})
# Distances with fewer than three votes behind them.
BAD_DISTANCE = frozenset({"T07", "T08"})
_SIDE = re.compile(r"[()/,]")


@dataclass(frozen=True, slots=True)
class Place:
    """One raw record, its fields under one name whatever file it came from."""

    code: str
    name: str
    names_ko: tuple[str, ...]
    names_en: tuple[str, ...]
    raw: dict[str, Any] = field(hash=False)

    @property
    def names(self) -> list[str]:
        """Every name an answer may use."""
        return list(dict.fromkeys((*self.names_ko, *self.names_en)))

    @property
    def category(self) -> str:
        """The record's category word."""
        return str(self.raw["category"])

    @property
    def features(self) -> list[str]:
        """The notable features, one by one."""
        return [part.strip() for part in str(self.raw.get("notable_features", "")).split(",")]

    @property
    def floor_info(self) -> str:
        """What the record says of floors; not always a number."""
        return str(self.raw["floor_info"])

    @property
    def floors(self) -> int | None:
        """Floors above ground, or None where the record has no number."""
        found = re.search(r"지상 (\d+)층", self.floor_info)
        return int(found[1]) if found else None

    @property
    def minutes(self) -> int:
        """Walking minutes from the gate; refuses the ones known to be wrong."""
        if self.code in BAD_MINUTES:
            raise ValueError(f"{self.code}: its minutes are known to be wrong; do not ask for them")
        return int(self.raw["estimated_time_walking"])

    @property
    def neighbours(self) -> list[tuple[str, str]]:
        """(name as written, direction) of the two recorded neighbours."""
        near = self.raw.get("nearby_buildings", {})
        return [
            (near[rank]["name"], near[rank]["direction"])
            for rank in ("nearest", "second")
            if rank in near
        ]

    @property
    def route_text(self) -> str:
        """Every sentence about the way there."""
        way = self.raw.get("route_description", "")
        if isinstance(way, dict):
            return " ".join(way.values())
        return str(way or self.raw.get("route_description_qa", ""))

    @property
    def transit(self) -> dict[str, Any]:
        """The bus or subway ride of a 2 km place."""
        return dict(self.raw["transit"])

    @property
    def distance_km(self) -> float:
        """Kilometres from the station; refuses thinly supported ones."""
        if self.code in BAD_DISTANCE:
            raise ValueError(f"{self.code}: its distance has too few votes; do not ask for it")
        return float(self.raw["distance_km"])


@dataclass(frozen=True, slots=True)
class RawVenue:
    """All raw records by code."""

    places: dict[str, Place]

    @classmethod
    def load(cls, folder: Path, renderings: Mapping[str, list[str]] | None = None) -> RawVenue:
        """Read the three record files and the names of the coordinate file.

        `renderings` adds English names by code, for places the coordinate file does not name.
        """
        more = renderings or {}
        listed = json.loads((folder / "hanyang_coordinates.json").read_text("utf-8"))["places"]
        extra = {str(row["building_code"]): row for row in listed}
        places: dict[str, Place] = {}
        for file in RECORD_FILES:
            for raw in json.loads((folder / file).read_text("utf-8")):
                code = str(raw.get("building_code") or raw["id"])
                places[code] = _place(code, raw, extra.get(code, {}), more.get(code, []))
        return cls(places)

    def __getitem__(self, code: str) -> Place:
        return self.places[code]

    def resolve(self, name: str) -> Place | None:
        """The place a neighbour's written name means, if exactly that name is known."""
        for place in self.places.values():
            if name in place.names_ko or name == place.name:
                return place
        return None

    def starting(self, name: str) -> list[Place]:
        """The places a shortened name may mean ("사범대학" is a main building and an annex)."""
        return [place for place in self.places.values() if place.name.startswith(name)]

    def holding(self, keywords: list[str]) -> list[Place]:
        """Places whose name, features or category contain one of the words."""
        found = []
        for place in self.places.values():
            text = " ".join((place.name, place.category, *place.features))
            if any(word in text for word in keywords):
                found.append(place)
        return found


def _place(code: str, raw: dict[str, Any], extra: dict[str, Any], more: list[str]) -> Place:
    name = str(raw["name"])
    # A slash inside "IT/BT관" is part of the name; one after a bracket parts two names.
    pieces = _SIDE.split(name) if "(" in name else [name]
    korean = [name, *(piece.strip() for piece in pieces if len(piece.strip()) > 1)]
    if name.startswith("한양여자대학교"):
        korean.append(name.replace("한양여자대학교", "한양여대"))
    if code[0] in "KT" and " " in name and not name.startswith("왕십리 "):
        korean.append(name.rsplit(" ", 1)[0])
    # 행복기숙사 is listed as 803's alias and as 809's and 810's feature: it names none of them.
    korean += [alias for alias in extra.get("aliases_ko", ()) if alias != "행복기숙사"]
    english = [*more, extra["name_en"]] if extra.get("name_en") else [*more]
    english += [alias for alias in extra.get("aliases_en", ()) if alias != "Happy Dormitory"]
    english += [
        piece.strip()
        for one in english[:1]
        for piece in _SIDE.split(one)
        if len(piece.strip()) > 2 and "(" in one
    ]
    return Place(code, name, tuple(dict.fromkeys(korean)), tuple(dict.fromkeys(english)), raw)
