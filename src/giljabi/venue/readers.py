"""Other people's place records into our places.json: each known shape has one reader.

Three shapes of JSON records are known: *campus* (building_code, nearby_buildings), *walk*
(estimated_time_walking from a station, no code) and *transit* (distance_km, transit).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.venue.schema import check, shown
from giljabi.venue.written import read_json, read_list

Record = dict[str, Any]
Wording = Mapping[str, Mapping[str, Any]]

SIDES = {
    "오른쪽": "right", "왼쪽": "left", "위쪽": "up", "아래쪽": "down", "앞쪽": "front", "앞": "front",
    "뒤쪽": "behind", "뒤": "behind", "옆": "beside", "바로 옆": "beside", "근처": "near",
    "멀리": "far", "방향": "toward", "오른쪽 위": "right-up", "오른쪽 아래": "right-down",
    "왼쪽 위": "left-up", "왼쪽 아래": "left-down", "맞은편": "opposite",
}  # fmt: skip
_LANDMARKS = {
    "GATE": ("출입구", "gate"), "ST_": ("지하철역", "subway station"),
    "BUS": ("버스 정류장", "bus stop"), "104": ("출입구", "gate"), "HYU_EXIT2": ("출입구", "gate"),
}  # fmt: skip


def read_records(path: Path, wording: Wording) -> list[Record]:
    """Place records of any known shape as places.json records, each field with its source.

    GiljabiError names the file, the record and the field where a record fits no shape.
    """
    raw = read_list(path)
    if not raw:
        raise GiljabiError(f"{path}: expected a list of place records.")
    out = []
    for n, (_, record) in enumerate(raw):
        if not isinstance(record, dict):
            raise GiljabiError(f"{path}: record {n}: expected an object.")
        spot = f"{path}: record {n} ({shown(record.get('name', 'no name'))})"
        place = _shape(record, spot)(record, wording, spot, path.name)
        check(place, "place", f"{spot}, as a place")
        out.append(place)
    return out


def _shape(record: Record, spot: str) -> Callable[[Record, Wording, str, str], Record]:
    if "building_code" in record:
        return _campus
    if "transit" in record:
        return _transit
    if "estimated_time_walking" in record:
        return _walk
    raise GiljabiError(
        f"{spot}: fits no known shape: it has none of the fields building_code, transit and "
        "estimated_time_walking."
    )


def _get(record: Record, field: str, kind: type | tuple[type, ...], spot: str) -> Any:
    value = record.get(field)
    if not isinstance(value, kind) or isinstance(value, bool):
        want = kind.__name__ if isinstance(kind, type) else "number"
        raise GiljabiError(f"{spot}: field {field} should be {want}, found {shown(value)}.")
    return value


def _both(ko: str, english: Mapping[str, Any]) -> Record:
    return {"ko": ko, "en": english[ko]} if ko in english else {"ko": ko}


def _named(record: Record, key: str, wording: Wording, spot: str) -> Record:
    """What every shape shares: id, name, aliases, kind, minutes."""
    known = wording["names"].get(key, {})
    name = {"ko": _get(record, "name", str, spot)}
    if "en" in known:
        name["en"] = known["en"]
    out: Record = {
        "id": key,
        "name": name,
        "kind": _both(_get(record, "category", str, spot), wording["kinds"]),
        "minutes": _get(record, "estimated_time_walking", int, spot),
    }
    if known.get("aliases"):
        out["aliases"] = list(known["aliases"])
    if "inside" in known:
        out["inside"] = known["inside"]
    return out


def _campus(record: Record, wording: Wording, spot: str, source: str) -> Record:
    code = _get(record, "building_code", str, spot)
    place = _named(record, code, wording, spot)
    nearby = _get(record, "nearby_buildings", dict, spot)
    neighbours = []
    for rank in ("nearest", "second"):
        beside = _get(nearby, rank, dict, f"{spot}: nearby_buildings")
        side = SIDES.get(_get(beside, "direction", str, f"{spot}: nearby_buildings.{rank}"))
        if side is None:
            raise GiljabiError(
                f"{spot}: nearby_buildings.{rank}.direction: {beside['direction']!r} is none of "
                f"{', '.join(SIDES)}."
            )
        neighbours.append({"name": _get(beside, "name", str, spot), "side": side})
    features = [f.strip() for f in _get(record, "notable_features", str, spot).split(",")]
    place |= {
        "area": "campus",
        "code": code,
        "floors": _floors(_get(record, "floor_info", str, spot), wording["floors"]),
        "features": [_both(f, wording["features"]) for f in features if f],
        "neighbours": neighbours,
    }
    fields = ("name", "code", "kind", "minutes", "floors", "features", "neighbours")
    return _sourced(place, fields, source, code, wording)


def _floors(text: str, english: Mapping[str, Any]) -> Record:
    above = re.search(r"지상\s*(\d+)\s*층", text)
    below = re.search(r"지하\s*(\d+)\s*층", text)
    if not above and not below:
        return {"note": _both(text, english)}
    return {k: int(m[1]) for k, m in (("above", above), ("below", below)) if m}


def _walk(record: Record, wording: Wording, spot: str, source: str) -> Record:
    key = _get(record, "id", str, spot)
    place = _named(record, key, wording, spot) | {"area": "1km"}
    return _sourced(place, ("name", "kind", "minutes", "inside"), source, key, wording)


def _transit(record: Record, wording: Wording, spot: str, source: str) -> Record:
    key = _get(record, "id", str, spot)
    place = _named(record, key, wording, spot) | {
        "area": "2km",
        "distance_km": float(_get(record, "distance_km", (int, float), spot)),
    }
    ride = _get(record, "transit", dict, spot)
    by_bus = _get(ride, "mode", str, f"{spot}: transit") == "bus"
    stops = wording["landmarks"]
    out: Record = {
        "mode": "bus" if by_bus else "subway",
        "lines": _get(ride, "buses", list, f"{spot}: transit")
        if by_bus
        else [_get(ride, "line", str, f"{spot}: transit")],
        "board": _both(_get(ride, "board_stop" if by_bus else "board_station", str, spot), stops),
        "alight": _both(
            _get(ride, "alight_stop" if by_bus else "alight_station", str, spot), stops
        ),
    }
    if by_bus and (found := re.search(r"(\d+)번 출구", str(ride.get("exit", "")))):
        out["board_exit"] = int(found[1])
    if not by_bus and ride.get("alight_exit") is not None:
        out["alight_exit"] = _get(ride, "alight_exit", int, f"{spot}: transit")
    if ride.get("last_walk_min") is not None:
        out["walk_minutes"] = _get(ride, "last_walk_min", int, f"{spot}: transit")
    place["transit"] = out
    if record.get("transport_type") == "대중교통 권장":
        place["details"] = {
            "transport": {"ko": "대중교통 이용 권장", "en": "public transport is recommended"}
        }
    fields = ("name", "kind", "minutes", "distance_km", "transit")
    out = _sourced(place, fields, source, key, wording)
    out["sources"] |= {f"details.{d}": f"{source} {key}" for d in place.get("details", ())}
    return out


def _sourced(
    place: Record, fields: Sequence[str], source: str, key: str, wording: Wording
) -> Record:
    sources = {f: f"{source} {key}" for f in fields if f in place}
    known = wording["names"].get(key, {})
    if "en" in place["name"]:
        sources["name.en"] = known.get("source", "wording")
    if "aliases" in place:
        sources["aliases"] = known.get("source", "wording")
    place["sources"] = sources
    return place


def add_coordinates(places: list[Record], path: Path, wording: Wording) -> list[Record]:
    """Points, English names and aliases merged in by building code; unknown codes are landmarks."""
    raw = read_json(path)
    if not isinstance(raw, dict) or not isinstance(raw.get("places"), list):
        raise GiljabiError(f"{path}: expected an object with the list places.")
    by_id = {p["id"]: p for p in places}
    for n, row in enumerate(raw["places"]):
        check(row, "coordinates", f"{path}: record {n}")
        spot, code = f"{path}: record {n}", row["building_code"]
        if code not in by_id:
            by_id[code] = _landmark(row, code, wording, spot, path.name)
        place = by_id[code]
        _merge_names(place, row, path.name)
        if row.get("lat") is not None:
            place["point"] = {"lat": row["lat"], "lon": row["lon"]}
            used = " ".join(s["src"] for s in row.get("sources", ()))
            flag = ", sources disagree by over 40 m" if row.get("flag_over_40m") else ""
            place["sources"]["point"] = f"{path.name} {code} ({used}{flag})"
    return list(by_id.values())


def _landmark(row: Record, code: str, wording: Wording, spot: str, source: str) -> Record:
    kind = next((v for k, v in _LANDMARKS.items() if code.startswith(k)), ("시설", "facility"))
    known = wording["names"].get(code, {})
    name = {"ko": _get(row, "name_ko", str, spot)}
    if "en" in known:
        name["en"] = known["en"]
    place: Record = {
        "id": code,
        "name": name,
        "kind": dict(zip(("ko", "en"), kind, strict=True)),
        "area": "landmark",
        "sources": {"name": f"{source} {code}", "kind": "giljabi (from the code's prefix)"},
    }
    if code.isdigit():
        place["code"] = code
    if known.get("aliases"):
        place["aliases"] = list(known["aliases"])
    if "en" in name:
        place["sources"]["name.en"] = known.get("source", "wording")
    return place


def _merge_names(place: Record, row: Record, source: str) -> None:
    if row.get("name_en"):
        place["name"]["en"] = row["name_en"]
        place["sources"]["name.en"] = row.get("name_en_source") or source
    aliases = [*row.get("aliases_ko", ()), *row.get("aliases_en", ()), *place.get("aliases", ())]
    # "(오기)" marks a misspelling people use: it still has to be understood.
    clean = dict.fromkeys(a.replace("(오기)", "").strip() for a in aliases)
    clean.pop(place["name"]["ko"], None)
    if clean:
        place["aliases"] = list(clean)
        place["sources"]["aliases"] = f"{source} {place['id']}"


def resolve_neighbours(places: list[Record]) -> None:
    """Give a neighbour its place id where its recorded name means exactly one place."""
    index: dict[str, set[str]] = {}
    for p in places:
        ko = p["name"]["ko"]
        forms = {ko, ko.partition("(")[0].strip(), *re.findall(r"\(([^()]+)\)", ko)}
        for form in forms | set(p.get("aliases", ())):
            index.setdefault(form.replace(" ", ""), set()).add(p["id"])
    for p in places:
        exact = {q["name"]["ko"]: q["id"] for q in places}
        for n in p.get("neighbours", ()):
            name = n["name"].replace("한양여대", "한양여자대학교").replace(" ", "")
            found = index.get(n["name"].replace(" ", ""), set()) | index.get(name, set())
            if n["name"] in exact:
                n["place"] = exact[n["name"]]
            elif len(found) == 1:
                n["place"] = next(iter(found))


def read_wording(folder: Path) -> dict[str, Any]:
    """English words for kinds, features, floors and landmarks, and names by place id.

    Both files, wording.json and names.json, are optional; nothing is translated by machine.
    """
    out: dict[str, Any] = {"kinds": {}, "features": {}, "floors": {}, "landmarks": {}, "names": {}}
    if (folder / "wording.json").is_file():
        words = read_json(folder / "wording.json")
        check(words, "wording", str(folder / "wording.json"))
        out |= words
    if (folder / "names.json").is_file():
        out["names"] = read_json(folder / "names.json")
        check(out["names"], "names", str(folder / "names.json"))
    return out


def import_places(
    records: Sequence[Path], coordinates: Path | None, wording: Wording
) -> list[Record]:
    """All records as one places.json list; ids are unique across files or GiljabiError."""
    places: list[Record] = []
    seen: dict[str, Path] = {}
    for path in records:
        for place in read_records(path, wording):
            if place["id"] in seen:
                raise GiljabiError(f"{path}: id {place['id']} is already in {seen[place['id']]}.")
            seen[place["id"]] = path
            places.append(place)
    if coordinates is not None:
        places = add_coordinates(places, coordinates, wording)
        for place in places:
            check(place, "place", f"{coordinates}: place {place['id']}")
    resolve_neighbours(places)
    return places
