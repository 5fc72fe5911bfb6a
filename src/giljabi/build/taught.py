"""A teacher's replies -> Examples: read whatever came back, keep what is true, count the rest.

A teacher's question must still link to its place, and its answer pass the checker that a served
answer passes. Nothing is believed because a large model said it.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

from giljabi.answer.claims import sentences
from giljabi.answer.generator import Message
from giljabi.answer.query import Query
from giljabi.answer.words import language
from giljabi.answer.write import is_for_model, messages
from giljabi.build.example import Example
from giljabi.build.maker import Job, Maker, with_register
from giljabi.build.near import NearIndex
from giljabi.build.teacher import Ask
from giljabi.build.telling import Register

_SLOTS = (
    "about",
    "floors",
    "where",
    "route",
    "transit",
    "minutes",
    "distance",
    "nearby",
    "features",
)
_FENCE = re.compile(r"```(?:json)?\s*|\s*```")
_DECODER = json.JSONDecoder()


@lru_cache(maxsize=1)
def _table() -> dict[str, dict[str, str]]:
    return tomllib.loads((files("giljabi.build") / "teaching.toml").read_text("utf-8"))


def ask_for(maker: Maker, job: Job, pairs: int, part: int, model: str) -> Ask:
    """The request for one place and language; `part` tells several of one place apart.

    What another `model` said is no answer to it.
    """
    place = maker.venue.place(job.place)
    facts = [
        note
        for slot in _SLOTS
        for note in maker.notes(maker.gather(Query("", job.lang, slot, goals=(place.id,))))
    ]
    names = ", ".join(dict.fromkeys((place.label(job.lang), *place.aliases[:4])))
    words = _table()[job.lang]
    head = words["task"].format(venue=maker.venue.name[job.lang], n=pairs)
    lines = "\n".join(f"- {note}" for note in dict.fromkeys(facts))
    said: tuple[Message, ...] = (
        {"role": "system", "content": head},
        {
            "role": "user",
            "content": f"{words['place']}: {names}\n{words['facts']}:\n{lines}\n({part + 1})",
        },
    )
    ident = hashlib.sha256(
        json.dumps([*said, pairs, model], ensure_ascii=False).encode()
    ).hexdigest()[:24]
    return Ask(f"{job.lang}-{job.place}-{part}-{ident}", said, pairs)


def pairs_in(content: str) -> tuple[list[tuple[str, str]], Counter[str]]:
    """The pairs of a reply and what was wrong with it: fences, prose around, or cut off.

    Every whole pair is kept, also out of a list that ends in the middle.
    """
    wrong: Counter[str] = Counter()
    text = content.strip()
    if "```" in text:
        wrong["fenced"] += 1
        text = _FENCE.sub("", text).strip()
    try:
        rows = _list(json.loads(text))
    except (ValueError, RecursionError):
        wrong["not whole JSON"] += 1
        rows = list(_objects(text))
    pairs = []
    for row in rows:
        question, answer = (
            (row.get(k) for k in ("question", "answer")) if isinstance(row, dict) else (0, 0)
        )
        if (
            isinstance(question, str)
            and isinstance(answer, str)
            and question.strip()
            and answer.strip()
        ):
            pairs.append((_line(question), _line(answer)))
        else:
            wrong["a pair without question or answer"] += 1
    return pairs, wrong


def _line(text: str) -> str:
    """One line that can be written: JSON can spell half a surrogate pair, which nothing can."""
    return " ".join(text.split()).encode("utf-8", "replace").decode()


def _list(value: Any) -> list[Any]:
    rows = value.get("pairs", [value]) if isinstance(value, dict) else value
    return rows if isinstance(rows, list) else [rows]


def _objects(text: str) -> Iterator[Any]:
    """Every complete inner object of a text that is not JSON as a whole."""
    at = text.find("{", text.find("[") + 1)
    while at != -1:
        try:
            row, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            at = text.find("{", at + 1)
            continue
        yield row
        at = text.find("{", end)


def examples(
    maker: Maker, job: Job, replies: Sequence[tuple[str, int]], source: str
) -> tuple[list[Example], Counter[str]]:
    """The examples in a teacher's replies about one place, and why the other pairs were rejected.

    A reply is its text and how many pairs it was asked for.
    """
    out: list[Example] = []
    reasons: Counter[str] = Counter()
    near = NearIndex(())
    for content, asked in replies:
        pairs, wrong = pairs_in(content)
        reasons += Counter({f"reply: {what}": n for what, n in wrong.items()})
        if len(pairs) != asked:
            reasons[f"reply: {'fewer' if len(pairs) < asked else 'more'} pairs than asked for"] += 1
        for question, answer in pairs:
            found = _example(maker, job, question, answer, source)
            if isinstance(found, str):
                reasons[found] += 1
            elif near.find(question) is not None:
                reasons["nearly the same question again"] += 1
            else:
                near.add(question)
                out.append(found)
    return out, reasons


def _example(maker: Maker, job: Job, question: str, answer: str, source: str) -> Example | str:
    """The example, or the reason against it."""
    if language(question, maker.venue.languages) != job.lang:
        return "the question is in the other language"
    facts = maker.facts((question,), job.lang)
    if job.place not in facts.query.goals or facts.query.options:
        return "the question does not link to its place"
    if facts.outcome != "found":
        return f"the question has no answer in the data: {facts.outcome}"
    if problem := maker.problem(answer, facts):
        return f"the answer does not pass: {problem}"
    register = _register(answer) if job.lang == "ko" else "neutral"
    if register is None:
        return "the answer mixes speech levels"
    prompt = with_register(messages(facts, maker.notes(facts), tuned=True), register)
    said: Message = {"role": "assistant", "content": answer}
    digest = hashlib.sha256(f"{question}\0{answer}".encode()).hexdigest()[:8]
    return Example(
        id=f"{job.lang}-{job.place}-teacher-{digest}", lang=job.lang, kind="teacher",
        slot=facts.query.slot, place=job.place, places=facts.places, register=register,
        family="teacher", outcome=facts.outcome, messages=(*prompt, said),
        conversation=({"role": "user", "content": question}, said), facts=facts.items, for_model=is_for_model(facts),
        source=source,
    )  # fmt: skip


def _register(answer: str) -> Register | None:
    """The speech level all sentences share; polite imperatives go with both polite ones."""
    levels: set[Register] = set()
    for sentence in sentences(answer):
        bare = re.sub(r"(?:\([^()]*\))?[\s.!?~]*$", "", sentence)
        if bare.endswith(("니다", "니까", "십시오")):
            levels.add("hamnida")
        elif bare.endswith("요"):
            levels.add("haeyo")
        else:
            levels.add("plain")
    if levels == {"hamnida", "haeyo"}:
        return "haeyo" if re.search(r"세요[.!?]", answer) else None
    return levels.pop() if len(levels) == 1 else None
