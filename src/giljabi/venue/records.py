"""A record of places.json as a Place; what of it does not fit where walks start."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from giljabi.venue.place import Floors, Inside, Neighbour, Place, Point, Text, Transit

Record = dict[str, Any]

WALK = ("minutes", "distance_km")
"""The fields that say how far a place is from the origin."""


def without_walk_to_itself(record: Record, starts: Collection[str]) -> Record:
    """The record, without minutes and kilometres where it is one of the places walks start at."""
    if record["id"] not in starts:
        return record
    out = {k: v for k, v in record.items() if k not in WALK}
    if "sources" in out:
        out["sources"] = {k: v for k, v in out["sources"].items() if k not in WALK}
    return out


def place_from_json(r: Mapping[str, Any]) -> Place:
    """A Place from a record that passed the schema."""
    return Place(
        id=r["id"],
        name=text(r["name"]),
        kind=text(r["kind"]),
        area=r["area"],
        code=r.get("code"),
        aliases=tuple(r.get("aliases", ())),
        floors=floors(r["floors"]) if "floors" in r else None,
        inside=inside(r["inside"]) if "inside" in r else None,
        features=tuple(text(f) for f in r.get("features", ())),
        point=point(r["point"]) if "point" in r else None,
        minutes=r.get("minutes"),
        distance_km=r.get("distance_km"),
        neighbours=tuple(
            Neighbour(n["name"], n["side"], n.get("place")) for n in r.get("neighbours", ())
        ),
        transit=transit(r["transit"]) if "transit" in r else None,
        details={k: text(v) for k, v in r.get("details", {}).items()},
        sources=dict(r.get("sources", {})),
    )


def text(v: Mapping[str, str]) -> Text:
    """Words in Korean and, where known, in English."""
    return Text(v["ko"], v.get("en"))


def point(v: Mapping[str, float]) -> Point:
    """Degrees."""
    return Point(v["lat"], v["lon"])


def floors(v: Mapping[str, Any]) -> Floors:
    """Storeys."""
    return Floors(v.get("above"), v.get("below"), text(v["note"]) if "note" in v else None)


def inside(v: Mapping[str, Any]) -> Inside:
    """A building and the storeys there."""
    return Inside(text(v["host"]) if "host" in v else None, tuple(v.get("levels", ())))


def transit(v: Mapping[str, Any]) -> Transit:
    """A ride."""
    return Transit(
        mode=v["mode"],
        lines=tuple(v["lines"]),
        board=text(v["board"]),
        alight=text(v["alight"]),
        board_exit=v.get("board_exit"),
        alight_exit=v.get("alight_exit"),
        walk_minutes=v.get("walk_minutes"),
    )
