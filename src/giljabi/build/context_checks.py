"""What can be wrong with a row, seen from the row alone. Knows nothing of files or models.

Each check is a heuristic with a reason a person can follow; what it cannot see is said with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from giljabi.answer.text_claims import (
    Claims,
    Date,
    content_words,
    dates,
    latin_names,
    numbers,
    plain,
    quotations,
    squeezed,
)
from giljabi.build.context_rows import FIELDS, Row


@dataclass(frozen=True, slots=True)
class Check:
    """One kind of fault: what it means and whether a row that has it is left out by default."""

    about: str
    rejects: bool


CHECKS: dict[str, Check] = {
    "unreadable": Check("not an object, a field missing, or a field that is not text", True),
    "empty_field": Check("a field without any letter or digit", True),
    "truncated_context": Check(
        "the document ends in an ellipsis, or inside a sentence where most others end one, or "
        "three and more documents end at exactly the same greatest length",
        False,
    ),
    "truncated_answer": Check("the answer ends in an ellipsis or inside a sentence", True),
    "truncated_reasoning": Check("the reasoning ends in an ellipsis or inside a sentence", True),
    "answer_unsupported": Check(
        "a number with its unit, date, Latin name or quotation of the answer is not in the document",
        True,
    ),
    "few_words_found": Check(
        "less than half of the answer's Korean content words are in the document (it may be said "
        "in other words)",
        False,
    ),
    "reasoning_unsupported": Check(
        "a number, date or quotation of the reasoning is neither in the document nor in the "
        "question (it may have been worked out)",
        False,
    ),
    "conclusion_differs": Check("the reasoning ends with another answer than the answer", True),
    "duplicate": Check("the same four texts as an earlier row", True),
    "conflicting_answers": Check(
        "the same document and question with another answer elsewhere (all of them)", True
    ),
    "too_long": Check("more tokens than the limit", True),
}
"""Every check by name, in the order reports show them."""

FEW = 0.5
"""Share of an answer's Korean content words below which it is reported."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of one row: the check's name and what was seen."""

    check: str
    detail: str


_CLOSERS = "\"'”’)]」』》〉】）］}*_`"
_ELLIPSIS = re.compile(r"(?:\.{2,}|…|⋯|\[…\]|\(…\)|\[\.\.\.\])\s*$")
_FINAL = re.compile(r"[.!?。！？]$")
_ENDED = re.compile(r"(?:다|요|죠|까|음|함|됨|임)$")
_NO_SENTENCE = re.compile(r"^\s*(?:[-*•·▪◦○●■□#|>]|\d{1,3}[.)]\s|\[\d+\]|```|~~~)")
_LINK = re.compile(r"(?:https?://|www\.)\S+$|\S+@\S+\.\w+$")
_HANGING = re.compile(
    r"(?:[,:;·(\[{「『《“‘]|\s(?:and|or|the|an|of|because)|[가-힣](?:를|는)|[ㄱ-ㅎㅏ-ㅣ]|\ufffd|"
    r"(?:^|\s)(?:그리고|하지만|그러나|또는|및|왜냐하면|그래서|또한|즉))$"
)
_LONG_ANSWER = 60
_MARKER = re.compile(
    r"(?:^|[\n.!?]\s*|\*\*\s*)(?:최종\s*)?(?:정답|답변|답|final answer|the answer|answer|결론)"
    r"\s*(?:은|는|is)?\s*[:：=]?\s*\**\s*|####\s*",
    re.IGNORECASE,
)
_THEREFORE = re.compile(
    r"따라서|그러므로|결론적으로|그래서|\btherefore\b|\bthus\b|\bhence\b|\bso\b,?", re.I
)
_SENTENCES = re.compile(r"(?<=[.!?。！？])\s+|\n+")


def ends_properly(text: str) -> bool:
    """Whether a text's last line ends as prose, a list, a table, a link or a bracket does."""
    last = (text.rstrip().splitlines() or [""])[-1].rstrip()
    if _ELLIPSIS.search(last) or _HANGING.search(last):
        return False
    bare = last.rstrip(_CLOSERS)
    if bare != last or _NO_SENTENCE.match(last) or last.endswith("|") or _LINK.search(last):
        return True
    return bool(_FINAL.search(bare) or _ENDED.search(bare))


def ends_in_ellipsis(text: str) -> bool:
    """Whether the last thing is “…”, by which tools mark what they cut."""
    return bool(_ELLIPSIS.search(text.rstrip().rstrip(_CLOSERS[:2])))


def conclusion(reasoning: str) -> tuple[str, bool]:
    """What a reasoning ends with, and whether it is marked as the answer (“답:”, “Answer:”).

    Without a mark: from the last “따라서” or “therefore” in its last two sentences on, else the
    last sentence.
    """
    marks = list(_MARKER.finditer(reasoning))
    if marks and (rest := reasoning[marks[-1].end() :].strip()) and len(rest) <= 300:
        return rest, ":" in marks[-1][0] or "：" in marks[-1][0] or "#" in marks[-1][0]
    sentences = [s for s in _SENTENCES.split(reasoning.strip()) if s.strip()]
    tail = " ".join(sentences[-2:])
    if turns := list(_THEREFORE.finditer(tail)):
        return tail[turns[-1].start() :], False
    return (sentences[-1] if sentences else ""), False


def check(row: Row, document: Claims) -> list[Finding]:
    """Every fault that the row shows by itself; `document` holds its context."""
    if row.fault:
        return [Finding("unreadable", row.fault)]
    empty = [f for f in FIELDS if not re.search(r"\w", getattr(row, f))]
    if empty:
        return [Finding("empty_field", ", ".join(empty))]
    return [
        *_cut(row),
        *_unsupported_answer(row, document),
        *_unsupported_reasoning(row, document),
        *_other_conclusion(row),
    ]


def _end_of(text: str) -> str:
    text = " ".join(text[-200:].split())
    return f"ends: …{text[-40:]}" if len(text) > 40 else f"ends: {text}"


def _cut(row: Row) -> Iterator[Finding]:
    if ends_in_ellipsis(row.context):
        yield Finding("truncated_context", _end_of(row.context))
    answer = row.answer.strip()
    # A short answer is often no sentence; a long one that ends nowhere was cut.
    long = len(answer) > _LONG_ANSWER or len(_SENTENCES.split(answer)) > 1
    if (
        ends_in_ellipsis(answer)
        or _HANGING.search(answer)
        or _open(answer)
        or (long and not ends_properly(answer))
    ):
        yield Finding("truncated_answer", _end_of(answer))
    reasoning = row.cot_answer.strip()
    ended = ends_properly(reasoning) or squeezed(reasoning[-400:]).endswith(squeezed(answer))
    if not (ended or conclusion(reasoning)[1]) or ends_in_ellipsis(reasoning):
        yield Finding("truncated_reasoning", _end_of(reasoning))


def _open(text: str) -> bool:
    return any(text.count(a) > text.count(b) for a, b in ("()", "「」", "『』", "《》", "“”"))


def _unsupported_answer(row: Row, document: Claims) -> Iterator[Finding]:
    missing = [
        *(n.text for n in numbers(row.answer) if not document.has_number(n)),
        *(d.text for d in dates(row.answer) if not document.has_date(d)),
        *(n for n in latin_names(row.answer) if not document.has_name(n)),
        *(f"“{q}”" for q in quotations(row.answer) if not document.has_quotation(q)),
    ]
    if missing:
        yield Finding("answer_unsupported", _listed(missing))
    words = content_words(row.answer)
    share = document.share(words)
    if len(words) >= 2 and share < FEW:
        yield Finding("few_words_found", f"{share:.0%} of {len(words)} words")


def _unsupported_reasoning(row: Row, document: Claims) -> Iterator[Finding]:
    question = Claims(row.question)
    missing = [
        *(
            n.text
            for n in numbers(_unnumbered(row.cot_answer))
            if not (document.has_number(n) or question.has_number(n))
        ),
        *(
            d.text
            for d in dates(row.cot_answer)
            if not (document.has_date(d) or question.has_date(d))
        ),
        *(
            f"“{q}”"
            for q in quotations(row.cot_answer)
            if not (document.has_quotation(q) or question.has_quotation(q))
        ),
    ]
    if missing:
        yield Finding("reasoning_unsupported", _listed(missing))


def _unnumbered(text: str) -> str:
    """Without the numbers of steps, which claim nothing."""
    text = re.sub(
        r"(?m)^\s*(?:#+\s*)?\**(?:\d{1,2}[.):]|(?:step|단계)\s?\d{1,2}\b)", " ", text, flags=re.I
    )
    return re.sub(r"\d{1,2}\s?단계|\bstep\s\d{1,2}\b", " ", text, flags=re.I)


def _other_conclusion(row: Row) -> Iterator[Finding]:
    end, marked = conclusion(row.cot_answer)
    if not end or squeezed(row.answer) in squeezed(end):
        return
    held = Claims(end)
    said, meant = _units(end), _units(row.answer)
    shared = said & meant
    if "" in said | meant and not shared:  # where one writes no unit, the values must do
        shared = meant if said else frozenset()
    days = [d for d in dates(row.answer) if dates(end)]
    other_day = days and not any(held.has_date(d) or _holds(d, end) for d in days)
    other_number = any(
        not any(held.has_number(n) for n in numbers(row.answer) if n.unit == unit)
        for unit in shared
    )
    other_words = marked and not (said or meant) and _other_words(end, row.answer)
    if other_day or other_number or other_words:
        yield Finding("conclusion_differs", f"“{_clip(end)}” against “{_clip(row.answer)}”")


def _units(text: str) -> frozenset[str]:
    return frozenset(n.unit for n in numbers(text))


def _holds(day: Date, text: str) -> bool:
    """Whether `text` says this day less exactly."""
    return any(d.within(day) for d in dates(text))


def _other_words(end: str, answer: str) -> bool:
    """Whether two short answers share no word; longer ones may say one thing in two ways."""
    if max(len(end), len(answer)) > _LONG_ANSWER:
        return False
    words = [
        {w.casefold() for w in (*content_words(t), *re.findall(r"[A-Za-z]{2,}", plain(t)))}
        for t in (end, answer)
    ]
    return all(words) and not any(a in b or b in a for a in words[0] for b in words[1])


def _listed(items: Sequence[str]) -> str:
    unique = list(dict.fromkeys(items))
    more = f" and {len(unique) - 5} more" if len(unique) > 5 else ""
    return ", ".join(_clip(i) for i in unique[:5]) + more


def _clip(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:59] + "…"
