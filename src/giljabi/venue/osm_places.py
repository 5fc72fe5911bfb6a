"""What OpenStreetMap's tags say about a place: its name, kind, storeys, hours and the rest."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from giljabi import korean
from giljabi.venue.imported import AREA, is_latin
from giljabi.venue.place import Point
from giljabi.venue.records import Record

Tags = Mapping[str, str]

# The first of these that a named thing carries says what it is; None takes every value.
_KEYS: dict[str, frozenset[str] | None] = {
    "amenity": None,
    "shop": None,
    "tourism": None,
    "leisure": None,
    "office": None,
    "healthcare": None,
    "historic": None,
    "craft": None,
    "railway": frozenset({"station", "halt", "tram_stop", "subway_entrance"}),
    "public_transport": frozenset({"station"}),
    "highway": frozenset({"bus_stop"}),
    "aeroway": frozenset({"aerodrome", "terminal"}),
    "man_made": frozenset({"tower", "lighthouse", "pier"}),
    "place": frozenset({"square"}),
    "building": None,
    "entrance": None,
    "barrier": frozenset({"gate", "entrance"}),
}
_TRANSPORT = frozenset({"railway", "public_transport", "highway", "aeroway"})
_ALIASES = (
    "name", "name:en", "short_name", "alt_name", "official_name", "loc_name", "old_name",
    "short_name:ko", "alt_name:ko", "old_name:ko", "short_name:en", "alt_name:en", "old_name:en",
)  # fmt: skip
_DETAILS = {
    "hours": ("opening_hours",),
    "phone": ("phone", "contact:phone"),
    "website": ("website", "contact:website"),
    "fee": ("fee",),
}
_LONGEST = 120


@cache
def _words() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads((files("giljabi.venue") / "osm_kinds.toml").read_text("utf-8"))


def kind_key(tags: Tags) -> str | None:
    """The key that says what a thing is, or None where it is nothing to guide people to."""
    for key, values in _KEYS.items():
        value = tags.get(key, "no")
        if value != "no" and (values is None or value in values):
            return key
    return None


def place(tags: Tags, key: str, spot: str, source: str, point: Point) -> Record:
    """The record of a named thing whose kind `key` tells; `spot` is its id, as in n123."""
    name = _name(tags)
    out: Record = {"id": spot, "name": name, "kind": _kind(key, tags[key]), "area": AREA}
    if aliases := _aliases(tags, name):
        out["aliases"] = aliases
    ref = tags.get("ref", "")
    if key not in _TRANSPORT and re.fullmatch(r"[0-9]{1,4}", ref):
        out["code"] = ref
    if floors := _floors(tags):
        out["floors"] = floors
    if details := _details(tags):
        out["details"] = details
    return located(out, source, point)


def located(record: Record, source: str, point: Point) -> Record:
    """The record with its point, and with `source` named for every field."""
    record["point"] = {"lat": round(point.lat, 7), "lon": round(point.lon, 7)}
    fields = [f for f in record if f not in ("id", "area")]
    fields += ["name.en"] if "en" in record["name"] else []
    fields += [f"details.{d}" for d in record.get("details", ())]
    return record | {"sources": dict.fromkeys(fields, source)}


def address(tags: Tags) -> str | None:
    """The house number and street as they are said: "12 Main Street", "세종대로 110"."""
    number, street = tags.get("addr:housenumber"), tags.get("addr:street") or tags.get("addr:place")
    if not number or not street:
        return None
    return f"{street} {number}" if korean.has_hangul(street) else f"{number} {street}"


def plain(spot: str, name: str, kind: tuple[str, str], source: str, point: Point) -> Record:
    """A record of no more than a name and a kind, as of an address or a street."""
    text = {"ko": name, "en": name} if is_latin(name) else {"ko": name}
    record: Record = {
        "id": spot,
        "name": text,
        "kind": {"ko": kind[0], "en": kind[1]},
        "area": AREA,
    }
    return located(record, source, point)


def _name(tags: Tags) -> dict[str, str]:
    name = tags["name"].strip()
    korean_name = tags.get("name:ko", "").strip() or name
    english = tags.get("name:en", "").strip() or (name if is_latin(name) else "")
    return {"ko": korean_name[:500]} | ({"en": english[:500]} if english else {})


def _kind(key: str, value: str) -> dict[str, str]:
    value = value.partition(";")[0].strip()
    words = _words()["kinds"]
    plain_value = value.replace("_", " ")[:_LONGEST]
    both = words.get(f"{key}={value}") or words.get(value) or [plain_value, plain_value]
    if both[0] in ("", "yes"):
        both = [key.replace("_", " ")] * 2
    return {"ko": both[0], "en": both[1]}


def _aliases(tags: Tags, name: Mapping[str, str]) -> list[str]:
    found = [a.strip() for key in _ALIASES for a in tags.get(key, "").split(";")]
    known = set(name.values())
    return list(dict.fromkeys(a for a in found if a and a not in known and len(a) <= _LONGEST))


def _floors(tags: Tags) -> dict[str, int]:
    out = {}
    for field, key in (("above", "building:levels"), ("below", "building:levels:underground")):
        if found := re.match(r"\s*(\d{1,3})(?:\.\d+)?\s*$", tags.get(key, "")):
            out[field] = int(found[1])
    return out


def _details(tags: Tags) -> dict[str, dict[str, str]]:
    out: dict[str, Any] = {}
    for field, keys in _DETAILS.items():
        if value := next((tags[k].strip() for k in keys if tags.get(k, "").strip()), ""):
            out[field] = {"ko": value[:500]}
    if (said := address(tags)) is not None:
        out["address"] = {"ko": said[:500]}
    if both := _words()["wheelchair"].get(tags.get("wheelchair", "")):
        out["wheelchair"] = {"ko": both[0], "en": both[1]}
    return out
