"""Numbers in Korean words: Sino-Korean, native, digit by digit. Knows no units."""

from __future__ import annotations

_DIGITS = "영일이삼사오육칠팔구"
_PLACES = ((1000, "천"), (100, "백"), (10, "십"), (1, ""))
_MYRIADS = ("", "만", "억", "조", "경")
_ONES = ("", *"하나 둘 셋 넷 다섯 여섯 일곱 여덟 아홉".split())
_TENS = ("", *"열 스물 서른 마흔 쉰 예순 일흔 여든 아흔".split())
_BEFORE_COUNTER = {"하나": "한", "둘": "두", "셋": "세", "넷": "네", "스물": "스무"}

_LONGEST = 4 * len(_MYRIADS)  # digits that have a name


def sino(n: int) -> str:
    """0 <= n < 10**20 in Sino-Korean: 12345 -> "만 이천삼백사십오"."""
    if n == 0:
        return _DIGITS[0]
    words: list[str] = []
    for myriad in _MYRIADS:
        n, group = divmod(n, 10_000)
        if group:
            # 10,000 is 만, never 일만; but 일억.
            said = "" if myriad == "만" and group == 1 and not n else _below_myriad(group)
            words.insert(0, said + myriad)
    return " ".join(words)


def _below_myriad(n: int) -> str:
    out = ""
    for unit, name in _PLACES:
        digit, n = divmod(n, unit)
        if digit:
            out += ("" if digit == 1 and name else _DIGITS[digit]) + name
    return out


def native(n: int, *, counting: bool = True) -> str:
    """1 <= n <= 99 in native Korean; `counting` gives the form before a counter (스무, 한)."""
    tens, ones = _TENS[n // 10], _ONES[n % 10]
    if not counting:
        return tens + ones
    return tens + _BEFORE_COUNTER.get(ones, ones) if ones else _BEFORE_COUNTER.get(tens, tens)


def one_by_one(digits: str, *, zero: str = "공") -> str:
    """Digits as on a telephone: "010" -> "공일공"; everything else is left out."""
    return "".join(zero if d == "0" else _DIGITS[int(d)] for d in digits if d in "0123456789")


def read(number: str) -> str:
    """A written number: "1,234" -> "천이백삼십사", "3.05" -> "삼점영오", "03" -> "공삼"."""
    whole, *parts = number.replace(",", "").split(".")
    named = whole == "0" or (whole[0] != "0" and len(whole) <= _LONGEST)
    said = sino(int(whole)) if named else one_by_one(whole)
    return "점".join((said, *(one_by_one(part, zero="영") for part in parts)))
