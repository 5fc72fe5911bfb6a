"""Ways through an invented venue as somebody would describe them, true to its map."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import networkx as nx

from giljabi.answer.words import articled
from giljabi.build.invented_ground import SOURCE, Ground
from giljabi.build.invented_names import fill, table
from giljabi.venue.graph import METRES_PER_MINUTE
from giljabi.venue.place import Directions, Link, Place, Text

_TURN = 40.0  # degrees: less than that is straight on
_MOST_STEPS = 7
_AGAIN = 2.0  # how much longer a link counts that the first way took


@dataclass(frozen=True, slots=True)
class Walks:
    """The measured ways of an invented venue from its origin."""

    graph: nx.Graph
    origin: str

    @classmethod
    def over(cls, links: Iterable[Link], origin: str) -> Walks:
        """The quickest link between any two ends."""
        graph = nx.Graph()
        for x in links:
            spent = x.minutes if x.minutes is not None else (x.metres or 0) / METRES_PER_MINUTE
            old = graph.get_edge_data(x.a, x.b)
            if old is None or old["weight"] > spent:
                graph.add_edge(x.a, x.b, weight=spent, kind=x.kind)
        return cls(graph, origin)

    def minutes(self, place: str) -> int:
        """Whole minutes of the quickest walk."""
        spent = nx.dijkstra_path_length(self.graph, self.origin, place)
        return max(1, math.ceil(float(spent) - 1e-9))

    def ways(self, place: str) -> list[list[str]]:
        """The quickest way, and another one where there is one not much longer."""
        first = nx.dijkstra_path(self.graph, self.origin, place)
        taken = {frozenset(pair) for pair in itertools.pairwise(first)}
        second = nx.dijkstra_path(
            self.graph, self.origin, place,
            lambda a, b, e: e["weight"] * (_AGAIN if frozenset((a, b)) in taken else 1),
        )  # fmt: skip
        return [first] if first == second else [first, second]


def directions(
    ground: Ground, walks: Walks, places: Mapping[str, Place], goal: str, ranks: int
) -> Iterator[Directions]:
    """Up to `ranks` described ways to a place; none that takes too many steps."""
    rank = 1
    for way in walks.ways(goal)[:ranks]:
        steps = tuple(_steps(ground, walks, places, way))
        if len(steps) <= _MOST_STEPS:
            yield Directions(goal, walks.origin, rank, steps, SOURCE)
            rank += 1


def _steps(
    ground: Ground, walks: Walks, places: Mapping[str, Place], way: Sequence[str]
) -> Iterator[Text]:
    rng = ground.rng
    outside = [n for n in way if n not in ground.levels]
    inside = way[len(outside) :]
    if len(outside) > 1:
        yield _say(rng, "start", places, a=outside[0], b=outside[1])
    past = 0
    for before, here, after in zip(outside, outside[1:], outside[2:], strict=False):
        turn = _turn(ground, before, here, after)
        if abs(turn) > _TURN:
            yield _say(rng, "left" if turn > 0 else "right", places, a=here)
        elif not past:
            past += 1
            yield _say(rng, "past", places, a=here)
    if not inside:
        # Only a building has an entrance.
        walled = way[-1].startswith("B") and way[-1] != "BS"
        yield _say(rng, "arrive" if walled and rng.random() < 0.4 else "end", places, a=way[-1])
        return
    yield _say(rng, "enter", places, a=outside[-1])
    for a, b in itertools.pairwise(inside):
        kind = walks.graph.edges[a, b]["kind"]
        if a in ground.junctions and b in ground.junctions and not _rides_on(ground, inside, b):
            begun = next(n for n in inside if n in ground.junctions)
            down = "_down" if ground.levels[b] < ground.levels[begun] else ""
            yield _storey(rng, f"{kind}{down}", ground.levels[b])
    if passed := [n for n in inside[:-1] if n in places]:
        yield _say(rng, "past", places, a=passed[-1])
    yield _say(rng, "door", places, a=way[-1])


def _rides_on(ground: Ground, inside: Sequence[str], node: str) -> bool:
    """Whether the way goes on to a further storey from here."""
    return inside[inside.index(node) + 1] in ground.junctions


def _turn(ground: Ground, before: str, here: str, after: str) -> float:
    """Degrees turned at `here`: left is positive."""
    (ax, ay), (bx, by), (cx, cy) = (ground.spots[n] for n in (before, here, after))
    first, then = math.atan2(by - ay, bx - ax), math.atan2(cy - by, cx - bx)
    return (math.degrees(then - first) + 180) % 360 - 180


def _say(rng: random.Random, key: str, places: Mapping[str, Place], **names: str) -> Text:
    ko = {k: places[v].label("ko") for k, v in names.items()}
    en = {k: articled(places[v].label("en")) for k, v in names.items()}
    return fill(rng.choice(table()["steps"][key]), ko, en)


def _storey(rng: random.Random, key: str, level: int) -> Text:
    ko = f"{level}층" if level > 0 else f"지하 {-level}층"
    en = f"floor {level}" if level > 0 else f"basement level {-level}"
    return fill(rng.choice(table()["steps"][key]), {"f": ko}, {"F": en})
