"""From a rule, its arguments and the raw records to what a right answer must contain.

Every rule raises where the records do not support the question, so that a slip in the
phrasings is found when the set is made and not when a guide is judged.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from venue_raw import Place, RawVenue

_WEAK = {"애지문", "한양대", "한양대역", "한양대학교", "의대", "백남"}


@dataclass(frozen=True, slots=True)
class Gold:
    """What the answer must and must not contain, and the places it is about."""

    groups: list[list[str]]
    codes: list[str]
    banned: list[str] = field(default_factory=list)


def _unique(words: list[str]) -> list[str]:
    return list(dict.fromkeys(word for word in words if word))


def _particle(word: str, closed: str, open_: str) -> list[str]:
    """The word with its Korean particle; both where the last letter is not Hangul."""
    offset = ord(word[-1]) - 0xAC00
    if 0 <= offset < 11172:
        return [word + (closed if offset % 28 else open_)]
    return [word + closed, word + open_]


class Rules:
    """The rules by name; one method a rule."""

    def __init__(self, folder: Path, renderings: Path) -> None:
        self.words = tomllib.loads(renderings.read_text("utf-8"))
        self.said: dict[str, list[str]] = self.words["said"]
        self.venue = RawVenue.load(folder, self.words["name"])

    def apply(self, rule: str, args: list[str]) -> Gold:
        """The gold of one row."""
        method: Callable[..., Gold] | None = getattr(self, f"gold_{rule}", None)
        if method is None:
            raise ValueError(f"no gold rule is called {rule!r}")
        return method(*args)

    def _en(self, table: str, word: str) -> list[str]:
        return [word, *self.words[table].get(word, ())]

    def _count(self, n: int, korean: list[str], english: list[str]) -> list[str]:
        spelled = self.words["number"].get(str(n))
        out = [f"{n}{unit}" for unit in korean]
        for unit in english:
            out += [f"{n} {unit}", f"{n}-{unit}"]
            out += [f"{spelled} {unit}", f"{spelled}-{unit}"] if spelled else []
        return out

    def _minutes(self, n: int) -> list[str]:
        return self._count(n, ["분"], ["min"])

    def _floors(self, n: int) -> list[str]:
        units = ["floor", "stor", "level", "above-ground", "above ground", "ground floor"]
        return [*self._count(n, ["층"], units), f"floors: {n}", f"floors above ground: {n}"]

    def _named(self, written: str) -> list[str]:
        place = self.venue.resolve(written)
        meant = [place] if place else self.venue.starting(written)
        return _unique(
            [
                written,
                *self._en("landmark", written),
                *(name for one in meant for name in one.names),
            ]
        )

    # floors, numbers, kinds, features

    def gold_floors(self, code: str) -> Gold:
        floors = self.venue[code].floors
        if floors is None:
            raise ValueError(f"{code}: the record has no number of floors")
        return Gold([self._floors(floors)], [code])

    def gold_basement(self, code: str) -> Gold:
        found = re.search(r"지하 (\d+)층", self.venue[code].floor_info)
        if not found:
            raise ValueError(f"{code}: the record has no basement floors")
        return Gold(
            [
                self._count(
                    int(found[1]), ["층"], ["basement", "floor", "level", "underground", "below"]
                )
            ],
            [code],
        )

    def gold_no_floors(self, code: str) -> Gold:
        place = self.venue[code]
        if place.floors is not None:
            raise ValueError(f"{code}: the record has a number of floors")
        english = self.words["floor_word"]
        info = place.floor_info
        return Gold(
            [[info, *english.get(info, []), *self.said["abstain"]]],
            [code],
            ["1층 건물", "2층 건물", "3층 건물", "5층 건물"],
        )

    def gold_check_floors(self, code: str, said: str) -> Gold:
        gold = self.gold_floors(code)
        if int(said) == self.venue[code].floors:
            return gold
        banned = [
            f"{said}층{end}"
            for end in ("이에요", "입니다", " 건물이에요", " 건물입니다", "이 맞", " 맞")
        ]
        return Gold(
            gold.groups,
            gold.codes,
            [*banned, f"has {said} floors", f"yes, {said}", f"yes, it has {said}"],
        )

    def gold_code(self, code: str) -> Gold:
        if code not in self.venue.places or not code.isdigit():
            raise ValueError(f"{code}: no campus record has this number")
        return Gold([[code]], [code])

    def gold_name(self, code: str) -> Gold:
        return Gold([self.venue[code].names], [code])

    def gold_category(self, code: str) -> Gold:
        kind = self.venue[code].category
        parts = [re.sub(r"(건물|시설)$", "", part) for part in kind.split("/")]
        return Gold([_unique([*self._en("category", kind), *parts])], [code])

    def gold_features(self, code: str) -> Gold:
        place = self.venue[code]
        return Gold(
            [_unique([word for one in place.features for word in self._en("feature", one)])], [code]
        )

    def gold_has(self, code: str, what: str) -> Gold:
        place = self.venue[code]
        held = f"{place.raw.get('notable_features', '')} {place.route_text} {place.category}"
        if what.replace("_", " ") not in held:
            raise ValueError(f"{code}: the record does not mention {what}")
        return Gold([self._en("feature", what.replace("_", " ")), self.said["yes"]], [code])

    # neighbours

    def gold_on(self, code: str, side: str) -> Gold:
        place = self.venue[code]
        there = [name for name, way in place.neighbours if side in way]
        others = [name for name, way in place.neighbours if side not in way]
        if not there:
            raise ValueError(f"{code}: nothing is recorded {side}")
        banned = [f"{word} {side}" for other in others for word in _particle(other, "이", "가")]
        return Gold(
            [_unique([word for name in there for word in self._named(name)])], [code], banned
        )

    def gold_around(self, code: str) -> Gold:
        near = [word for name, _ in self.venue[code].neighbours for word in self._named(name)]
        if not near:
            raise ValueError(f"{code}: no neighbours are recorded")
        return Gold([_unique(near)], [code])

    def gold_direction(self, target: str, origin: str) -> Gold:
        for name, way in self.venue[origin].neighbours:
            if self.venue.resolve(name) is self.venue[target]:
                return Gold([self._en("direction", way)], [target, origin])
        raise ValueError(f"{origin}: {target} is not a recorded neighbour")

    # ways and minutes

    def gold_minutes(self, code: str) -> Gold:
        return Gold([self._minutes(self.venue[code].minutes)], [code])

    def gold_check_minutes(self, code: str) -> Gold:
        return self.gold_minutes(code)

    def _landmarks(self, place: Place) -> list[str]:
        found: list[str] = []
        text = place.route_text
        for name in place.names_ko:
            text = text.replace(name, "")
        for other in self.venue.places.values():
            known = [one for one in other.names_ko if len(one) > 1 and one not in _WEAK]
            if (
                other.code.isdigit()
                and other.code != place.code
                and any(one in text for one in known)
            ):
                found += [one for one in other.names if one not in _WEAK]
        for mark, english in self.words["landmark"].items():
            if mark in text:
                found += [mark, *english]
        own = " ".join(place.names).casefold()
        return _unique([mark for mark in found if mark.casefold() not in own])

    def gold_route(self, code: str) -> Gold:
        place = self.venue[code]
        marks = self._landmarks(place)
        ways = [
            word
            for way in self.words["way"]
            if way in place.route_text
            for word in self._en("way", way)
        ]
        if not marks and not ways:
            raise ValueError(f"{code}: the route has neither landmark nor direction")
        return Gold([group for group in (_unique(marks), _unique(ways)) if group], [code])

    def gold_where(self, code: str) -> Gold:
        place = self.venue[code]
        near = [word for name, _ in place.neighbours for word in self._named(name)]
        return Gold([_unique([*self._landmarks(place), *near])], [code])

    def gold_between(self, origin: str, target: str) -> Gold:
        return Gold(
            [self.venue[origin].names, self.venue[target].names, self.said["about"]],
            [origin, target],
        )

    def gold_detail(self, code: str, what: str) -> Gold:
        text = what.replace("_", " ")
        if text not in self.venue[code].route_text + str(
            self.venue[code].raw.get("notable_features", "")
        ):
            raise ValueError(f"{code}: the record does not say {text}")
        floor = re.fullmatch(r"(지하 )?(\d+)층", text)
        english: list[str] = []
        if floor and floor[1]:
            english = ["B" + floor[2], "basement"]
        elif floor:
            english = [f"floor {floor[2]}", f"{floor[2]}F"]
            english += [f"{one} floor" for one in self.words["ordinal"][floor[2]]]
        else:
            english = self.words["landmark"].get(text, []) + self.words["way"].get(text, [])
        return Gold([_unique([text, *english])], [code])

    # comparison and search

    def _versus(
        self, winner: Place, loser: Place, value: list[str], ko: list[str], en: list[str]
    ) -> Gold:
        won = [
            f"{word} 더 {end}"
            for one in winner.names_ko
            for word in _particle(one, "이", "가")
            for end in ko
        ]
        lost = [
            f"{word} 더 {end}"
            for one in loser.names_ko
            for word in _particle(one, "이", "가")
            for end in ko
        ]
        won += [f"{name} is {end}" for name in winner.names for end in en]
        lost += [f"{name} is {end}" for name in loser.names for end in en]
        banned = [one for one in lost if not any(one in good for good in won)]
        return Gold([winner.names, _unique([*value, *won])], [winner.code, loser.code], banned)

    def gold_nearer(self, one: str, other: str) -> Gold:
        a, b = sorted((self.venue[one], self.venue[other]), key=lambda place: place.minutes)
        if a.minutes == b.minutes:
            raise ValueError(f"{one} and {other} are equally near")
        return self._versus(a, b, self._minutes(a.minutes), ["가까", "가깝"], ["closer", "nearer"])

    def gold_farther(self, one: str, other: str) -> Gold:
        a, b = sorted((self.venue[one], self.venue[other]), key=lambda place: -place.minutes)
        if a.minutes == b.minutes:
            raise ValueError(f"{one} and {other} are equally far")
        return self._versus(a, b, self._minutes(a.minutes), ["멀", "먼"], ["farther", "further"])

    def gold_taller(self, one: str, other: str) -> Gold:
        a, b = sorted((self.venue[one], self.venue[other]), key=lambda place: -(place.floors or 0))
        if not a.floors or not b.floors or a.floors == b.floors:
            raise ValueError(f"{one} and {other} cannot be told apart by floors")
        return self._versus(a, b, self._floors(a.floors), ["높", "커", "크"], ["taller", "higher"])

    def gold_same_floors(self, one: str, other: str) -> Gold:
        if not self.venue[one].floors or self.venue[one].floors != self.venue[other].floors:
            raise ValueError(f"{one} and {other} differ in floors")
        return Gold([["같", "똑같", "둘 다", "same", "both", "equal"]], [one, other])

    def gold_find(self, keywords: str) -> Gold:
        found = self.venue.holding(keywords.replace("_", " ").split(","))
        if not found:
            raise ValueError(f"no record holds {keywords}")
        return Gold(
            [_unique([name for place in found for name in place.names])],
            [place.code for place in found],
        )

    def gold_nearest(self, keywords: str) -> Gold:
        found = self.venue.holding(keywords.replace("_", " ").split(","))
        least = min(place.minutes for place in found)
        best = [place for place in found if place.minutes == least]
        return Gold(
            [_unique([name for place in best for name in place.names])],
            [place.code for place in best],
        )

    # buses and the subway

    def _stop(self, name: str) -> list[str]:
        return _unique([*self._en("stop", name), name.replace("왕십리 ", "")])

    def gold_bus(self, code: str) -> Gold:
        buses = [str(bus) for bus in self.venue[code].transit["buses"]]
        english = [
            bus.replace("성동", prefix)
            for bus in buses
            if "성동" in bus
            for prefix in ("Seongdong ", "Seongdong-")
        ]
        return Gold([_unique([*buses, *english])], [code])

    def gold_stop(self, code: str) -> Gold:
        ride = self.venue[code].transit
        return Gold([self._stop(str(ride.get("alight_stop") or ride["alight_station"]))], [code])

    def gold_exit(self, code: str) -> Gold:
        votes = self.venue[code].transit["exit_votes"]
        if len(votes) > 1 and votes[1][1] * 2 > votes[0][1]:
            raise ValueError(f"{code}: the votes on the exit are too close")
        n = votes[0][0]
        return Gold(
            [[f"{n}번 출구", f"exit {n}", f"exit no. {n}", f"exit number {n}", f"{n}번"]], [code]
        )

    def gold_alight_exit(self, code: str) -> Gold:
        n = self.venue[code].transit["alight_exit"]
        return Gold([[f"{n}번 출구", f"exit {n}", f"exit no. {n}", f"exit number {n}"]], [code])

    def gold_line(self, code: str) -> Gold:
        line = str(self.venue[code].transit["line"])
        return Gold(
            [[line, f"line {line[0]}", f"line no. {line[0]}", f"line number {line[0]}"]], [code]
        )

    def gold_last_walk(self, code: str) -> Gold:
        return Gold([self._minutes(int(self.venue[code].transit["last_walk_min"]))], [code])

    def gold_ride(self, code: str) -> Gold:
        ride = self.venue[code].transit
        by = self.gold_bus(code) if ride["mode"] == "bus" else self.gold_line(code)
        return Gold([*by.groups, *self.gold_stop(code).groups], [code])

    def gold_distance(self, code: str) -> Gold:
        km = self.venue[code].distance_km
        written = [f"{km:g}", f"{km:.1f}"]
        forms = [f"{n} {unit}" for n in written for unit in ("km", "킬로", "kilomet")]
        return Gold(
            [
                _unique(
                    [
                        *forms,
                        f"{round(km * 1000):,} m",
                        f"{round(km * 1000)} m",
                        f"{round(km * 1000)}미터",
                    ]
                )
            ],
            [code],
        )

    # what the records cannot answer

    def gold_abstain(self, code: str = "") -> Gold:
        return Gold([self.said["abstain"]], [code] if code else [])

    def gold_clarify(self, codes: str) -> Gold:
        places = [self.venue[code] for code in codes.split(",")]
        return Gold(
            [_unique([*self.said["clarify"], *(name for place in places for name in place.names)])],
            [p.code for p in places],
        )

    def gold_outside(self) -> Gold:
        return Gold([[*self.said["abstain"], *self.said["redirect"]]], [])
