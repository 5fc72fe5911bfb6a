"""corrections.toml: mends laid over the places, each with its reason; every mend keeps what it replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.venue import records
from giljabi.venue.place import Correction, Place
from giljabi.venue.schema import check
from giljabi.venue.written import read_toml


def mended(path: Path, places: tuple[Place, ...]) -> tuple[Place, ...]:
    """The places with the mends of `path` laid over them; GiljabiError names the mend at fault."""
    mends = read_toml(path)
    check(mends, "mends", str(path))
    by_id = {p.id: p for p in places}
    for n, m in enumerate(mends.get("correction", ()), 1):
        spot = f"{path}: correction {n}"
        check(m, "correction", spot)
        if m["place"] not in by_id:
            raise GiljabiError(f"{spot}: there is no place {m['place']}.")
        check(m["value"], f"place/properties/{m['field']}", f"{spot}, value")
        by_id[m["place"]] = _with(by_id[m["place"]], m)
    for n, m in enumerate(mends.get("neighbour", ()), 1):
        spot = f"{path}: neighbour {n}"
        check(m, "neighbour", spot)
        if m["place"] and m["place"] not in by_id:
            raise GiljabiError(f'{spot}: there is no place {m["place"]}; "" keeps it a landmark.')
        for place in list(by_id.values()):
            by_id[place.id] = _with_neighbour(place, m)
    return tuple(by_id[p.id] for p in places)


def _with(place: Place, m: Mapping[str, Any]) -> Place:
    field = m["field"]
    parse: dict[str, Any] = {
        "transit": records.transit, "floors": records.floors, "inside": records.inside,
        "name": records.text, "point": records.point,
    }  # fmt: skip
    mend = Correction(field, getattr(place, field), m["reason"], m["source"])
    new: dict[str, Any] = {field: parse.get(field, lambda v: v)(m["value"])}
    return replace(place, corrections=(*place.corrections, mend), **new)


def _with_neighbour(place: Place, m: Mapping[str, str]) -> Place:
    mends = list(place.corrections)
    out = []
    for n in place.neighbours:
        if n.name == m["name"]:
            mends.append(Correction(f"neighbours.{n.name}", n.place, m["reason"], m["source"]))
            out.append(replace(n, place=m["place"] or None))
        else:
            out.append(n)
    return replace(place, neighbours=tuple(out), corrections=tuple(mends))
