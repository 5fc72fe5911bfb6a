"""Figures of one contestant from its rows, as plain values, and as the lines of a table.

Everything but "system" is the same whenever the same answers were given. Knows no models.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from giljabi.measure import metrics
from giljabi.measure.measured import Measured
from giljabi.measure.questions import LANGS
from giljabi.measure.report import Report
from giljabi.measure.similarity import Encoder, similarity
from giljabi.measure.writing import Prompt, Written, measure, summarise

Figures = dict[str, Any]
REPEATED_WORDS = 4
"""Length of the runs of words that count as said again, as in Welleck et al. 2019."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known of a contestant's rows beside themselves."""

    encoder: Encoder | None = None
    """Adds the similarity to references, the mean and a row each."""
    prompts: Mapping[str, Prompt] = field(default_factory=dict)
    """What was to be written, by row id: adds the form of Korean prose."""
    read: Mapping[str, Any] | None = None
    """What the model made of texts (reading.py)."""
    marks: Mapping[str, int | None] | None = None
    """A judge's, by row id."""


def figures(rows: Sequence[Measured], beside: Beside | None = None) -> Figures:
    """Everything that can be counted in the rows; None where there is nothing to count.

    Shares say of how many.
    """
    beside = beside or Beside()
    gold = [row for row in rows if row.gold]
    right = Report(tuple(gold))
    answerable = [row for row in rows if row.expect == "answer"]
    declining = [row for row in rows if row.expect == "abstain"]
    told = [row for row in rows if row.capped is not None]
    return {
        "asked": len(rows),
        "right": _share(row.right for row in gold),
        **{
            f"right_by_{what}": {
                key: {"count": tally.right, "of": tally.all, "share": tally.share}
                for key, tally in right.by(what).items()
            }
            for what in ("lang", "slot", "expect")
        },
        "declined": _share(declines(row) for row in declining),
        "declined_wrongly": _share(
            row.abstained and not (row.gold and row.right) for row in answerable
        ),
        "declined_beside": _share(row.abstained and row.right for row in answerable if row.gold),
        "unsupported": _share(None if row.verified is None else not row.verified for row in rows),
        "objections": dict(Counter(why for row in rows for _, why in row.problems).most_common()),
        "own_words": _share(own_words(row) for row in rows if row.for_model),
        "written_by": dict(sorted(Counter(row.written_by for row in rows).items())),
        "sentences_dropped": sum(len(row.dropped) for row in rows),
        "never_stopped": _share(row.capped for row in told),
        "references": _beside_references(rows, beside.encoder),
        "likelihood": beside.read,
        "writing": _writing(rows, beside.prompts),
        "judge": _judged(beside.marks),
        "form": _form(rows),
        "system": _system(rows),
    }


def declines(row: Measured) -> bool:
    """Whether the answer to a question nobody can answer says so, and nothing it must not."""
    return row.right if row.gold else row.abstained


def own_words(row: Measured) -> bool:
    """Whether the model wrote every sentence, answered, and the checker passes all of it."""
    answered = bool(row.answer.strip()) and not row.abstained
    return row.written_by == "model" and bool(row.verified) and answered


def within(values: Iterable[float | None], share: float) -> float | None:
    """What `share` of the known values do not exceed; None where none is known."""
    known = sorted(value for value in values if value is not None)
    return known[max(0, math.ceil(share * len(known)) - 1)] if known else None


def _share(marks: Iterable[bool | None]) -> dict[str, float] | None:
    known = [bool(mark) for mark in marks if mark is not None]
    if not known:
        return None
    return {"count": sum(known), "of": len(known), "share": sum(known) / len(known)}


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return fmean(known) if known else None


def _beside_references(rows: Sequence[Measured], encoder: Encoder | None) -> Figures | None:
    compared = [row for row in rows if row.reference]
    if not compared:
        return None
    out: Figures = {"rows": len(compared), "bleu": {}, "chrf": {}, "similarity": None}
    for lang in LANGS:
        some = [row for row in compared if row.lang == lang]
        if not some:
            continue
        texts, references = [row.answer for row in some], [row.reference for row in some]
        bleu, chrf = metrics.bleu(texts, references, lang), metrics.chrf(texts, references)
        out["bleu"][lang] = {"score": bleu.score, "signature": bleu.signature}
        out["chrf"][lang] = {"score": chrf.score, "signature": chrf.signature}
    if encoder is not None:
        # An empty text has no vector to speak of; a space stands for it.
        found = similarity(
            [row.answer or " " for row in compared], [row.reference for row in compared], encoder
        )
        out["similarity"] = {
            "mean": found.mean, "encoder": found.encoder, "version": found.version,
            "sha256": found.sha256,
            "rows": dict(zip((row.id for row in compared), found.scores, strict=True)),
        }  # fmt: skip
    return out


def texts_written(rows: Sequence[Measured], prompts: Mapping[str, Prompt]) -> list[Written]:
    """The rows that answer writing prompts, with what is counted in them."""
    return [
        measure(row.answer, prompts[row.id], capped=row.capped is True)
        for row in rows
        if row.id in prompts
    ]


def _writing(rows: Sequence[Measured], prompts: Mapping[str, Prompt]) -> Figures | None:
    written = texts_written(rows, prompts)
    return summarise(written).to_json() if written else None


def _judged(marks: Mapping[str, int | None] | None) -> Figures | None:
    if marks is None:
        return None
    given = [one for one in marks.values() if one is not None]
    return {"mean": _mean(given), "given": len(given), "of": len(marks), "rows": dict(marks)}


def _form(rows: Sequence[Measured]) -> Figures:
    texts = [row.answer for row in rows]
    return {
        "characters": _mean(len(text) for text in texts),
        "empty": _share(not text.strip() for text in texts),
        "ended": _share(metrics.ended(text) for text in texts),
        "goes_round": _share(metrics.goes_round(text) for text in texts),
        "repeated": _mean(metrics.repeated(text, REPEATED_WORDS) for text in texts),
        "distinct": {str(n): metrics.distinct(texts, n) for n in (1, 2, 3)},
        "purity": {
            lang: _mean(metrics.purity(row.answer, lang) for row in rows if row.lang == lang)
            for lang in LANGS
        },
        "purity_of_references": {
            lang: _mean(
                metrics.purity(row.reference, lang)
                for row in rows
                if row.lang == lang and row.reference
            )
            for lang in LANGS
        },
    }


def _system(rows: Sequence[Measured]) -> Figures:
    def both(of: Callable[[Measured], float | None]) -> Figures:
        return {"p50": within(map(of, rows), 0.5), "p95": within(map(of, rows), 0.95)}

    # The first token's time is the prompt's, so an answer of one has none of its own.
    timed = [row for row in rows if (row.tokens or 0) > 1 and row.decode_ms]
    decode_ms = sum(row.decode_ms or 0 for row in timed)
    spent = [row.joules for row in rows if row.joules is not None]
    return {
        "answer_ms": both(lambda row: row.total_ms),
        "first_token_ms": both(lambda row: row.first_token_ms),
        "first_sentence_ms": both(lambda row: row.first_sentence_ms),
        "tokens_per_s": sum(row.tokens or 0 for row in timed) / decode_ms * 1000 if timed else None,
        "load_s": within((row.load_s for row in rows), 0.5),
        "peak_mb": within((row.peak_mb for row in rows), 1.0),
        "joules_an_answer": fmean(spent) if spent else None,
    }


# ---- a table for people ----


def _marked(judged: Mapping[str, Any]) -> str:
    mean = "–" if judged["mean"] is None else f"{judged['mean']:.2f}"
    return f"{mean} ({judged['given']} of {judged['of']} marked)"


def table(found: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """(figure, a cell for each contestant); figures nobody has are left out."""
    lines: list[tuple[str, Callable[[Mapping[str, Any]], str]]] = [
        ("questions", lambda f: str(f["asked"])),
        ("right", lambda f: _said(f["right"])),
        *((f"right, {lang}", _in(("right_by_lang", lang), _said)) for lang in LANGS),
        ("“I do not know” where nothing is known", lambda f: _said(f["declined"])),
        ("“I do not know” where something is", lambda f: _said(f["declined_wrongly"])),
        ("“I do not know” beside what is right", lambda f: _said(f["declined_beside"])),
        ("unsupported answers (the checker)", lambda f: _said(f["unsupported"])),
        ("the model's own words, passed", lambda f: _said(f["own_words"])),
        ("sentences of the model dropped", lambda f: str(f["sentences_dropped"])),
        ("never stopped by itself", lambda f: _said(f["never_stopped"])),
    ]
    for lang in LANGS:
        lines += [
            (f"BLEU, {lang}", _in(("references", "bleu", lang, "score"), _plain(1))),
            (f"chrF, {lang}", _in(("references", "chrf", lang, "score"), _plain(1))),
        ]
    lines += [
        ("similarity", _in(("references", "similarity", "mean"), _plain(3))),
        *((f"{what}, {lang}: {label}", _in(("likelihood", f"{what}, {lang}", key), _plain(digits)))
          for what in ("texts", "references") for lang in LANGS
          for label, key, digits in (("bits per byte", "bits_per_byte", 3), ("perplexity", "perplexity", 2))),
        ("a judge's mark, 1 to 5", _in(("judge",), _marked)),
        *((f"writing: {label}", _in(("writing", key), said)) for label, key, said in _WRITING),
        ("characters an answer", _in(("form", "characters"), _plain(0))),
        ("ends as a sentence does", _in(("form", "ended"), _said)),
        ("goes round in circles", _in(("form", "goes_round"), _said)),
        (f"runs of {REPEATED_WORDS} words said again", _in(("form", "repeated"), _percent)),
        *((f"distinct {n}-word runs", _in(("form", "distinct", n), _percent)) for n in "123"),
        *((f"letters in the script, {lang}", _in(("form", "purity", lang), _percent))
          for lang in LANGS),
        ("answer, p50 / p95", _in(("system", "answer_ms"), _times)),
        ("first checked sentence, p50 / p95", _in(("system", "first_sentence_ms"), _times)),
        ("model's first token, p50 / p95", _in(("system", "first_token_ms"), _times)),
        ("tokens a second", _in(("system", "tokens_per_s"), _plain(1))),
        ("load", _in(("system", "load_s"), lambda s: f"{s:.2f} s")),
        ("peak resident memory", _in(("system", "peak_mb"), lambda mb: f"{mb:.0f} MB")),
        ("energy an answer, whole board", _in(("system", "joules_an_answer"), lambda j: f"{j:.1f} J")),
    ]  # fmt: skip
    rows = [(label, [cell(one) for one in found.values()]) for label, cell in lines]
    return [(label, cells) for label, cells in rows if any(cell != "–" for cell in cells)]


def to_markdown(found: Mapping[str, Mapping[str, Any]]) -> str:
    """The table as Markdown."""
    head = ["", *(name.replace("|", "\\|") for name in found)]
    lines = [head, ["---"] * len(head), *([label, *cells] for label, cells in table(found))]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _in(path: Sequence[str], said: Callable[[Any], str]) -> Callable[[Mapping[str, Any]], str]:
    def cell(of: Mapping[str, Any]) -> str:
        value: Any = of
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return "–" if value is None else said(value)

    return cell


def _said(tally: Mapping[str, float] | None) -> str:
    return f"{tally['count']} of {tally['of']} ({tally['share']:.1%})" if tally else "–"


def _plain(digits: int) -> Callable[[float], str]:
    return lambda value: f"{value:.{digits}f}"


def _percent(value: float) -> str:
    return f"{value:.1%}"


def _times(of: Mapping[str, float | None]) -> str:
    if of["p50"] is None or of["p95"] is None:
        return "–"
    return f"{of['p50']:.0f} / {of['p95']:.0f} ms"


_WRITING: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("in the register asked for", "in_register", _percent),
    ("in one register", "one_register", _percent),
    ("lengths obeyed", "length_obeyed", _percent),
    ("complete", "complete", _percent),
    ("never stopped", "never_stopped", _percent),
    ("going round in circles", "looping", _percent),
    ("runs of 3 words said again", "repeated", _percent),
    ("sentences said again", "repeated_sentences", _percent),
    ("letters in Hangul", "hangul", _percent),
    ("texts with other scripts", "foreign", _percent),
)
"""(label, field of writing.Summary, how it is said)."""
