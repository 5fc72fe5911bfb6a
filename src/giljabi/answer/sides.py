"""Which neighbour a direction word claims: (reference, side, object) out of a sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence

from giljabi.answer.claims import Atom
from giljabi.answer.facts import Fact, Facts
from giljabi.venue.place import Lang

_OF_KO = re.compile(r"^(?:\s|\([^)]*\)|의|건물|을|를|기준으로|기준|에서|볼|봤을|때|바로)*$")
_AT_KO = re.compile(r"^(?:에는|에|엔|으로는|쪽에는|쪽에|쪽|은|는|이|가|\s|,|:)*$")
_OF_EN = re.compile(r"^\s*(?:of|from|to|is)?\s*(?:the)?\s*$", re.I)
_CLAUSE = re.compile(r"고\s|며\s|,|;|\band\b|\bwhile\b")


def find_side(text: str, found: Sequence[Atom], i: int, facts: Facts, lang: Lang) -> Fact | None:
    """The neighbour fact that the side at `found[i]` states, or None when it states another."""
    side = found[i]
    named = [a for a in found if a.kind in ("place", "value") and _names_neighbour(a, facts)]
    before = [a for a in named if a.end <= side.start]
    after = [a for a in named if a.start >= side.end]
    pair = _korean if lang == "ko" else _english
    reference, thing = pair(text, side, before, after, facts)
    for f in facts.of("neighbour"):
        if f.unit != side.value or thing is None:
            continue
        if not (f.object in thing.ids or f.id in thing.ids):
            continue
        subjects = {n.subject for n in facts.of("neighbour")}
        if reference is None and len(subjects) == 1:
            return f
        if reference is not None and f.subject in reference.ids:
            return f
    return None


def _names_neighbour(atom: Atom, facts: Facts) -> bool:
    ends = {i for f in facts.of("neighbour") for i in (f.subject, f.object, f.id)}
    return atom.kind == "place" or bool(ends.intersection(atom.ids))


def _korean(
    text: str, side: Atom, before: Sequence[Atom], after: Sequence[Atom], facts: Facts
) -> tuple[Atom | None, Atom | None]:
    last = before[-1] if before else None
    following = after[0] if after else None
    if following and _CLAUSE.search(text[side.end : following.start]):
        following = None
    if last is None:
        return None, following
    gap = text[last.end : side.start]
    if _OF_KO.match(gap):
        topic = next(
            (
                a
                for a in reversed(before[:-1])
                if re.match(r"(?:\([^)]*\))?\s*[은는이가]\s", text[a.end :])
            ),
            None,
        )
        if topic is not None and _CLAUSE.search(text[topic.end : last.start]):
            topic = None
        return last, topic or following
    if following and _AT_KO.match(text[side.end : following.start]):
        subjects = {f.subject for f in facts.of("neighbour")}
        topic = next((a for a in reversed(before) if subjects.intersection(a.ids)), None)
        return topic, following
    # "과학기술관은 오른쪽에 있어요": the place before is what lies there.
    if _CLAUSE.search(gap):
        return None, following
    return None, last


def _english(
    text: str, side: Atom, before: Sequence[Atom], after: Sequence[Atom], facts: Facts
) -> tuple[Atom | None, Atom | None]:
    last = before[-1] if before else None
    following = after[0] if after else None
    if following is not None and _OF_EN.match(text[side.end : following.start]):
        inverted = re.search(r"\bis\s*(?:the)?\s*$", text[side.end : following.start], re.I)
        if inverted:
            return None, following
        thing = last if last and not _CLAUSE.search(text[last.end : side.start]) else None
        if thing is None and len(after) > 1:
            thing = after[1]
        return following, thing or last
    if following is not None and last is None:
        return None, following
    return None, last
