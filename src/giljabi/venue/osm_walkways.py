"""What OpenStreetMap's tags say about walking: which ways can be walked, and where steps are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from giljabi.venue.place import LinkKind, Point
from giljabi.venue.walkways import Stretch

Tags = Mapping[str, str]

_WALKED = frozenset(
    """footway path pedestrian steps corridor living_street residential service track unclassified
    tertiary secondary primary tertiary_link secondary_link primary_link cycleway elevator""".split()
)
_ASKED = frozenset({"yes", "designated", "permissive"})
_BARRED = frozenset({"no", "private"})
_RAISED = frozenset({"raised", "yes"})
_NARROW = frozenset({"stile", "turnstile", "kissing_gate", "full-height_turnstile"})
_WALL = frozenset({"wall", "fence"})
# Such a path may well have steps or rocks in it: nobody recorded that it has none.
_ROUGH = frozenset({"very_bad", "horrible", "very_horrible", "impassable"})
_LIFT_MINUTES = 0.5


def is_walked(tags: Tags) -> bool:
    """Whether people on foot may use a way with these tags."""
    if tags.get("highway") not in _WALKED or tags.get("foot") in _BARRED:
        return False
    return tags.get("access") not in _BARRED or tags.get("foot") in _ASKED


def ways(tags: Tags) -> tuple[tuple[LinkKind, bool | None], ...]:
    """The kinds a walked way can be walked as, each with whether it is free of steps.

    The map draws steps as a way of their own, so that any other way has none.
    """
    wheelchair = tags.get("wheelchair")
    free = _free(wheelchair)
    if tags["highway"] == "elevator":
        return (("lift", free),)
    if tags["highway"] == "steps":
        if tags.get("conveying", "no") != "no":
            return (("escalator", False),)
        ramp = tags.get("ramp:wheelchair") == "yes" or (
            tags.get("ramp") == "yes" and wheelchair in ("yes", "designated")
        )
        return (("stairs", False), ("ramp", True)) if ramp else (("stairs", False),)
    if free and wheelchair is None and _is_rough(tags):
        free = None
    return (("walk", free),)


def _free(wheelchair: str | None) -> bool | None:
    return {"no": False, "limited": None}.get(wheelchair or "", True)


def _is_rough(tags: Tags) -> bool:
    return tags.get("sac_scale", "strolling") != "strolling" or tags.get("smoothness") in _ROUGH


def door_step_free(entrance: Tags, place: Tags) -> bool | None:
    """Whether a place is entered without a step: what the door says, else what the place says."""
    if entrance.get("step_count", "0") not in ("", "0") or has_step(entrance):
        return False
    return _free(entrance.get("wheelchair", place.get("wheelchair")))


def has_step(node: Tags) -> bool:
    """Whether a wheelchair cannot pass this node of a way: a raised kerb, a stile, a turnstile."""
    if node.get("wheelchair") in ("yes", "designated"):
        return False
    if "kerb" in node:
        return node["kerb"] in _RAISED
    return node.get("barrier") == "kerb" or node.get("barrier") in _NARROW


def is_closed(node: Tags) -> bool:
    """Whether nobody can pass this node of a way: a wall, a locked gate."""
    if node.get("foot") in _ASKED:
        return False
    if node.get("barrier") in _WALL:
        return True
    barred = node.get("access") in _BARRED or node.get("foot") in _BARRED
    return barred and ("barrier" in node or node.get("highway") == "elevator")


class Walkable:
    """The walkable parts of ways, and the coordinates of their nodes (`j` and the OSM id)."""

    def __init__(self, nodes: Mapping[int, Tags], known: Mapping[int, Point]) -> None:
        self._nodes, self._known = nodes, known
        self.stretches: list[Stretch] = []
        self.points: dict[str, Point] = {}
        self.stepped: set[str] = set()

    def add(self, way: int, refs: Sequence[int], tags: Tags, source: str) -> None:
        """Add a way; it is cut at walls, at the edge of the map and at lifts."""
        kinds = ways(tags)
        minutes = _LIFT_MINUTES if kinds[0][0] == "lift" else None
        run: list[str] = []
        for n, ref in enumerate(refs):
            node = self._nodes.get(ref, {})
            if ref not in self._known or is_closed(node):
                self._end(run, kinds, source, minutes)
                run = []
            elif node.get("highway") == "elevator":
                # A storey has an end of its own at a lift, or one could step across for nothing.
                if n > 0:
                    self._end(
                        [*run, self._ride(ref, f"{way}-{n}a", source)], kinds, source, minutes
                    )
                run = [self._ride(ref, f"{way}-{n}b", source)] if n < len(refs) - 1 else []
            else:
                run.append(self._at(f"j{ref}", ref))
                if has_step(node):
                    self.stepped.add(f"j{ref}")
        self._end(run, kinds, source, minutes)

    def _at(self, name: str, ref: int) -> str:
        self.points[name] = self._known[ref]
        return name

    def _ride(self, ref: int, name: str, source: str) -> str:
        """The end of a way in front of a lift, which a ride joins to the others there."""
        lift: LinkKind = "lift"
        end = self._at(f"j{ref}-{name}", ref)
        kinds = ((lift, _free(self._nodes[ref].get("wheelchair"))),)
        self._end([end, self._at(f"j{ref}", ref)], kinds, source, _LIFT_MINUTES / 2)
        return end

    def _end(
        self,
        run: Sequence[str],
        kinds: tuple[tuple[LinkKind, bool | None], ...],
        source: str,
        minutes: float | None,
    ) -> None:
        if len(run) > 1:
            self.stretches.append(Stretch(tuple(run), kinds, source, minutes))
