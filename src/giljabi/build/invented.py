"""Invented venues: places nobody knows by heart, so that a model learns to copy the facts it is shown.

The words are data (invented.toml). The same kind, seed and number of places give the same venue.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from giljabi.build.invented_ground import (
    SOURCE,
    Ground,
    hinted,
    lay_outdoors,
    lay_rooms,
    neighbours,
    tie,
)
from giljabi.build.invented_names import Namer, fill, table
from giljabi.build.invented_steps import Walks, directions
from giljabi.errors import GiljabiError
from giljabi.venue.place import Floors, Inside, Place, Point, Text, Transit, Venue

KINDS = ("campus", "hospital", "museum", "town_hall", "park", "mall", "airport")
FEWEST, MOST = 12, 60
_OWN, _LANDMARK, _NEAR = "campus", "landmark", "near"
_FIELDS = ("name", "kind", "code", "aliases", "floors", "inside", "features", "point", "minutes",
           "distance_km", "neighbours", "transit")  # fmt: skip


def invent(kind: str, seed: int, places: int = 40) -> Venue:
    """A venue of that kind. GiljabiError for a kind there is none of, or too few or many places."""
    if kind not in KINDS:
        raise GiljabiError(f"Unknown kind of venue {kind!r}; known: {', '.join(KINDS)}.")
    if not FEWEST <= places <= MOST:
        raise GiljabiError(f"An invented venue has {FEWEST} to {MOST} places, not {places}.")
    return _Inventor(kind, seed, places).venue()


@dataclass
class _Draft:
    """A place being made: the entry of invented.toml it comes from."""

    place: Place
    entry: Mapping[str, Any]


class _Inventor:
    """One venue in the making; every choice is drawn from one generator, in one order."""

    def __init__(self, kind: str, seed: int, places: int) -> None:
        self.kind, self.seed, self.number = kind, seed, places
        self.rng = random.Random(f"{kind}/{seed}/{places}")
        self.namer = Namer(self.rng)
        self.entry = table()[kind]
        corner = Point(round(self.rng.uniform(35.2, 37.8), 4), round(self.rng.uniform(127, 129), 4))
        self.ground = Ground(
            self.rng, self.rng.choice(self.entry["frame"]), self.entry["up"], corner
        )
        self.codes = self.rng.choice(self.entry["codes"])
        self.drafts: dict[str, _Draft] = {}
        self.rooms: dict[str, dict[int, list[str]]] = {}

    def venue(self) -> Venue:
        """The whole of it."""
        named, _ = self.namer.name_of_one([self.entry | {"names": self.entry["venue"]}])
        self._gates()
        counts = self._counts()
        for where in ("building", "spot", "room"):
            self._own(where, counts[where])
        self._lay()
        self._rides(counts["near"])
        places = self._measured()
        walks = Walks.over(self.ground.links, "G1")
        ways = [
            way
            for p in places.values()
            if p.area == _OWN and self._chance(0.7)
            for way in directions(self.ground, walks, places, p.id, 2 if self._chance(0.6) else 1)
        ]
        links = hinted(self.ground, places, 0.3)
        ko, en = named.name.ko, named.name.en or ""
        own = dict.fromkeys((ko, en, *named.aliases))
        return Venue(
            id=f"{self.kind.replace('_', '-')}-{self.seed}", name=named.name, origin="G1",
            languages=("ko", "en"), places=tuple(map(_sourced, places.values())), links=links,
            directions=tuple(sorted(ways, key=lambda d: (d.to, d.rank))), own_names=tuple(own),
            areas={
                _OWN: _text(self.entry["area"]), _LANDMARK: Text("길잡이 지점", "landmark"),
                _NEAR: _text(table()["outside"]["area"]),
            },
            sources={SOURCE: f"an invented {self.kind.replace('_', ' ')}, seed {self.seed}"},
            junctions=self.ground.junctions,
        )  # fmt: skip

    def _chance(self, share: float) -> bool:
        return self.rng.random() < share

    def _counts(self) -> dict[str, int]:
        left = self.number - len(self.drafts) - 2  # the station and the bus stop
        counts = {k: max(1, round(v * self.number)) for k, v in self.entry["share"].items()}
        counts["building"], counts["near"] = max(2, counts["building"]), max(3, counts["near"])
        main = max(("building", "spot", "room"), key=lambda k: float(self.entry["share"][k]))
        if not self.entry["share"]["room"]:
            counts["room"] = 0
        counts[main] = left - sum(n for k, n in counts.items() if k != main)
        return counts

    # ---- what there is ----

    def _gates(self) -> None:
        kind = _text(table()["outside"]["gate_kind"])
        number = 3 if self.number > 30 and self._chance(0.5) else 2
        for n, template in enumerate(self.rng.sample(self.entry["gates"], number), 1):
            named, _ = self.namer.name_of_one([{"names": [template]}])
            self._add(Place(f"G{n}", named.name, kind, _LANDMARK, aliases=named.aliases), {})

    def _add(self, place: Place, entry: Mapping[str, Any]) -> None:
        self.drafts[place.id] = _Draft(place, entry)

    def _own(self, where: str, number: int) -> None:
        entries = [e for e in self.entry["type"] if e["where"] == where]
        make: Mapping[str, Callable[[Place, Mapping[str, Any]], Place]] = {
            "building": self._building, "spot": self._spot, "room": self._room,
        }  # fmt: skip
        for n in range(1, number + 1):
            # Each type once before any comes again, and another where its words have run out.
            first = entries[n - 1 : n] or self.rng.choices(entries, [e["weight"] for e in entries])
            named, entry = self.namer.name_of_one([*first, *entries])
            place = Place(
                f"{where[0].upper()}{n:02d}", named.name, _text(entry["kind"]), _OWN,
                aliases=named.aliases if self._chance(0.85) else (),
                features=self._features(entry), details=self._details(),
            )  # fmt: skip
            place = make[where](place, entry)
            self._add(replace(place, code=self._code(place, n)), entry)

    def _features(self, entry: Mapping[str, Any]) -> tuple[Text, ...]:
        if self._chance(0.12):
            return ()
        some = self.rng.sample(entry["features"], self.rng.choice((1, 1, 2, 2, 3)))
        return tuple(map(_text, some))

    def _details(self) -> dict[str, Text]:
        out = {}
        for key, texts in table()["details"].items():
            if self._chance(0.12):
                words = {
                    "k": str(self.rng.randint(2001, 7999)), "m": f"{self.rng.randint(1, 9)},000",
                    "i": f"place{self.rng.randint(10, 99)}",
                }  # fmt: skip
                out[key] = fill(self.rng.choice(texts), words, words)
        return out

    def _building(self, place: Place, entry: Mapping[str, Any]) -> Place:
        self.rooms[place.id] = {}
        if self._chance(0.08):
            return replace(place, floors=Floors(note=Text("신축", "newly built")))
        below = self.rng.choice((1, 1, 2, 3)) if self._chance(0.45) else None
        return replace(place, floors=Floors(self.rng.randint(*entry["floors"]), below))

    def _spot(self, place: Place, entry: Mapping[str, Any]) -> Place:
        note = Floors(note=_text(self.rng.choice(entry["note"])))
        return replace(place, floors=note if self._chance(0.4) else None)

    def _room(self, place: Place, entry: Mapping[str, Any]) -> Place:
        host = self.rng.choice(list(self.rooms))
        home = self.drafts[host].place
        floors = home.floors or Floors()
        top, bottom = min(floors.above or 2, 6), -(floors.below or 0)
        level = self.rng.choice([n for n in range(bottom, top + 1) if n])
        self.rooms[host].setdefault(level, []).append(place.id)
        host_name = Text(home.label("ko"), home.label("en"))
        return replace(place, inside=Inside(host_name, (level,)))

    def _code(self, place: Place, n: int) -> str | None:
        if self.codes == "none" or place.id.startswith("S") or self._chance(0.1):
            return None
        level = place.inside.levels[0] if place.inside else 0
        many = self.entry["share"]["room"] > 0.2
        if place.inside:
            if self.codes == "number" and not many:
                return None  # the buildings have the three-digit numbers
            if level < 0:
                return f"B{-level}-{n:02d}"
            return f"{level}{n:02d}" if self.codes != "dash" else f"{level}-{n:02d}"
        block = (n - 1) // 6
        # Rooms' numbers begin with their storey, so beside many rooms the buildings' begin with 9;
        # no "A02", which reads as an answer's label.
        numbers = {
            "number": f"{900 + n}" if many else f"{n // 7 + 1}0{n % 7 + 1}",
            "dash": f"{'ABCDEFGHJKLM'[block]}-{n}", "letter-number": f"{'NEWSCDFGHJKL'[block]}{n:02d}",
            "letter": "ABCDEFGHJKLMNPQRSTUVWXYZ"[n - 1] if n <= 24 else f"Z{n}",
        }  # fmt: skip
        return numbers[self.codes]

    # ---- where it is ----

    def _lay(self) -> None:
        gates = [p for p in self.drafts if p.startswith("G")]
        rest = [p for p in self.drafts if p[0] in "BS"]
        self.rng.shuffle(rest)
        places = len(rest) // len(gates[1:])
        order = [gates[0]]
        for n, gate in enumerate(gates[1:]):
            last = n == len(gates) - 2
            order += rest[n * places :] if last else rest[n * places : (n + 1) * places]
            order.append(gate)
        lay_outdoors(self.ground, order, self.entry["spacing"])
        for building, rooms in self.rooms.items():
            if rooms:
                lay_rooms(self.ground, building, rooms)

    def _rides(self, number: int) -> None:
        """The station and the bus stop before the gate, and places a ride away."""
        outside, lines = table()["outside"], {"k": str(self.rng.randint(1, 9))}
        towns = [self.namer.town() for _ in range(2)]
        for ident, key, metres, town in (("ST", "station", 130.0, 0), ("BS", "stop", 60.0, 1)):
            ko, en = ({"v": towns[town][0]} | lines, {"V": towns[town][1]})
            parts = outside[key].split("|")
            aliases = [a.format_map(ko) for a in parts[2].split(";")] + [parts[3].format_map(en)]
            name = fill("|".join(parts[:2]), ko, en)
            kind = _text(outside[f"{key}_kind"])
            self._add(Place(ident, name, kind, _LANDMARK, aliases=tuple(aliases)), {})
            tie(self.ground, ident, "G1", metres)
        for n in range(1, number + 1):
            self._near(n, lines["k"], towns)

    def _near(self, n: int, line: str, towns: Sequence[tuple[str, str]]) -> None:
        outside, some = table()["outside"], list(table()["near"])
        self.rng.shuffle(some)
        town = self.namer.town()
        while town in towns:
            town = self.namer.town()
        named, entry = self.namer.name_of_one(some, v=town)
        km = self.rng.randint(8, 24) / 10
        host = fill(self.rng.choice(outside["hosts"]), {"v": town[0]}, {"V": town[1]})
        ride = self._transit(n, line, towns, town)
        housed = entry.get("housed", True) and self._chance(0.5)
        self._add(
            Place(
                f"N{n:02d}", named.name, _text(entry["kind"]), _NEAR, aliases=named.aliases,
                inside=Inside(host, (self.rng.choice((-1, 1, 2, 3)),)) if housed else None,
                minutes=round(km * 1000 / 67), transit=ride,
                distance_km=km if ride is None or self._chance(0.8) else None,
                details={"transport": _text(outside["transport"])} if self._chance(0.6) else {},
            ),
            entry,
        )  # fmt: skip

    def _transit(
        self, n: int, line: str, towns: Sequence[tuple[str, str]], town: tuple[str, str]
    ) -> Transit | None:
        if n > 2 and self._chance(0.2):
            return None
        rng = self.rng
        walk = rng.randint(2, 7) if n <= 2 or self._chance(0.6) else None
        if n % 2:
            board = Text(f"{towns[0][0]}역", f"{towns[0][1]} Station")
            alight = Text(f"{town[0]}역", f"{town[1]} Station")
            leave = rng.randint(1, 8) if n == 1 or self._chance(0.7) else None
            return Transit("subway", (f"{line}호선",), board, alight, None, leave, walk)
        lines = tuple(str(x) for x in sorted(rng.sample(range(101, 990), rng.choice((1, 1, 2)))))
        stop = fill(rng.choice(table()["outside"]["stops"]), {"v": town[0]}, {"V": town[1]})
        return Transit("bus", lines, Text(*towns[1]), stop, None, None, walk)

    def _measured(self) -> dict[str, Place]:
        """The places with what only the finished ground tells."""
        ground, walks = self.ground, Walks.over(self.ground.links, "G1")
        drafts = {p: d.place for p, d in self.drafts.items()}
        sides = neighbours(ground, drafts)
        out = {}
        for ident, p in drafts.items():
            # Nobody asks the way to where walks start: the origin is told of by the others.
            told = ident != "G1" and self._chance(0.95)
            found = replace(p, neighbours=sides[ident] if told else ())
            laid = ident in ground.spots
            if laid and (p.area == _LANDMARK or self._chance(0.85)):
                found = replace(found, point=ground.point(ident))
            if laid and ident != "G1" and self._chance(0.8):
                minutes = walks.minutes(ident)
                # A walk that is mostly a lift is left to be reckoned.
                if 30 <= ground.metres("G1", ident) / minutes <= 100:
                    found = replace(found, minutes=minutes)
            out[ident] = found
        return out


def _text(pair: str) -> Text:
    ko, _, en = pair.partition("|")
    return Text(ko, en)


def _sourced(p: Place) -> Place:
    held = [f for f in _FIELDS if getattr(p, f)] + [f"details.{d}" for d in p.details]
    return replace(p, sources=dict.fromkeys(held, SOURCE))
