"""Korean prose against what was asked for: register, length, completeness, repetition, language.

Knows prompts (writing.toml, or a file of the same form) and texts, and nothing of models. What it
counts is form; whether a text is any good is for people who read it.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from giljabi import korean
from giljabi.answer import loops
from giljabi.errors import GiljabiError
from giljabi.measure.metrics import distinct, repeated
from giljabi.measure.questions import string
from giljabi.measure.register import (
    LIST_MARKS,
    REGISTERS,
    Register,
    ends,
    prose_lines,
    registers,
    sentences,
)

# ---- prompts ----

UNITS = ("characters", "sentences", "lines", "paragraphs", "items")
"""What a length may be asked in; characters count spaces but no line breaks, as 공백 포함 does."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked to write, and what of it can be counted.

    `kind` groups the summary. `register` and `lengths` (unit -> least and most) hold only what
    `prompt` asks for in words.
    """

    id: str
    kind: str
    prompt: str
    register: Register | None
    lengths: Mapping[str, tuple[int, int]]


SHIPPED = Path(str(files("giljabi.measure") / "writing.toml"))
"""Those that come with giljabi."""


def read_prompts(path: Path | None = None) -> list[Prompt]:
    """The prompts of a file, or those that come with giljabi.

    Raises GiljabiError naming file, row and field for the first fault.
    """
    where = str(path or SHIPPED.name)
    try:
        text = (path or SHIPPED).read_text("utf-8")
        table = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise GiljabiError(f"{where}: cannot be read as TOML ({error}).") from error
    rows = table.pop("prompt", None)
    if table or not isinstance(rows, list) or not rows:
        raise GiljabiError(f"{where}: must hold [[prompt]] tables, at least one, and nothing else.")
    prompts: dict[str, Prompt] = {}
    for number, row in enumerate(rows, 1):
        here = f"{where}, prompt {number}"
        if not isinstance(row, dict):
            raise GiljabiError(f"{here}: must be a table.")
        one = _prompt(row, here)
        if one.id in prompts:
            raise GiljabiError(f"{here}: id {one.id!r} was used already.")
        prompts[one.id] = one
    return list(prompts.values())


def _prompt(row: Mapping[str, Any], where: str) -> Prompt:
    for key in row:
        if key not in ("id", "kind", "prompt", "register", *UNITS):
            raise GiljabiError(f"{where}: field {key!r} is unknown.")
    asked = row.get("register")
    if "register" in row and asked not in REGISTERS:
        raise GiljabiError(
            f"{where}: field 'register' is {asked!r}; it must be one of {', '.join(REGISTERS)}."
        )
    lengths = {unit: _range(row[unit], unit, where) for unit in UNITS if unit in row}
    id_, kind, prompt = (string(row, key, where) for key in ("id", "kind", "prompt"))
    return Prompt(id_, kind, prompt, asked, lengths)


def _range(value: object, unit: str, where: str) -> tuple[int, int]:
    match [value, value] if type(value) is int else value:
        case [int(least), int(most)] if 0 < least <= most:
            return least, most
    raise GiljabiError(f"{where}: field {unit!r} must be a number above 0, or [least, most].")


# ---- figures of any text ----


def repeated_sentences(text: str) -> float:
    """Share of the sentences that were said before, white space ignored; those too short to tell
    (loops.SENTENCE_CHARS) do not count.
    """
    said = [loops.plain(one) for one in sentences(text)]
    said = [one for one in said if len(one) >= loops.SENTENCE_CHARS]
    return 1 - len(set(said)) / len(said) if said else 0.0


def hangul_share(text: str) -> float | None:
    """Share of the letters that are Hangul; None where there are no letters."""
    letters = [c for c in unicodedata.normalize("NFC", text) if c.isalpha()]
    return sum(map(korean.has_hangul, letters)) / len(letters) if letters else None


def foreign_letters(text: str) -> tuple[str, ...]:
    """Letters that are neither Hangul nor Latin, and broken ones, as often as they occur.

    Hanja in brackets after a Korean word, 훈민정음(訓民正音), explain it and are no slip.
    """
    rest = re.sub(r"(?<=[가-힣])\s?[(（][\u4e00-\u9fff·, ]+[)）]", "", text)
    return tuple(c for c in korean.foreign_script(rest) if c.isalpha() or c == "\ufffd")


# ---- length and completeness ----

REPEATED_WORDS = 3
"""Length of the runs counted as repeated: three eojeols say about what four English words do."""

# Who signs a letter, and what else may stand below a text: rules, hashtags, emoji.
_SIGNED = re.compile(r"(?:드림|올림|보냄|씀|끝|[가-힣]{2,}(?:가|이))\W*$")
_ADDED = re.compile(r"\s*(?:[-*_=]{3,}|(?:#[^\s#]+\s*)+|[^\w\s#|`•*-]+)\s*$")


def lengths(text: str) -> dict[str, int]:
    """A text in each of UNITS.

    Lines and paragraphs (parted by blank lines, or by line breaks where there are none) leave out
    headings, and paragraphs what holds no sentence. Items are the outermost entries of the list.
    """
    body = text.strip()
    blocks = re.split(r"\n\s*\n" if re.search(r"\n\s*\n", body) else r"\n", body)
    return {
        "characters": len(re.sub(r"[\r\n]", "", body)),
        "sentences": len(sentences(body)),
        "lines": len(prose_lines(body)),
        "paragraphs": sum(bool(sentences(block)) for block in blocks),
        "items": _items(body),
    }


def _items(text: str) -> int:
    for form in LIST_MARKS:
        found = [len(m[1]) for line in text.split("\n") if (m := form.match(line))]
        if found:
            return found.count(min(found))
    return 0


def finished(text: str) -> bool:
    """Whether the last line is at an end: a finished sentence, a list entry or line of verse like
    those before it, or a signature below finished text. An entry without words, a heading or a
    colon is no end.
    """
    lines = [line for line in text.split("\n") if line.strip() and not _ADDED.match(line)]
    if not lines:
        return False
    last, earlier = lines[-1].strip(), prose_lines("\n".join(lines[:-1]))
    if last.startswith(("|", "```")):
        return True
    words = last
    for mark in LIST_MARKS:
        words = mark.sub("", words)
    if not re.search(r"\w", words) or re.search(r"^#|[:：,、]\W*$", words):
        return False
    if ends(last):
        return True
    listed = _is_item(last)
    alike = [ends(line) for line in earlier if _is_item(line) == listed]
    if len(alike) > 1 and alike.count(False) > len(alike) / 2:
        return True
    signed = _SIGNED.search(last) and len(last.split()) <= 3
    return bool(signed and earlier and ends(earlier[-1]))


def _is_item(line: str) -> bool:
    return any(form.match(line) for form in LIST_MARKS)


# ---- one text, and a set of them ----


@dataclass(frozen=True, slots=True)
class Length:
    """What was counted beside what was asked for."""

    counted: int
    least: int
    most: int

    @property
    def fits(self) -> bool:
        """Within what was asked for."""
        return self.least <= self.counted <= self.most


@dataclass(frozen=True, slots=True)
class Written:
    """One text and what was counted in it. Shares are 0 to 1.

    `registers` counts the sentences that tell one, `no_register` the others; `in_register` is the
    share of the former in the register asked for (None: none was; 0 where no sentence tells),
    `one_register` that of the commonest. `loop` is where the text begins to go round in circles,
    an index; `hangul` is a share of letters.
    """

    prompt: Prompt
    text: str
    capped: bool
    registers: Mapping[str, int]
    no_register: int
    in_register: float | None
    one_register: float | None
    counted: Mapping[str, int]
    asked: Mapping[str, Length]
    finished: bool
    loop: int | None
    repeated: float
    repeated_sentences: float
    hangul: float | None
    foreign: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Ended by itself, at the end of something."""
        return self.finished and not self.capped

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        fits = {unit: asdict(one) | {"fits": one.fits} for unit, one in self.asked.items()}
        return asdict(self) | {"asked": fits, "complete": self.complete}


def measure(text: str, prompt: Prompt, *, capped: bool) -> Written:
    """Everything that can be counted in a text as the model gave it.

    `capped` says that it was stopped, by the token budget or by whoever watched for loops, and did
    not end by itself. (Chat.stream cuts loops off: measure what the generator says.)
    """
    text = unicodedata.normalize("NFC", text)
    told, silent = registers(text)
    all_told, counted = sum(told.values()), lengths(text)
    wanted = prompt.register
    return Written(
        prompt=prompt,
        text=text,
        capped=capped,
        registers=told,
        no_register=silent,
        in_register=told.get(wanted, 0) / max(all_told, 1) if wanted else None,
        one_register=max(told.values()) / all_told if told else None,
        counted=counted,
        asked={unit: Length(counted[unit], *bounds) for unit, bounds in prompt.lengths.items()},
        finished=finished(text),
        loop=loops.find(text),
        repeated=repeated(text, REPEATED_WORDS),
        repeated_sentences=repeated_sentences(text),
        hangul=hangul_share(text),
        foreign=foreign_letters(text),
    )


@dataclass(frozen=True, slots=True)
class Summary:
    """A set of texts in means; None where nothing in the set could be counted.

    `length_obeyed` is over all lengths asked for, and a text that never stopped obeyed none;
    `empty`, `complete`, `never_stopped`, `looping` and `foreign` are shares of texts; `distinct` is
    over the pooled texts, for one to three words.
    """

    texts: int
    characters: float | None
    sentences: float | None
    in_register: float | None
    one_register: float | None
    length_obeyed: float | None
    empty: float | None
    complete: float | None
    never_stopped: float | None
    looping: float | None
    repeated: float | None
    repeated_sentences: float | None
    hangul: float | None
    foreign: float | None
    distinct: tuple[float, ...]
    by_kind: Mapping[str, Summary]

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values, by kind too."""
        return asdict(self)


def summarise(texts: Sequence[Written], *, by_kind: bool = True) -> Summary:
    """The means of a set, and of each kind in it."""

    def mean(of: Callable[[Written], float | None]) -> float | None:
        values = [value for one in texts if (value := of(one)) is not None]
        return sum(values) / len(values) if values else None

    fits = [length.fits and not one.capped for one in texts for length in one.asked.values()]
    kinds = dict.fromkeys(one.prompt.kind for one in texts) if by_kind else {}
    return Summary(
        texts=len(texts),
        characters=mean(lambda one: one.counted["characters"]),
        sentences=mean(lambda one: one.counted["sentences"]),
        in_register=mean(lambda one: one.in_register),
        one_register=mean(lambda one: one.one_register),
        length_obeyed=sum(fits) / len(fits) if fits else None,
        empty=mean(lambda one: not one.text.strip()),
        complete=mean(lambda one: one.complete),
        never_stopped=mean(lambda one: one.capped),
        looping=mean(lambda one: one.loop is not None),
        repeated=mean(lambda one: one.repeated),
        repeated_sentences=mean(lambda one: one.repeated_sentences),
        hangul=mean(lambda one: one.hangul),
        foreign=mean(lambda one: bool(one.foreign)),
        distinct=tuple(distinct([one.text for one in texts], n) for n in (1, 2, 3)),
        by_kind={
            kind: summarise([one for one in texts if one.prompt.kind == kind], by_kind=False)
            for kind in kinds
        },
    )


# ---- pages to read: taste is judged by eyes ----

_NAMES = {"haeyo": "해요체", "hamnida": "합니다체", "plain": "반말", "written": "문어체"}
_UNITS = dict(zip(UNITS, ("자", "문장", "줄", "문단", "항목"), strict=True))
_PAGE = """<!doctype html>
<html lang="ko"><meta charset="utf-8"><title>나란히 읽기</title><style>
body {{ font: 16px/1.6 sans-serif; margin: 2em }} small {{ color: #555 }}
section > div {{ display: grid; grid-template-columns: repeat({columns}, 1fr); gap: 1.5em }}
p {{ white-space: pre-wrap; overflow-wrap: anywhere }}
</style>
{sections}
</html>
"""


def side_by_side(sets: Mapping[str, Sequence[Written]]) -> str:
    """One HTML page: below each prompt what every set wrote for it, a column each, with its figures.

    A set without that prompt leaves its column empty. Everything that was written is escaped.
    """
    by_id = {name: {one.prompt.id: one for one in texts} for name, texts in sets.items()}
    prompts = {one.prompt.id: one.prompt for texts in sets.values() for one in texts}
    sections = []
    for prompt in prompts.values():
        columns = "".join(_column(name, texts.get(prompt.id)) for name, texts in by_id.items())
        head = f"<h2>{escape(prompt.id)}</h2><blockquote>{escape(prompt.prompt)}</blockquote>"
        sections.append(f"<section>{head}<div>{columns}</div></section>")
    return _PAGE.format(columns=max(len(sets), 1), sections="\n".join(sections))


def _column(name: str, one: Written | None) -> str:
    if one is None:
        return f"<article><h3>{escape(name)}</h3></article>"
    said = [f"{_NAMES[key]} {count}" for key, count in one.registers.items()]
    said += [f"{one.counted[unit]:,}{_UNITS[unit]}" for unit in ("characters", "sentences")]
    said += [
        f"요청 {size.least}–{size.most}{_UNITS[unit]}: {size.counted}"
        for unit, size in one.asked.items()
    ]
    faults = {
        "끝나지 않음": one.capped,
        "맺지 않음": not one.finished,
        "맴돎": one.loop is not None,
    }
    said += [fault for fault, found in faults.items() if found]
    said += [f"다른 글자 {escape(''.join(one.foreign[:10]))}"] if one.foreign else []
    return (
        f"<article><h3>{escape(name)}</h3><p>{escape(one.text)}</p>"
        f"<small>{' · '.join(said)}</small></article>"
    )
