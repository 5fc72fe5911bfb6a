"""Dates, times and telephone numbers as they are found in text. Knows no language."""

from __future__ import annotations

import re
from collections.abc import Callable

PHONE = re.compile(
    r"(?<![\d.,-])(?:"
    r"\+\d{1,3}[- ]?\(?\d{1,3}\)?[- ]\d{3,4}[- ]\d{4}"
    r"|\(?0\d{1,2}\)?[-. )]\s?\d{3,4}[-. ]\d{4}"
    r"|1[5-9]\d{2}-\d{4}|0\d{1,2}-\d{3,4}|\d{3,4}-\d{4}"
    r")(?![\d-]|\.\d)"
)
_YEARS = re.compile(r"((?:19|20)\d\d)-((?:19|20)\d\d)")
_DATE = re.compile(r"(?<![\d.])((?:19|20)\d\d)\s?([-./])\s?(\d{1,2})\s?\2\s?(\d{1,2})(?!\d)")
_DAY = re.compile(r"(?<![\d/.])(\d{1,2})/(\d{1,2})(?![\d/]|\.\d)")
_CLOCK = re.compile(r"(?<![\d:.])(\d{1,2}):([0-5]\d)(?::[0-5]\d)?(?![\d:])")


def phones(text: str, say: Callable[[list[str]], str]) -> str:
    """`say(groups of digits)` in the place of each telephone number; years are none."""

    def number(found: re.Match[str]) -> str:
        years = _YEARS.fullmatch(found[0])
        if years and years[1] < years[2]:
            return f"{years[1]}~{years[2]}"
        return say(re.findall(r"\d+", found[0]))

    return PHONE.sub(number, text)


def _is_day(month: int, day: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= 31


def dates(
    text: str, say: Callable[[int | None, int, int], str], share: Callable[[int, int], str]
) -> str:
    """`say(year, month, day)` for dates; 1/2, 1/3, 2/3, 1/4, 3/4 are shares unless a day is meant."""

    def full(found: re.Match[str]) -> str:
        month, day = int(found[3]), int(found[4])
        return say(int(found[1]), month, day) if _is_day(month, day) else found[0]

    def short(found: re.Match[str]) -> str:
        month, day = int(found[1]), int(found[2])
        goes_on = re.match(r"\s?(?:\(|~|까지|부터)", text[found.end() :])
        if (month, day) in {(1, 2), (1, 3), (2, 3), (1, 4), (3, 4)} and not goes_on:
            return share(month, day)
        return say(None, month, day) if _is_day(month, day) else found[0]

    text = _DATE.sub(full, text)
    return _DAY.sub(short, text)


def times(text: str, say: Callable[[int, int], str]) -> str:
    """`say(hour, minute)` for 9:05, 14:30, 24:00; 3:2 and 30:15 are no times."""

    def time(found: re.Match[str]) -> str:
        hour = int(found[1])
        return say(hour, int(found[2])) if hour <= 24 else found[0]

    return _CLOCK.sub(time, text)
