"""The same eyes on anyone's question–answer files: `giljabi data audit`.

Each rule is one function over all rows; every finding keeps the rows it was found in. With a venue
it also says what the records contradict; without one it sees what can be seen in the text alone.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rapidfuzz.distance import OSA

from giljabi import korean
from giljabi.build import corpus
from giljabi.build.corpus import Malformed, Pair
from giljabi.build.example import question_key
from giljabi.build.near import NearIndex
from giljabi.build.support import Fault, Support
from giljabi.venue.place import Venue

Progress = Callable[[str, int, int], None]

_SCAFFOLD = re.compile(
    r"\{[a-z_]{2,}\}|\{\{|```|###|<\|[a-z_]+\|>|\[INST\]|<(?:start|end)_of_turn>"
    r"|\bas an ai\b|language model|인공지능 언어 ?모델|\bJSON\b|system prompt|시스템 프롬프트"
    r"|Q&A|질문 ?\d+\s*:|답변 ?\d+\s*:|\bQ\d+\s*[:.]|\bA\d+\s*[:.]|다음 형식|예시 ?:|example output",
    re.I,
)


_LONGEST = 4_000
"""Characters of a row that are held against a venue: linking takes seconds beyond, then hours."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One row a rule has something to say about."""

    file: str
    number: int
    question: str
    answer: str
    why: str


@dataclass(frozen=True, slots=True)
class Rule:
    """What one rule found: `count` of `of`, and the rows. `fault` says whether it must be 0."""

    name: str
    title: str
    count: int
    of: int
    rows: tuple[Seen, ...]
    fault: bool = True


@dataclass(frozen=True, slots=True)
class Audit:
    """The whole report: what was read, what each rule found, lengths in tokens."""

    files: tuple[str, ...]
    rows: dict[str, int]
    rules: tuple[Rule, ...]
    tokens: tuple[int, ...] = ()
    base: str = ""
    context: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def faults(self) -> int:
        """Findings of the rules that must find nothing."""
        return sum(r.count for r in self.rules if r.fault)


def audit(
    paths: Sequence[Path], venue: Venue | None = None, base: str = "",
    progress: Progress | None = None,
) -> Audit:  # fmt: skip
    """Read the files and apply every rule. `base` names whose tokens lengths are counted in.

    Raises GiljabiError for a file that cannot be read at all; bad rows are findings.
    """
    tell = progress or (lambda what, n, of: None)
    pairs, bad = corpus.read(paths)
    tell("read", len(pairs), len(pairs))
    rules = [_malformed(pairs, bad), *_duplicates(pairs), *_leakage(pairs), *_answers(pairs),
             _mixed(pairs, venue), _scaffold(pairs)]  # fmt: skip
    extra: dict[str, Any] = {"questions": variety(p.question for p in pairs)}
    if venue is not None:
        rules += _against_venue(pairs, venue, extra, tell)
    tokens: tuple[int, ...] = ()
    context = None
    if base:
        from giljabi.model.tokens import counter  # noqa: PLC0415

        count = counter(base)
        tokens, context = tuple(count([p.text for p in pairs])), count.context
        rules.append(_too_long(pairs, tokens, context))
    rows = dict(Counter(str(p.split) for p in pairs))
    files = tuple(dict.fromkeys([*(p.file for p in pairs), *(b.file for b in bad)]))
    return Audit(files, rows, tuple(rules), tokens, base, context, extra)


def _seen(p: Pair, why: str) -> Seen:
    return Seen(p.file, p.number, p.question, p.answer, why)


def _malformed(pairs: Sequence[Pair], bad: Sequence[Malformed]) -> Rule:
    rows = tuple(Seen(b.file, b.number, "", "", b.reason) for b in bad)
    return Rule("malformed", "empty or malformed rows", len(bad), len(pairs) + len(bad), rows)


def _duplicates(pairs: Sequence[Pair]) -> list[Rule]:
    first: dict[tuple[str, str], Pair] = {}
    exact = []
    index = NearIndex(p.question for p in pairs)
    kept: list[Pair] = []
    near = []
    asked: set[str] = set()
    for p in pairs:
        key = (p.question, p.answer)
        if key in first:
            exact.append(_seen(p, f"the same as {first[key].file} row {first[key].number}"))
        first.setdefault(key, p)
        if question_key(p.question) in asked:
            continue
        asked.add(question_key(p.question))
        if (n := index.find(p.question)) is not None:
            near.append(_seen(p, f"nearly {kept[n].file} row {kept[n].number}: {kept[n].question}"))
        else:
            index.add(p.question)
            kept.append(p)
    return [
        Rule("duplicates", "rows that occur twice, word for word", len(exact), len(pairs), tuple(exact)),
        Rule("near_duplicates", "questions nearly the same as an earlier one", len(near), len(pairs), tuple(near)),
    ]  # fmt: skip


def _leakage(pairs: Sequence[Pair]) -> list[Rule]:
    """Validation questions that stand in training: word for word, and nearly."""
    train = [p for p in pairs if p.split == "train"]
    val = [p for p in pairs if p.split == "val"]
    words = {p.question: p for p in reversed(train)}
    index = NearIndex(p.question for p in pairs)
    for p in train:
        index.add(p.question)
    exact, near = [], []
    for p in val:
        if p.question in words:
            t = words[p.question]
            exact.append(_seen(p, f"stands in {t.file} row {t.number}"))
        elif (n := index.find(p.question)) is not None:
            near.append(
                _seen(p, f"nearly {train[n].file} row {train[n].number}: {train[n].question}")
            )
    return [
        Rule("leakage", "validation questions word for word in training", len(exact), len(val), tuple(exact)),
        Rule("near_leakage", "validation questions nearly in training", len(near), len(val), tuple(near)),
    ]  # fmt: skip


def _answers(pairs: Sequence[Pair]) -> list[Rule]:
    """One question with several answers, and those whose answers hold different numbers."""
    by_question: dict[str, dict[str, Pair]] = defaultdict(dict)
    for p in pairs:
        by_question[p.question].setdefault(p.answer, p)
    several, numbers = [], []
    for answers in by_question.values():
        if len(answers) < 2:
            continue
        rows = list(answers.values())
        others = "; ".join(f"{p.file} row {p.number}: {p.answer[:80]}" for p in rows[1:3])
        several.append(_seen(rows[0], f"{len(rows)} answers; also {others}"))
        if len({_numbers(a) for a in answers}) > 1:
            numbers.append(_seen(rows[0], f"also {others}"))
    of = len(by_question)
    return [
        Rule("several_answers", "questions with more than one answer", len(several), of, tuple(several)),
        Rule("different_numbers", "questions whose answers hold different numbers", len(numbers), of, tuple(numbers)),
    ]  # fmt: skip


def _numbers(text: str) -> tuple[str, ...]:
    return tuple(sorted(re.findall(r"\d+(?:\.\d+)?", text)))


def _mixed(pairs: Sequence[Pair], venue: Venue | None) -> Rule:
    """Hangul in the answer to an English question, and scripts that belong in neither language.

    A name without an English form, said in quotes, is no mixture.
    """
    korean_only = [p.name.ko for p in venue.places if p.name.en is None] if venue else []
    korean_only += (
        [n.name for p in venue.places for n in p.neighbours if not n.place] if venue else []
    )
    rows = []
    english = [p for p in pairs if p.lang == "en"]
    for p in pairs:
        text = p.answer
        for name in korean_only:
            text = text.replace(f"“{name}”", "").replace(f"'{name}'", "").replace(f'"{name}"', "")
        if foreign := korean.foreign_script(
            re.sub(r"[\U0001F000-\U0001FAFF\u2600-\u27BF\uFE0F\u200d]", "", text)
        ):
            rows.append(_seen(p, f"the script of {foreign[0]!r} belongs in no answer here"))
        elif p.lang == "en" and (hangul := re.findall(r"[가-힣]+", text)):
            rows.append(_seen(p, f"Hangul in an English answer: {', '.join(hangul[:4])}"))
    return Rule("mixed_language", "English questions answered with Hangul, or another script",
                len(rows), len(english), tuple(rows))  # fmt: skip


def _scaffold(pairs: Sequence[Pair]) -> Rule:
    rows = tuple(
        _seen(p, f"{m[0]!r} looks like the prompt")
        for p in pairs
        if (m := _SCAFFOLD.search(" ".join((*p.turns, p.answer))))
    )
    return Rule(
        "prompt_leakage",
        "what looks like the prompt that made the row",
        len(rows),
        len(pairs),
        rows,
    )


def _too_long(pairs: Sequence[Pair], tokens: Sequence[int], context: int | None) -> Rule:
    long = [
        _seen(p, f"{n} tokens")
        for p, n in zip(pairs, tokens, strict=True)
        if context and n > context
    ]
    return Rule(
        "too_long", "rows longer than the base's context", len(long), len(pairs), tuple(long)
    )


def _against_venue(
    pairs: Sequence[Pair], venue: Venue, extra: dict[str, Any], tell: Progress
) -> list[Rule]:
    support = Support(venue)
    known = {p.id for p in venue.places}
    wrong, lacking, loose, rides, long = [], [], [], [], []
    values: dict[str, set[str]] = defaultdict(set)
    of_rides = 0
    for n, p in enumerate(pairs, 1):
        tell("against the venue", n, len(pairs))
        if (size := len(p.question) + len(p.answer)) > _LONGEST:
            long.append(_seen(p, f"{size:,} characters"))
            continue
        # A row may be linked to the places of another venue.
        asked = tuple(i for i in p.linked if i in known) or support.places(p.turns)
        about = tuple(dict.fromkeys((*asked, *support.named(p.answer))))
        if not about:
            loose.append(_seen(p, "names no place of the venue"))
            continue
        faults = support.faults(p.answer, about, p.lang)
        if no := [f for f in faults if f.how == "contradicted"]:
            wrong.append(_seen(p, _say(no)))
        elif no := [f for f in faults if f.how == "unsupported"]:
            lacking.append(_seen(p, _say(no)))
        riding = [venue.place(i) for i in about if venue.place(i).transit]
        if riding and all(r.transit and r.transit.mode == "subway" for r in riding):
            of_rides += 1
            if bus := [f.what for f in faults if f.unit == "bus"]:
                rides.append(
                    _seen(
                        p, f"bus {', '.join(bus)}; the record of {riding[0].name.ko} has the subway"
                    )
                )
                for number in bus:
                    values[number].update(r.id for r in riding)
    extra["bus_numbers"] = {
        k: len(v) for k, v in sorted(values.items(), key=lambda x: -len(x[1]))[:8]
    }
    count = len(pairs)
    return [
        Rule("contradicted", "answers the venue contradicts", len(wrong), count, tuple(wrong)),
        Rule("unsupported", "answers with figures the venue does not hold", len(lacking), count, tuple(lacking)),
        Rule("no_such_ride", "bus numbers for places that no bus serves", len(rides), of_rides, tuple(rides)),
        Rule("unchecked", f"rows over {_LONGEST:,} characters, not checked", len(long), count, tuple(long)),
        Rule("no_place", "rows that name no place of the venue", len(loose), count, tuple(loose), fault=False),
        *_misspelt(pairs, venue, extra),
    ]  # fmt: skip


def _say(faults: Iterable[Fault]) -> str:
    return "; ".join(dict.fromkeys(f"{f.what} ({f.unit})" for f in faults))


def _misspelt(pairs: Sequence[Pair], venue: Venue, extra: dict[str, Any]) -> list[Rule]:
    """Words one letter away from a place's own name and no name themselves: 예지문, 에지문, 애지문."""
    names = {p.label("ko"): p for p in venue.places if len(p.label("ko")) >= 3}
    others = {n for p in venue.places for n in (p.name.ko, p.label("ko"))}
    counts: Counter[str] = Counter()
    for p in pairs:
        words = [korean.strip_particle(w) for w in re.findall(r"[가-힣]{3,}", p.answer)]
        counts.update(words)
    wrong: dict[str, str] = {}
    for word in counts:
        if word in others:
            continue
        for name in names:
            if len(word) == len(name) and _one_letter(word, name):
                wrong[word] = name
    rows = [
        _seen(p, f"{w} for {wrong[w]}")
        for p in pairs
        for w in map(korean.strip_particle, re.findall(r"[가-힣]{3,}", p.answer))
        if w in wrong
    ]
    extra["spellings"] = {
        name: {"right": counts[name]} | {w: counts[w] for w, n in wrong.items() if n == name}
        for name in dict.fromkeys(wrong.values())
    }
    said = len(rows) + sum(counts[n] for n in set(wrong.values()))
    return [Rule("misspelt", "a place's own name misspelt", len(rows), said, tuple(rows))]


def _one_letter(a: str, b: str) -> bool:
    differ = [(x, y) for x, y in zip(a, b, strict=True) if x != y]
    if len(differ) != 1 or not all("가" <= c <= "힣" for c in differ[0]):
        return False
    return bool(OSA.distance(korean.letters(differ[0][0]), korean.letters(differ[0][1])) == 1)


def variety(questions: Iterable[str]) -> dict[str, float]:
    """How varied the wording is: the share of distinct 3-word pieces among all of them."""
    pieces: Counter[tuple[str, ...]] = Counter()
    rows = 0
    for q in questions:
        words = q.split()
        rows += 1
        pieces.update(zip(words, words[1:], words[2:], strict=False))
    total = sum(pieces.values())
    return {
        "rows": rows,
        "distinct_3": len(pieces),
        "share_distinct_3": len(pieces) / total if total else 0.0,
    }
