"""English text without what espeak-ng and its like read wrong; plain numbers they read well.

Checked against espeak-ng 1.52: "650 m" came out as "… fifty em", "24/7" as "twenty-four slash
seven", "No. 5" as "no" and "five" of the next sentence, "9:00" as "nine zero zero".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from giljabi import korean
from giljabi.spoken import calendar, links
from giljabi.spoken.words import NUMBER, either, plain, table, whole

_MONTHS = (
    "January February March April May June July August September October November December".split()
)
_SHARES = {
    (1, 2): "one half", (1, 3): "one third", (2, 3): "two thirds",
    (1, 4): "one quarter", (3, 4): "three quarters",
}  # fmt: skip


def say(text: str, readings: Mapping[str, str]) -> str:
    """See giljabi.spoken.spoken."""
    text = links.rewritten(plain(text), _mail, _web)
    for words in (readings, table()["en"]["lexicon"]):
        text = _worded(text, words)
    text = calendar.phones(text, lambda groups: ", ".join(" ".join(group) for group in groups))
    text = _called(text)
    text = calendar.dates(text, _date, lambda a, b: _SHARES[(a, b)])
    text = _times(text)
    text = _floors(_unmarked(text))
    return _swept(_measured(text))


def _worded(text: str, words: Mapping[str, str]) -> str:
    if not words:
        return text
    folded = {w.lower(): said for w, said in words.items() if w == w.lower()}
    return re.sub(
        whole(words), lambda m: words[m[0]] if m[0] in words else folded[m[0].lower()], text
    )


def _mail(name: str, host: str) -> str:
    return f"{_dotted(name)} at {_dotted(host)}"


def _web(host: str, path: str) -> str:
    return _dotted(host) + path.replace("/", " slash ")


def _dotted(host: str) -> str:
    return host.replace(".", " dot ").replace("-", " dash ").replace("_", " underscore ")


def _date(year: int | None, month: int, day: int) -> str:
    return f"{_MONTHS[month - 1]} {day}" + (f", {year}" if year else "")


def _called(text: str) -> str:
    numbers = either(table()["en"]["call"].split())
    return re.sub(
        rf"(?i)((?:call|dial|phone|ring|extension|ext\.?) )(?:({numbers})|(\d{{4,}}))(?!\d)",
        lambda m: m[1] + " ".join(m[2] or m[3]),
        text,
    )


def _times(text: str) -> str:
    text = re.sub(r"(\d) ?([ap])\.?m\b\.?(?=\s+[a-z])", r"\1 \2.m.", text, flags=re.I)
    text = re.sub(
        r"(?<![\d:])(\d{1,2}):([0-5]\d) ?([AaPp])\.?[Mm]\b",
        lambda m: f"{m[1]}{'' if m[2] == '00' else ' ' + _minutes(int(m[2]))} {m[3].lower()}.m",
        text,
    )
    return calendar.times(text, _clock)


def _minutes(minute: int) -> str:
    return f"oh {minute}" if minute < 10 else str(minute)


def _clock(hour: int, minute: int) -> str:
    if (hour % 12, minute) == (0, 0):
        return "noon" if hour == 12 else "midnight"
    half = "p.m." if 12 <= hour < 24 else "a.m."
    return f"{(hour - 1) % 12 + 1} " + (f"{_minutes(minute)} " if minute else "") + half


def _unmarked(text: str) -> str:
    text = re.sub(r"(?m)^[ \t]*(?:[-*+·▶■●○□※☆★>]+|#{1,6})[ \t]+", "", text)
    text = re.sub(r"(?m)^[ \t]*\(?([1-9]\d?)(?:\)|\.(?=[ \t]))[ \t]*", r"\1, ", text)
    return re.sub(r"\*\*|__|\*|`", "", text)


def _floors(text: str) -> str:
    """B1, B1F, 2F and No. 5 as people say them."""
    text = re.sub(
        r"(?<![A-Za-z0-9-])B(\d)F? ?[~-] ?B(\d)F?(?![A-Za-z0-9-])",
        r"basement levels \1 to \2",
        text,
    )
    basement = r"(?<![A-Za-z0-9-])B(\d)(?:F)?(?![A-Za-z0-9-])"
    text = re.sub(
        rf"(?i:\bfloors? ){basement}|{basement}(?i: floor\b)?",
        lambda m: f"basement level {m[1] or m[2]}",
        text,
    )
    text = re.sub(r"(?<![A-Za-z0-9])(\d{1,3})F(?![A-Za-z0-9])", r"floor \1", text)
    text = re.sub(r"(?<![A-Za-z])[Nn]os?\. ?(?=\d)|#(?=\d)", "number ", text)
    text = re.sub(r"(?<=[A-Z])/(?=[A-Z])", " ", text)
    text = re.sub(r"(?<=[A-Za-z])/(?=[A-Za-z])", " or ", text)
    return re.sub(r"(?<=\d)/(?=\d)", " of ", text)


def _measured(text: str) -> str:
    en = table()["en"]
    units = either(en["units"])
    text = re.sub(
        rf"({either(en['money'])}) ?({NUMBER})", lambda m: f"{m[2]} {en['money'][m[1]]}", text
    )
    text = re.sub(
        rf"({NUMBER}) ?[~-] ?(?=(?:{NUMBER}) ?(?:{units})(?![A-Za-z0-9]))", r"\1 to ", text
    )
    text = re.sub(r"(?<=[\d.]) ?~ ?(?=\d)|(?<=m\.) ?- ?(?=\d)", " to ", text)
    text = re.sub(r"(?<=[A-Za-z.]) ?~ ?(?=[A-Za-z\d])", " to ", text)
    text = re.sub(r"(?<![\w-])-(?=\d)", "minus ", text)

    def unit(found: re.Match[str]) -> str:
        one, many = en["units"][found["unit"]]
        return f"{found['n']} {one if found['n'] == '1' else many}"

    text = re.sub(rf"(?P<n>{NUMBER}) ?(?P<unit>{units})(?![A-Za-z0-9/])", unit, text)
    return re.sub(r"(\d)\s?[×x]\s?(?=\d)", r"\1 by ", text)


def _swept(text: str) -> str:
    """Brackets and bullets as pauses, Hangul in Latin letters, nothing that has no sound."""
    text = re.sub(r" ?[(\[{] ?", ", ", text)
    text = re.sub(r" ?[)\]}] ?(?=[A-Za-z0-9])", ", ", text)
    text = re.sub(r"[)\]}]", "", text)
    text = re.sub(r" ?[;|·…→⇒➔=~]+ ?", ", ", korean.romanise(text))
    text = re.sub(r"(?<=\w) ?: ", ", ", text)
    text = re.sub(r"(?<![A-Za-z])'|'(?![A-Za-z])|\"", "", text)
    text = "".join(c for c in text if c in "\n ,.?!'&%$-:+" or (c.isascii() and c.isalnum()))
    text = re.sub(r" ?\n[ \n]*", "\n", re.sub(r" {2,}", " ", text))
    text = re.sub(r"[ ,]+(?=[.,?!])", "", text)
    lines = (re.sub(r"[ ,]+$", "", re.sub(r"^[ .,?!]+", "", line)) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)
