"""The operator's page as HTML without a script: sign-in, health, figures, and three buttons."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from starlette.responses import HTMLResponse

from giljabi.answer.facts import Outcome
from giljabi.serve.gate import ROOT
from giljabi.serve.markup import Content, Node, element, page
from giljabi.serve.operator import Figures
from giljabi.venue.place import Lang

_STYLE = "desk_page.css"


@dataclass(frozen=True, slots=True)
class Said:
    """What came of the last button that was pressed."""

    text: str
    ok: bool


def sign_in(lang: Lang, *, wrong: bool = False) -> HTMLResponse:
    """The form that asks for the token; 401."""
    words = _words(lang)
    field = element(
        "input", type="password", name="token", id="token", required="", autocomplete="off",
        **({"aria-describedby": "wrong"} if wrong else {}),
    )  # fmt: skip
    form = element(
        "form", element("label", words["token"], for_="token"), field, " ",
        element("button", words["enter"], type="submit"), method="post",
        action=f"{ROOT}/login?lang={lang}",
    )  # fmt: skip
    said = element("p", words["wrong"], class_="said no", role="alert", id="wrong")
    return page(
        words["sign_in"], lang, _STYLE,
        [_header(words["sign_in"], lang, words), element("main", said if wrong else None, form)],
        status=401, forms=True,
    )  # fmt: skip


def desk(figures: Figures, lang: Lang, said: Said | None = None) -> HTMLResponse:
    """Everything the operator sees."""
    words = _words(lang)
    leave = _button("logout", words["leave"], lang, plain=True)
    note = None
    if said is not None:
        note = element("p", said.text, class_="said" if said.ok else "said no", role="status")
    main = element(
        "main", note, *_health(figures, words, lang), *_hours(figures, words),
        *_counted(words["routes"], "", words["outcome"], _outcomes(figures.routes, words), words),
        *_unanswered(figures, words, lang), *_confused(figures, words), *_failed(figures, words),
        *_counted(words["model_out"], "", words["reason"], figures.model, words),
    )  # fmt: skip
    title = f"{words['title']} · {figures.health.venue}"
    return page(title, lang, _STYLE, [_header(title, lang, words, leave), main], forms=True)


def reloaded(lang: Lang, places: int, venue_hash: str, warnings: int, seconds: float) -> Said:
    """That the venue was read anew."""
    values = {"places": places, "hash": venue_hash[:12], "warnings": warnings, "seconds": seconds}
    return Said(_words(lang)["reloaded"].format(**values), ok=True)


def refused(lang: Lang, why: str) -> Said:
    """That the venue was not read anew."""
    return Said(_words(lang)["refused"].format(why=why), ok=False)


@lru_cache(maxsize=2)
def _words(lang: Lang) -> dict[str, Any]:
    table = tomllib.loads((files("giljabi.serve") / "desk_page.toml").read_text("utf-8"))
    words: dict[str, Any] = table[lang]
    return words


def _header(title: str, lang: Lang, words: dict[str, Any], *more: Content) -> Node:
    other = "en" if lang == "ko" else "ko"
    link = element(
        "a", words["other_language"], href=f"{ROOT}?lang={other}", lang=other, class_="button plain"
    )
    return element("header", element("h1", title), link, *more)


def _button(action: str, text: str, lang: Lang, *, plain: bool = False) -> Node:
    button = element("button", text, type="submit", class_="plain" if plain else "strong")
    return element("form", button, method="post", action=f"{ROOT}/{action}?lang={lang}")


def _health(figures: Figures, words: dict[str, Any], lang: Lang) -> list[Node]:
    health = figures.health
    hours, minutes = health.uptime_s // 3600, health.uptime_s // 60 % 60
    venue = words["venue_value"].format(
        name=health.venue, places=health.places, hash=health.venue_hash[:12]
    )
    memory = words["unknown"]
    if health.memory_bytes is not None:
        memory = words["memory_value"].format(mb=health.memory_bytes >> 20)
    rows = [
        (words["venue"], venue),
        (words["model"], health.model or words["model_none"]),
        (words["version"], health.version),
        (words["uptime"], words["uptime_value"].format(hours=hours, minutes=minutes)),
        (words["running"], str(health.running)),
        (words["waiting"], str(health.waiting)),
        (words["turned_away"], str(health.turned_away)),
        (words["memory"], memory),
    ]
    terms = [node for name, value in rows for node in (element("dt", name), element("dd", value))]
    return [
        element("h2", words["health"]),
        element("dl", *terms),
        _button("reload", words["reload"], lang),
        element("p", words["reload_note"], class_="note"),
    ]


def _hours(figures: Figures, words: dict[str, Any]) -> list[Node]:
    seen = list(dict.fromkeys(o for _, counts in figures.hours for o in counts))
    rows = [
        (
            time.strftime("%m-%d %H:%M", time.localtime(at)),
            *(str(counts.get(o, 0)) for o in seen),
        )
        for at, counts in reversed(figures.hours)
    ]
    heads = (words["hour"], *(words["outcomes"].get(o, o) for o in seen))
    return _section(words["hours"], "", heads, rows, words, numbers=range(1, len(heads)))


def _unanswered(figures: Figures, words: dict[str, Any], lang: Lang) -> list[Node]:
    if figures.keep_days is None:
        note = element("p", words["unanswered_off"], class_="note")
        return [element("h2", words["unanswered"]), note]
    rows = [
        (u.question, _outcome(u.outcome, words), str(u.times), u.day) for u in figures.unanswered
    ]
    heads = (words["question"], words["outcome"], words["times"], words["day"])
    note_text = words["unanswered_on"].format(days=figures.keep_days, shown=len(rows))
    export = element("a", words["export"], href=f"{ROOT}/unanswered.jsonl", class_="button plain")
    return [
        *_section(words["unanswered"], note_text, heads, rows, words, numbers=(2,)),
        element("p", export),
        _button("forget", words["forget"], lang, plain=True),
    ]


def _confused(figures: Figures, words: dict[str, Any]) -> list[Node]:
    rows = [(" · ".join(c.names), str(c.times)) for c in figures.confused]
    heads = (words["places"], words["times"])
    return _section(words["confused"], words["confused_note"], heads, rows, words, numbers=(1,))


def _failed(figures: Figures, words: dict[str, Any]) -> list[Node]:
    out = _counted(words["failed"], words["failed_note"], words["reason"], figures.failed, words)
    if figures.dropped:
        heads = (words["sentence"], words["reason"], words["day"])
        rows = [(sentence, reason, day) for day, sentence, reason in figures.dropped]
        out += [_table(heads, rows, words["failed"])]
    return out


def _counted(
    title: str, note: str, head: str, counts: dict[str, int], words: dict[str, Any]
) -> list[Node]:
    rows = [(key, str(n)) for key, n in counts.items()]
    return _section(title, note, (head, words["times"]), rows, words, numbers=(1,))


def _outcomes(counts: dict[str, int], words: dict[str, Any]) -> dict[str, int]:
    return {words["outcomes"].get(outcome, outcome): n for outcome, n in counts.items()}


def _outcome(outcome: Outcome, words: dict[str, Any]) -> str:
    return str(words["outcomes"].get(outcome, outcome))


def _section(
    title: str, note: str, heads: Sequence[str], rows: Sequence[Sequence[str]],
    words: dict[str, Any], *, numbers: Iterable[int] = (),
) -> list[Node]:  # fmt: skip
    head = [element("h2", title), *([element("p", note, class_="note")] if note else [])]
    if not rows:
        return [*head, element("p", words["none"])]
    return [*head, _table(heads, rows, title, numbers)]


def _table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], name: str, numbers: Iterable[int] = ()
) -> Node:
    right = frozenset(numbers)

    def cell(tag: str, n: int, text: str, **more: str) -> Node:
        # What visitors wrote may be of either direction and must not turn its neighbours round.
        return element(
            tag, element("bdi", text), **({"class": "number"} if n in right else {}), **more
        )

    first = element("tr", *(cell("th", n, head, scope="col") for n, head in enumerate(heads)))
    body = [element("tr", *(cell("td", n, text) for n, text in enumerate(row))) for row in rows]
    table = element("table", element("thead", first), element("tbody", *body))
    # A wide table scrolls by itself, with the keyboard too.
    return element("div", table, class_="wide", tabindex="0", role="region", aria_label=name)
