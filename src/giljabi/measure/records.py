"""An answer against the raw records: which of its statements are found nowhere.

Knows the record files as their makers wrote them, and nothing of the venue folder, the facts or
the verifier: it is the second opinion on all three.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from giljabi.errors import GiljabiError
from giljabi.measure.statements import Statement, numbers, sentences, sides

RECORD_FILES = ("campus.json", "within_1km.json", "within_2km_reconstructed.json")
COORDINATES = "hanyang_coordinates.json"
_GATE = ("애지문", "예지문", "에지문", "한양대역", "Aejimun", "Aeji Gate", "Hanyang Univ. Station")
_PLACE_KO = re.compile(
    r"[가-힣A-Za-z0-9/]*[가-힣A-Za-z0-9](?:관|센터|극장|체육관|운동장|플라자|파크|하우스|약국|서점|병원|학교|역|정류장)"
    r"(?=[은는이가을를에의과와도로,.\s()'\"]|까지|부터|입니다|이에요|예요|$)"
)
_NOT_A_NAME = re.compile(
    r"^(?:영화관|기관|지역|구역|영역|무역|권역|습관|경관|장관|현관|상관|연관|보관|학교|우리학교|병원|도서관|기숙사|약국|서점|체육관|극장|정류장|"
    r"이역|그역|어느역|지하철역|버스정류장|건물과|생활관|법학관|공학관|음악관|의학관|\d+관|[^가-힣]+)$"
)
_PLACE_EN = re.compile(
    r"(?:[A-Z0-9][\w'/&-]*\s+(?:of\s+|and\s+)?)+(?:Building|Hall|Gymnasium|Library|Annex|Museum|Theater)(?:\s\d)?\b"
)
_EN_COMMON = """
the a an of and university hanyang building hall campus main student center library number public
gu seongdong seongdonggu rainbow chaekmaru is in at to from yes no it for exit your this that
"""
_CALLED = re.compile(r"추정|estimated", re.I)
_START = re.compile(
    r"^(?:\S+까지는 )?(?P<ko>[^,.]*?)에서\s|\b[Ff]rom (?:the )?(?P<en>[A-Z0-9][^,]*?)(?= to |,| takes| \(|\.)"
)
_OWN = re.compile(r"\s*\(|(?:은|는|의)?\s*|\s*(?:is|,)\s*", re.I)
_PER_PLACE = ("minutes", "floors", "basement", "kilometres")
_DENIAL = re.compile(
    r"없|모르|모릅|찾지 못|않|아니|혹시|"
    r"\b(?:not|no|couldn't|can't|cannot|don't|doesn't|isn't|did you mean|unknown)\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Checked:
    """Statements the records do not hold: flatly said ones, and estimates called estimates."""

    unsupported: tuple[str, ...]
    estimated: tuple[str, ...]


class Named(NamedTuple):
    """A place named in a sentence: where, and which record."""

    start: int
    end: int
    code: str


@dataclass(frozen=True, slots=True)
class _Record:
    names: tuple[str, ...]
    values: frozenset[tuple[str, str]]
    text: str


class RawRecords:
    """The raw records, asked whether they hold what an answer says."""

    def __init__(self, records: Mapping[str, _Record], known: str) -> None:
        self._records = records
        # One long text: a name is known when any record or any known spelling holds it.
        self._known = re.sub(r"\s", "", known)
        self._known_words = frozenset(re.findall(r"[a-z0-9]+", known.casefold())) | {
            *_EN_COMMON.split()
        }
        pairs = [(name, code) for code, record in records.items() for name in record.names]
        longest = sorted(pairs, key=lambda pair: -len(pair[0]))
        self._by_name = [(_whole(name.casefold()), code) for name, code in longest]

    @classmethod
    def load(cls, folder: Path) -> RawRecords:
        """Read the record files in `folder`, and the coordinate file's names where it is there."""
        extra = {
            str(row["building_code"]): row for row in _read(folder / COORDINATES).get("places", ())
        }
        records: dict[str, _Record] = {}
        for file in RECORD_FILES:
            for raw in _read(folder / file).get("places", ()):
                code = str(raw.get("building_code") or raw.get("id"))
                records[code] = _record(code, raw, extra.get(code, {}))
        if not records:
            raise GiljabiError(f"{folder}: holds none of {', '.join(RECORD_FILES)}.")
        names = [name for row in extra.values() for name in _extra_names(row)]
        known = " ".join([*_GATE, *names, *(record.text for record in records.values())])
        return cls(records, known)

    def unsupported(self, answer: str, place_codes: Sequence[str]) -> list[str]:
        """What the answer says that no record of its places holds; estimates are left out."""
        return list(self.check(answer, place_codes).unsupported)

    def check(self, answer: str, place_codes: Sequence[str]) -> Checked:
        """Every statement of the answer looked up, sentence by sentence."""
        wrong: list[str] = []
        estimated: list[str] = []
        for sentence in sentences(answer):
            named = self._named(sentence)
            for said in numbers(sentence):
                if self._holds(said, sentence, named, place_codes):
                    continue
                guess = said.marked and said.kind in ("minutes", "metres", "kilometres")
                between = len(_spots(named)) > 1 or _starts_elsewhere(sentence)
                (estimated if guess and between else wrong).append(said.words)
            scope = [*place_codes, *(one.code for one in named)]
            for said in sides(sentence):
                if not any(("side", said.value) in self._values(code) for code in scope):
                    wrong.append(said.words)
            wrong += self._unknown_names(sentence)
        return Checked(tuple(dict.fromkeys(wrong)), tuple(dict.fromkeys(estimated)))

    def _values(self, code: str) -> frozenset[tuple[str, str]]:
        record = self._records.get(code)
        return record.values if record else frozenset()

    def _named(self, sentence: str) -> list[Named]:
        """Every place named, in order; a longer name hides the shorter ones in it."""
        low = sentence.casefold()
        found: list[Named] = []
        for pattern, code in self._by_name:
            for hit in pattern.finditer(low):
                a, b = hit.span()
                if not any(x <= a and b <= y and (x, y) != (a, b) for x, y, _ in found):
                    found.append(Named(a, b, code))
        for gate in _GATE:
            hits = re.finditer(re.escape(gate.casefold()), low)
            found += [Named(*hit.span(), "gate") for hit in hits]
        return sorted(found)

    def _holds(
        self, said: Statement, sentence: str, named: Sequence[Named], codes: Sequence[str]
    ) -> bool:
        scope = [*codes, *(one.code for one in named)]
        if said.kind == "other":
            texts = [self._records[code].text for code in scope if code in self._records]
            return any(said.value in re.sub(r"[\s,]", "", text).casefold() for text in texts)
        if said.kind == "code":
            # A bus is often called by its bare number: "241번을 타세요".
            if any(("bus", said.value) in self._values(code) for code in scope):
                return True
            owners = [
                one.code
                for one in named
                if one.end <= said.at and _OWN.fullmatch(sentence[one.end : said.at])
            ]
            if said.value not in self._records:
                # "312번 건물은 자료에 없어요" claims nothing about a building 312.
                return bool(_DENIAL.search(sentence))
            if owners and said.value not in owners:
                return False
        places = [one for one in named if one.code != "gate"]
        # Where a place of the answer goes by a name the records lack (an English one), the number
        # may be its own: only a sentence whose places are all known is read place by place.
        all_known = {one.code for one in places} >= set(codes)
        if len(codes) > 1 and all_known and said.kind in _PER_PLACE:
            scope = _beside(said, sentence, places)
        return any((said.kind, said.value) in self._values(code) for code in scope)

    def _unknown_names(self, sentence: str) -> list[str]:
        if _DENIAL.search(sentence):
            return []
        korean = [hit[0] for hit in _PLACE_KO.finditer(sentence) if not _NOT_A_NAME.match(hit[0])]
        wrong = [name for name in korean if name not in self._known]
        for hit in _PLACE_EN.finditer(sentence):
            words = re.findall(r"[a-z0-9]+", hit[0].casefold())
            if any(word not in self._known_words for word in words[-3:]):
                wrong.append(hit[0])
        return wrong


def _whole(name: str) -> re.Pattern[str]:
    edge = r"\b" if name.isascii() else ""
    return re.compile(edge + re.escape(name) + edge)


def _spots(named: Sequence[Named]) -> set[str]:
    return {one.code for one in named}


def _starts_elsewhere(sentence: str) -> bool:
    """An estimate called one, of a walk that starts where no record measures from.

    The places of such a walk need not be named as the records name them: those are Korean.
    """
    found = _START.search(sentence)
    start = re.sub(r"\s", "", (found["ko"] or found["en"]) if found else "").casefold()
    gates = (re.sub(r"\s", "", name).casefold() for name in _GATE)
    return bool(start) and _CALLED.search(sentence) is not None and start not in gates


def _beside(said: Statement, sentence: str, places: Sequence[Named]) -> list[str]:
    """The places a number belongs to in a sentence about several.

    Without this "A is 3, B is 4" would pass with the numbers exchanged. Korean puts the number
    after its place; English puts it on either side.
    """
    before = [one for one in places if one.end <= said.at]
    after = [one for one in places if one.start >= said.at]
    near = [one.code for one in before if one.end == before[-1].end]
    if not near or not re.search(r"[가-힣]", sentence[said.at :]):
        near += [one.code for one in after if one.start == after[0].start]
    return near


def _read(path: Path) -> dict[str, Any]:
    """The file as {"places": rows}; an absent file holds nothing."""
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise GiljabiError(f"{path}: cannot be read as JSON ({error}).") from error
    return content if isinstance(content, dict) else {"places": content}


def _extra_names(row: Mapping[str, Any]) -> list[str]:
    return [
        str(row["name_ko"]),
        str(row.get("name_en") or ""),
        *row["aliases_ko"],
        *row["aliases_en"],
    ]


def _record(code: str, raw: Mapping[str, Any], extra: Mapping[str, Any]) -> _Record:
    name = str(raw["name"])
    names = [name]
    if "(" in name:
        names += [part.strip() for part in re.split(r"[()/,]", name)]
    if code[:1] in "KT" and " " in name:
        names.append(name.rsplit(" ", 1)[0])
    names += _extra_names(extra) if extra else []
    long_enough = tuple(dict.fromkeys(one for one in names if len(one) > 1))
    text = json.dumps(
        {key: value for key, value in raw.items() if key != "votes"}, ensure_ascii=False
    )
    return _Record(long_enough, frozenset(_values_of(code, raw)), f"{text} {' '.join(long_enough)}")


def _values_of(code: str, raw: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Everything one record states, in the spelling of statements."""
    way = raw.get("route_description") or raw.get("route_description_qa") or ""
    text = " ".join(way.values()) if isinstance(way, dict) else str(way)
    values: set[tuple[str, str]] = {("code", code)}
    for sentence in sentences(f"{text}\n{raw.get('floor_info', '')}"):
        values |= {(said.kind, said.value) for said in numbers(sentence)}
        values |= {(said.kind, said.value) for said in sides(sentence)}
    for near in raw.get("nearby_buildings", {}).values():
        values |= {(said.kind, said.value) for said in sides(str(near["direction"]))}
    values.add(("minutes", str(raw["estimated_time_walking"])))
    if raw.get("distance_km"):
        km = float(raw["distance_km"])
        values |= {("kilometres", f"{km:g}"), ("metres", f"{km * 1000:g}")}
    return values | _transit_values(raw.get("transit") or {})


def _transit_values(ride: Mapping[str, Any]) -> set[tuple[str, str]]:
    values = {("bus", str(bus).removeprefix("성동")) for bus in ride.get("buses", ())}
    for key, kind in (("last_walk_min", "minutes"), ("alight_exit", "exit")):
        if ride.get(key) is not None:
            values.add((kind, str(ride[key])))
    values |= {
        (said.kind, said.value)
        for key in ("exit", "line")
        for said in numbers(str(ride.get(key, "")))
    }
    return values
