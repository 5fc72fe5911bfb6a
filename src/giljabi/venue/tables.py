"""Places from a CSV table, and places and walkways from GeoJSON."""

from __future__ import annotations

import csv
import io
import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.venue import drawn
from giljabi.venue.folder import read_json
from giljabi.venue.imported import AREA, Imported, is_latin
from giljabi.venue.place import Point
from giljabi.venue.records import Record
from giljabi.venue.schema import shown
from giljabi.venue.walkways import Tie

_HEADERS = {
    "id": "id", "name": "이름", "name_en": "영문이름", "kind": "종류", "kind_en": "영문종류",
    "code": "번호", "lat": "위도", "lon": "경도", "floors": "층수", "below": "지하",
    "minutes": "도보", "aliases": "별칭", "features": "시설", "hours": "운영시간", "phone": "전화",
    "fee": "요금", "website": "홈페이지", "source": "출처",
}  # fmt: skip
COLUMNS = tuple(_HEADERS)
"""The columns of a table of places; each may bear its Korean header instead."""

_NAMES = {ko: name for name, ko in _HEADERS.items()} | {"name_ko": "name"}
_DETAILS = ("hours", "phone", "fee", "website")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

Row = Mapping[str, str]


def read_csv(path: Path) -> Imported:
    """The places of a table with a header, in UTF-8 or CP949; see COLUMNS.

    GiljabiError names the file, the line and the column of a value that cannot be read.
    """
    lines = csv.reader(io.StringIO(_decoded(path), newline=""), strict=True)
    try:
        header = [h.strip() for h in next(lines, [])]
        columns = _columns(path, header)
        rows = [(lines.line_num, row) for row in lines if any(cell.strip() for cell in row)]
    except csv.Error as e:
        raise GiljabiError(f"{path}, line {lines.line_num}: not CSV: {e}.") from None
    records = _Records(path)
    for line, row in rows:
        if len(row) > len(columns):
            raise GiljabiError(
                f"{path}, line {line}: {len(row)} values for {len(columns)} columns: put a value "
                "that holds a comma in quotes."
            )
        cells = dict(zip(columns, (cell.strip() for cell in row), strict=False))
        records.add(cells, f"line {line}", dict(zip(columns, header, strict=True)))
    if not records.all:
        raise GiljabiError(f"{path}: no place in it: it needs a line for each under the header.")
    return Imported(tuple(records.all))


def _decoded(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as e:
        raise GiljabiError(f"{path} cannot be read: {e.strerror}.") from None
    for encoding in ("utf-8-sig", "cp949"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise GiljabiError(f"{path} is neither UTF-8 nor CP949 text: save it as UTF-8.")


def _columns(path: Path, header: Sequence[str]) -> list[str]:
    columns = [_column(h) for h in header]
    for n, (column, said) in enumerate(zip(columns, header, strict=True)):
        if column not in COLUMNS:
            known = ", ".join(f"{k} ({v})" if k != v else k for k, v in _HEADERS.items())
            raise GiljabiError(f"{path}: unknown column {said!r}; known are {known}.")
        if column in columns[:n]:
            raise GiljabiError(f"{path}: the column {said} is there twice.")
    if "name" not in columns:
        raise GiljabiError(f"{path}: no column name, name_ko or 이름 in the first line.")
    return columns


def _column(header: str) -> str:
    return _NAMES.get(header, header)


class _Records:
    """Rows of words into records; ids are the given ones, else the codes, else p1, p2, …"""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ids: set[str] = set()
        self.all: list[Record] = []

    def add(self, row: Row, where: str, said: Mapping[str, str] | None = None) -> Record:
        """Append the record of one row; `said` holds the headers as the file writes them."""

        def bad(column: str, want: str) -> GiljabiError:
            header = (said or {}).get(column, column)
            return GiljabiError(
                f"{self._path}, {where}, column {header}: expected {want}, found "
                f"{row.get(column, '')!r}."
            )

        name = row.get("name", "")
        if not 1 <= len(name) <= 500:
            raise bad("name", "a name of at most 500 characters")
        record: Record = {"id": self._id(row, bad), "name": _text(name, row.get("name_en"))}
        kind = row.get("kind") or "장소"
        record["kind"] = _text(kind, row.get("kind_en") or ("place" if kind == "장소" else None))
        record["area"] = AREA
        record |= _parsed(row, bad)
        fields = [f for f in record if f not in ("id", "area")]
        fields += ["name.en"] if "en" in record["name"] else []
        fields += [f"details.{d}" for d in record.get("details", ())]
        source = row.get("source") or f"{self._path.name} {where}"
        record["sources"] = dict.fromkeys(fields, source)
        self.all.append(record)
        return record

    def _id(self, row: Row, bad: Callable[[str, str], GiljabiError]) -> str:
        given, code = row.get("id", ""), row.get("code", "")
        if given and not _ID.fullmatch(given):
            raise bad("id", "at most 64 letters, digits, - and _")
        if given in self._ids:
            raise bad("id", "an id that no other place has")
        free = code if _ID.fullmatch(code) and code not in self._ids else ""
        new = (f"p{n}" for n in itertools.count(len(self.all) + 1))
        out = given or free or next(i for i in new if i not in self._ids)
        self._ids.add(out)
        return out


def _text(ko: str, en: str | None) -> dict[str, str]:
    english = en or (ko if is_latin(ko) else "")
    return {"ko": ko, "en": english} if english else {"ko": ko}


def _parsed(row: Row, bad: Callable[[str, str], GiljabiError]) -> Record:
    out: Record = {}
    if code := row.get("code"):
        if len(code) > 16:
            raise bad("code", "at most 16 characters")
        out["code"] = code
    if aliases := _listed(row, "aliases", 120, bad):
        out["aliases"] = aliases
    floors = {k: _whole(row, c, bad) for k, c in (("above", "floors"), ("below", "below"))}
    if known := {k: v for k, v in floors.items() if v is not None}:
        out["floors"] = known
    if features := _listed(row, "features", 500, bad):
        out["features"] = [{"ko": f} for f in features]
    lat, lon = _degrees(row, "lat", 90, bad), _degrees(row, "lon", 180, bad)
    if (lat is None) != (lon is None):
        raise bad("lat" if lat is None else "lon", "both lat and lon or neither")
    if lat is not None:
        out["point"] = {"lat": lat, "lon": lon}
    if (minutes := _whole(row, "minutes", bad)) is not None:
        out["minutes"] = minutes
    details = {d: row[d] for d in _DETAILS if row.get(d)}
    for d, value in details.items():
        if len(value) > 500:
            raise bad(d, "at most 500 characters")
    if details:
        out["details"] = {d: {"ko": value} for d, value in details.items()}
    return out


def _listed(
    row: Row, column: str, longest: int, bad: Callable[[str, str], GiljabiError]
) -> list[str]:
    found = [a.strip() for a in row.get(column, "").split("|")]
    if any(len(a) > longest for a in found):
        raise bad(column, f"names of at most {longest} characters with | between them")
    return list(dict.fromkeys(a for a in found if a))


def _whole(row: Row, column: str, bad: Callable[[str, str], GiljabiError]) -> int | None:
    value = row.get(column, "")
    if not value:
        return None
    if not re.fullmatch(r"[0-9]{1,4}", value):
        raise bad(column, "a whole number from 0 to 9999")
    return int(value)


def _degrees(
    row: Row, column: str, most: int, bad: Callable[[str, str], GiljabiError]
) -> float | None:
    value = row.get(column, "")
    if not value:
        return None
    try:
        degrees = float(value)
    except ValueError:
        degrees = math.nan
    if not abs(degrees) <= most:
        raise bad(column, f"degrees from -{most} to {most}")
    return degrees


def read_geojson(path: Path) -> Imported:
    """Places from the named points and areas of a FeatureCollection, walkways from its lines.

    A place's properties are the columns of a table; a line's are `kind`, `step_free` and
    `source`. Lines meet where they share a vertex or end within two metres of an end.
    GiljabiError names the file and the feature.
    """
    whole = read_json(path)
    features = whole.get("features") if isinstance(whole, dict) else None
    if not isinstance(features, list):
        raise GiljabiError(f"{path}: not a GeoJSON FeatureCollection: it has no list features.")
    records, lines, ties = _Records(path), drawn.Lines(), list[Tie]()
    for n, feature in enumerate(features):
        spot, where = f"{path}, feature {n}", f"feature {n}"
        shape, properties = drawn.parts(feature, spot)
        if shape["type"] in drawn.LINES:
            lines.add(shape, properties, spot, f"{path.name} {where}")
        elif any(properties.get(k) for k in ("name", "name_ko", _HEADERS["name"])):
            outline = drawn.points(shape, spot)
            record = records.add(_row(properties, outline, spot), where)
            points = (Point(**record["point"]), *(outline if len(outline) > 1 else ()))
            ties.append(Tie(record["id"], points, source=record["sources"]["point"]))
    if not records.all:
        raise GiljabiError(f"{path}: no place in it: give a point or an area the property name.")
    links, junctions = lines.network(ties)
    return Imported(tuple(records.all), links, junctions)


def _row(properties: Mapping[str, Any], outline: Sequence[Point], spot: str) -> dict[str, str]:
    """Properties as the columns of a table; a list counts as values with | between them."""
    row: dict[str, str] = {}
    for key, value in properties.items():
        column = _column(key)
        if column in COLUMNS and value is not None:
            values = value if isinstance(value, list) else [value]
            if not all(
                isinstance(v, str | int | float) and not isinstance(v, bool) for v in values
            ):
                raise GiljabiError(
                    f"{spot}, property {key}: should be text, a number or a list of those, found "
                    f"{shown(value)}."
                )
            row[column] = "|".join(map(str, values)).strip()
    lats, lons = [p.lat for p in outline], [p.lon for p in outline]
    row["lat"] = str(round((min(lats) + max(lats)) / 2, 7))
    row["lon"] = str(round((min(lons) + max(lons)) / 2, 7))
    return row
