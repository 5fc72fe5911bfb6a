"""Names and numbers: those that mean no place, those that mean two, and those spelt two ways."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from rapidfuzz import fuzz, process

from giljabi import korean
from giljabi.venue import forms
from giljabi.venue.evidence import Evidence
from giljabi.venue.findings import Finding, Severity
from giljabi.venue.place import Place

_LEADS, _VOWELS, _CODAS = 588, 28, 28
_SHORTEST = 3
_SHORTEST_SYLLABLE = 5
_OTHER_HEADS = "과부대학점역관실동"
_MOSTLY, _FEWEST = 0.8, 5
_FIELDS = ("name", "kind", "code", "aliases", "floors", "inside", "features", "point", "minutes",
           "distance_km", "neighbours", "transit")  # fmt: skip


def dangling(e: Evidence) -> Iterator[Finding]:
    """Neighbour names that are not a place of the venue, with the closest names there are."""
    known = {p.id: forms.squeeze(p.label("ko")) for p in e.venue.places}
    counts: Counter[str] = Counter(dangling=0)
    shown = {p.name.ko for p in e.venue.places}
    short = {forms.squeeze(x) for p in e.venue.places for x in _short_forms(p.name.ko)}
    unlisted: set[str] = set()
    for p in e.venue.places:
        for n in p.neighbours:
            counts["entries"] += 1
            if n.name not in shown:
                counts["not_exact"] += 1
                unlisted.add(n.name)
                counts["not_short"] += forms.squeeze(n.name) not in short
            if n.place is not None:
                continue
            counts["dangling"] += 1
            yield _dangling(e, p, n.name, known)
    if unlisted:
        yield Finding(
            "names-summary",
            "info",
            f"of {counts['entries']} neighbour entries {counts['not_exact']} ({len(unlisted)} "
            f"names) are not a place's name as listed; {counts['not_short']} are no short form of "
            f"one either, and {counts['dangling']} mean no place at all.",
            "Write neighbours by their listed names, or add the short names as aliases.",
            field="neighbours",
            figures=(*sorted(counts.items()), ("distinct", len(unlisted))),
        )


def _short_forms(name: str) -> Iterator[str]:
    yield name
    yield name.partition("(")[0]
    yield from re.findall(r"\(([^()]*)\)", name)


def _dangling(e: Evidence, p: Place, name: str, known: Mapping[str, str]) -> Finding:
    meant = any(c.field == f"neighbours.{name}" for c in p.corrections)
    found = process.extract(forms.squeeze(name), known, scorer=fuzz.ratio, limit=4, score_cutoff=60)
    close = [f"{e.venue.place(i).label('ko')} ({i})" for _, _, i in found if i != p.id][:3]
    return Finding(
        "neighbour-unknown",
        "info" if meant else "warning",
        f"the neighbour {name} is not a place of the venue"
        + (" and is kept as a landmark by name on purpose." if meant else "."),
        f"Did you mean {', '.join(close)}? Write that name, or resolve it under [[neighbour]]."
        if close
        else "Add the place, or resolve the name under [[neighbour]] in corrections.toml.",
        file=e.file(p),
        place=p.id,
        name=p.label("ko"),
        field=f"neighbours.{name}",
    )


def spelling(e: Evidence) -> Iterator[Finding]:
    """Words of the texts one letter, one syllable or one sound away from a place's own name."""
    own: dict[str, list[Place]] = defaultdict(list)
    for p in e.venue.places:
        name = forms.squeeze(p.label("ko").partition(" (")[0])
        if len(name) >= _SHORTEST and korean.has_hangul(name):
            own[name].append(p)
    near = _NearNames(own)
    families: dict[str, Counter[str]] = defaultdict(Counter)
    where: dict[str, tuple[str, str]] = {}
    said: Counter[str] = Counter()
    aliases = {forms.squeeze(a) for p in e.venue.places for a in p.aliases}
    for saying in e.sayings:
        for word in re.findall(r"[0-9a-z가-힣]{3,}", saying.text.lower()):
            for piece in dict.fromkeys((word, korean.strip_particle(word))):
                if piece in own:
                    said[piece] += 1
                    break
                if piece in e.forms and piece not in aliases:
                    break
                if name := near.find(piece):
                    families[name][piece] += 1
                    where.setdefault(name, (saying.file, saying.field))
                    break
    for p in e.venue.places:
        for alias in p.aliases:
            piece = forms.squeeze(alias)
            if piece not in own and (name := near.find(piece)) and p in own[name]:
                families[name].setdefault(piece, 0)
    for name, spelt in sorted(families.items()):
        for p in own[name]:
            if any(spelt.values()):
                file, field = where[name]
                yield _family(p, name, spelt, said[name], file, field)


def _family(p: Place, name: str, spelt: Counter[str], right: int, file: str, field: str) -> Finding:
    own = p.label("ko").partition(" (")[0]
    others = ", ".join(f"{w} ×{n}" for w, n in sorted(spelt.items()))
    return Finding(
        "spelling",
        "warning",
        f"the texts write {own} ×{right}, which is the place's own name, and {others}.",
        f"Write {own} everywhere, and keep a misspelling that visitors use as an alias.",
        file=file,
        place=p.id,
        name=p.label("ko"),
        field=field,
        figures=((name, right), *sorted(spelt.items())),
    )


class _NearNames:
    """Finds the one name that a misspelt word is a letter, a syllable or a sound away from."""

    def __init__(self, names: dict[str, list[Place]]) -> None:
        self._holes: dict[str, list[str]] = defaultdict(list)
        self._sounds: dict[str, list[str]] = defaultdict(list)
        for name in names:
            self._sounds[korean.sound(name)].append(name)
            for i in range(len(name)):
                self._holes[_hole(name, i)].append(name)

    def find(self, word: str) -> str:
        """The name, or "" where there is none or more than one."""
        if len(word) < _SHORTEST:
            return ""
        number = forms.number_signature(word)
        found = dict.fromkeys(
            n
            for n in self._sounds.get(korean.sound(word), ())
            if forms.number_signature(n) == number
        )
        for i in range(len(word)):
            for name in self._holes.get(_hole(word, i), ()):
                if word[i] == name[i] or word[i].isdigit() or name[i].isdigit():
                    continue
                last = i == len(word) - 1
                # 신소재공학과 is a department and 신소재공학관 its building: no misspelling.
                if last and word[i] in _OTHER_HEADS:
                    continue
                if _one_letter(word[i], name[i]) or (len(word) >= _SHORTEST_SYLLABLE and not last):
                    found[name] = None
        return next(iter(found)) if len(found) == 1 else ""


def _hole(word: str, i: int) -> str:
    return f"{word[:i]}*{word[i + 1 :]}"


def _one_letter(a: str, b: str) -> bool:
    """Whether two syllables share two of their three letters."""
    if not ("가" <= a <= "힣" and "가" <= b <= "힣"):
        return False
    x, y = ord(a) - 0xAC00, ord(b) - 0xAC00
    same = (x // _LEADS == y // _LEADS, x % _LEADS // _VOWELS == y % _LEADS // _VOWELS,
            x % _CODAS == y % _CODAS)  # fmt: skip
    return sum(same) == 2


def duplicates(e: Evidence) -> Iterator[Finding]:
    """Two places with one number or one name."""
    codes: dict[str, list[Place]] = defaultdict(list)
    names: dict[str, list[Place]] = defaultdict(list)
    for p in e.venue.places:
        names[forms.squeeze(p.name.ko)].append(p)
        if p.code:
            codes[p.code].append(p)
    # A number said by a visitor must mean one place; a name may be told apart by its building.
    table: tuple[tuple[str, Severity, str, dict[str, list[Place]]], ...] = (
        ("code-twice", "error", "code", codes),
        ("name-twice", "warning", "name", names),
    )
    for rule, severity, field, groups in table:
        for places in (groups[k] for k in sorted(groups)):
            if len(places) > 1:
                others = ", ".join(f"{p.id} {p.name.ko}" for p in places[1:])
                value = places[0].code if field == "code" else places[0].name.ko
                yield Finding(
                    rule, severity, f"{field} {value} is also that of {others}.",
                    f"Give each place its own {field}.", file=e.file(places[0]),
                    place=places[0].id, name=places[0].label("ko"), field=field,
                )  # fmt: skip


def unnumbered(e: Evidence) -> Iterator[Finding]:
    """A place without a number where nearly all of its kind in its area have one."""
    groups: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for p in e.venue.places:
        groups[p.area, p.kind.ko].append(p)
        groups[p.area, ""].append(p)
    told: set[str] = set()
    for (_, kind), places in sorted(groups.items(), key=lambda g: (g[0][1] == "", g[0])):
        have = sum(p.code is not None for p in places)
        if len(places) < _FEWEST or have < _MOSTLY * len(places):
            continue
        for p in places:
            if p.code is None and p.id not in told:
                told.add(p.id)
                yield Finding(
                    "code-missing", "info",
                    f"it has no number, though {have} of {len(places)} places "
                    f"{'of kind ' + kind if kind else 'of its area'} have one.",
                    "Add the code, if the place has one.",
                    file=e.file(p), place=p.id, name=p.label("ko"), field="code",
                )  # fmt: skip


def incomplete(e: Evidence) -> Iterator[Finding]:
    """Fields without a source, floors without a number, missing English names."""
    for p in e.venue.places:
        held = [f for f in _FIELDS if getattr(p, f)] + [f"details.{d}" for d in p.details]
        for field in held:
            # Raw records name no sources of their own; the reader does when they are imported.
            if not e.raw and not p.source(field):
                yield Finding(
                    "source-missing", "warning", f"nobody wrote where the {field} comes from.",
                    "Add the field to the place's sources.",
                    file=e.file(p), place=p.id, name=p.label("ko"), field=field,
                )  # fmt: skip
        if p.floors is not None and p.floors.above is None and p.floors.below is None:
            note = f" (“{p.floors.note.ko}”)" if p.floors.note else ""
            yield Finding(
                "floors-no-number", "info", f"its floors have no number{note}.",
                "Count the storeys, or keep the note where it has none.",
                file=e.file(p), place=p.id, name=p.label("ko"), field="floors",
            )  # fmt: skip
        if "en" in e.venue.languages and not p.name.en:
            yield Finding(
                "english-missing", "info", "it has no English name.",
                "Add name.en: an English answer says the Korean name until then.",
                file=e.file(p), place=p.id, name=p.label("ko"), field="name.en",
            )  # fmt: skip
    for x in e.venue.links:
        if not x.source:
            yield Finding(
                "source-missing", "warning", f"the way {x.a} to {x.b} has no source.",
                "Fill the column source.", file="links.csv", place=x.a, field=f"{x.a},{x.b}",
            )  # fmt: skip
