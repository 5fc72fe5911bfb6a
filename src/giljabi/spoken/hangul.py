"""Korean text as Hangul alone: every rule first rewrites in digits, the last ones read them out.

Reading follows what announcers say: 시 native to twelve, minutes and floors Sino-Korean, B1 as
지하 일 층 (the lift says 비원, but only 지하 is understood by everybody who asks the way).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from giljabi import korean
from giljabi.spoken import calendar, links, numerals
from giljabi.spoken.words import NUMBER, either, plain, table, whole

# Each josa that has two forms, by the name korean.josa knows it under.
_JOSA = {p: p for p in ("은", "는", "이", "가", "을", "를", "과", "와", "이에요", "으로", "이고",
                        "이나", "이랑", "이라")} | {
    "예요": "이에요", "로": "으로", "나": "이나", "랑": "이랑", "라": "이라"}  # fmt: skip
_JOSA_HERE = (
    rf"(?P<josa>{either(_JOSA)})?(?(josa)(?=(?:는|도|서|써|부터|고|요|는요|며|면)?(?![가-힣])))"
)
_WEEKDAY = "월화수목금토일"
_LISTED = "첫 둘 셋 넷 다섯 여섯 일곱 여덟 아홉 열".split()


def say(text: str, readings: Mapping[str, str]) -> str:
    """See giljabi.spoken.spoken."""
    text = links.rewritten(plain(text), _mail, _web)
    text = _worded(text, readings)
    text = _worded(text, table()["ko"]["lexicon"])
    text = _unmarked(_by_digit(text))
    text = calendar.dates(text, _date, lambda a, b: f"{numerals.sino(b)}분의 {numerals.sino(a)}")
    text = calendar.times(text, _time)
    text = _rewritten(text)
    text = _ranges(text)
    text = _numbers(text)
    text = _latin(text)
    return _tidy(_swept(text))


def _followed(written: str, said: str, josa: str | None) -> str:
    """`said` with the josa that stood after `written`, in its other form where the sound asks."""
    if not josa:
        return said
    if korean.josa(written, _JOSA[josa]) != written + josa:
        return said + josa  # not written for this sound, so not ours to mend
    return korean.josa(said, _JOSA[josa])


def _worded(text: str, words: Mapping[str, str]) -> str:
    if not words:
        return text
    folded = {w.lower(): said for w, said in words.items() if w == w.lower()}

    def said(found: re.Match[str]) -> str:
        word = found["word"]
        reading = words[word] if word in words else folded[word.lower()]
        return _followed(word, reading, found["josa"])

    return re.sub(rf"(?P<word>{whole(words)}){_JOSA_HERE}", said, text)


def _mail(name: str, host: str) -> str:
    return f"{_address(name)} 골뱅이 {_address(host)}"


def _web(host: str, path: str) -> str:
    return _address(host) + path.replace("/", " 슬래시 ")


def _address(text: str) -> str:
    text = re.sub(r"\d+", lambda m: f" {numerals.one_by_one(m[0])} ", text)
    return " 점 ".join(text.replace("-", " 하이픈 ").replace("_", " 밑줄 ").split(".")).strip()


def _unmarked(text: str) -> str:
    """Without the marks of lists, headings and emphasis; 1. to 10. are 첫째 to 열째."""

    def mark(found: re.Match[str]) -> str:
        n = int(found["n"])
        return f"{_LISTED[n - 1]}째, " if 1 <= n <= len(_LISTED) else ""

    text = re.sub(r"(?m)^[ \t]*(?:[-*+·▶■●○□※☆★>]+|#{1,6})[ \t]+", "", text)
    text = re.sub(r"(?m)^[ \t]*\(?(?P<n>[1-9]\d?)(?:\)|\.(?=[ \t]))[ \t]*", mark, text)
    text = re.sub(r"(?<=\s)\(?(?P<n>[1-9]\d?)\)[ \t]+", mark, text)
    return re.sub(r"\*\*|__|\*", "", text)


def _by_digit(text: str) -> str:
    ko = table()["ko"]

    def digits(found: re.Match[str]) -> str:
        return numerals.one_by_one(found["digits"])

    text = calendar.phones(text, lambda groups: ", ".join(map(numerals.one_by_one, groups)))
    after = (
        rf"(?P<head>(?:{either(ko['by_digit'].split())})(?: ?번호)?(?:[은는이가:]|입니다)?[ :]*)"
    )
    text = re.sub(
        rf"{after}(?P<digits>\d{{3,}}(?:-\d+)*)(?![\d,.]*\d| ?[명원분층m])",
        lambda m: m["head"] + digits(m),
        text,
    )
    called = rf"(?<!\d)(?P<digits>{either(ko['call'].split())})(?!\d)"
    text = re.sub(rf"{called}(?=(?:번?에|번?으로|로)? ?(?:신고|전화|연락|구급|긴급))", digits, text)
    return re.sub(
        rf"((?:신고|전화|연락|긴급|구급)[는은]? ){called}",
        lambda m: m[1] + digits(m),
        text,
    )


def _date(year: int | None, month: int, day: int) -> str:
    return (f"{year}년 " if year else "") + f"{month}월 {day}일"


def _time(hour: int, minute: int) -> str:
    return f"{hour}시" + (f" {minute}분" if minute else "")


def _rewritten(text: str) -> str:
    """Written habits as the words they stand for, still in digits: 2F -> 2층, ₩500 -> 500원."""
    ko = table()["ko"]
    half = {"a": "오전", "p": "오후"}
    text = re.sub(rf"\(([{_WEEKDAY}])\)", r"(\1요일)", text)
    text = re.sub(
        rf"(?<![가-힣])([{_WEEKDAY}]) ?[~-] ?([{_WEEKDAY}])(?:요일|(?![가-힣]))",
        r"\1요일에서 \2요일",
        text,
    )
    text = re.sub(
        r"(?<![A-Za-z0-9:])(\d{1,2}(?:시(?: \d+분)?)?) ?([AaPp])\.?[Mm]\.?(?![A-Za-z])",
        lambda m: f"{half[m[2].lower()]} {m[1]}{'' if '시' in m[1] else '시'}",
        text,
    )
    text = re.sub(
        r"(?<![A-Za-z])([AaPp])\.?[Mm]\.? ?(?=\d{1,2}시)", lambda m: half[m[1].lower()] + " ", text
    )
    text = re.sub(rf"({either(ko['money'])}) ?({NUMBER})", lambda m: m[2] + ko["money"][m[1]], text)
    text = re.sub(
        rf"({NUMBER}) ?({either(ko['speeds'])})(?![A-Za-z])",
        lambda m: f"{ko['speeds'][m[2]][0]} {m[1]}{ko['speeds'][m[2]][1]}",
        text,
    )
    return _signed(_floors(text))


def _floors(text: str) -> str:
    named = either(table()["ko"]["named_b"].split())
    text = re.sub(r"(?<![A-Za-z0-9])B(\d{1,2})(?:F|층)? ?[~-] ?B(?=\d)", r"B\1층~B", text)
    # B1 alone is a floor unless it names something else (B1 게이트, B1호).
    text = re.sub(
        r"(?<![A-Za-z0-9가-힣.-])B(\d{1,2})(?:F(?![A-Za-z])|층|(?![A-Za-z0-9])"
        rf"(?! ?-? ?\d| ?(?:{named})))",
        r"지하 \1층",
        text,
    )
    text = re.sub(r"(?<![A-Za-z0-9])(\d{1,3})F(?![A-Za-z0-9])", r"\1층", text)
    return re.sub(r"(?<![\w~-])-(\d+)층", r"지하 \1층", text)


def _signed(text: str) -> str:
    text = re.sub(r"(?<=\d시|시간)반(?![가-힣])", " 반", text)
    text = re.sub(rf"(?<![\w~)-])-(?=(?:{NUMBER}) ?(?:℃|°C|도))", "영하 ", text)
    text = re.sub(r"(?<![\w~)-])-(?=\d)", "마이너스 ", text)
    text = re.sub(r"(?<![A-Za-z0-9])(\d{1,3})(?:st|nd|rd|th)(?![A-Za-z])", r"\1번째", text)
    text = re.sub(r"(?<![A-Za-z])[Nn][Oo]\. ?(\d+)(?!번)|#(\d+)(?!번)", r"\1\2번", text)
    text = re.sub(
        r"(?<!\d)(\d+) ?: ?(\d+)", lambda m: f"{numerals.read(m[1])} 대 {numerals.read(m[2])}", text
    )
    text = re.sub(r"(?<=\d) ?[x×] ?(?=\d)", " 곱하기 ", text)
    text = re.sub(r"(?<=\d) ?\+ ?(?=\d)", " 더하기 ", text)
    return re.sub(r"(?<=[A-Za-z])-(?=\d)", " ", text)


@lru_cache(maxsize=1)
def _unit() -> str:
    """Whatever counts or measures, as one expression; short counters must not begin a word."""
    ko = table()["ko"]
    counters = {*ko["native"].split(), *ko["spaced"].split(), *ko["glued"].split()}
    ends = rf"(?=$|[^가-힣]|{either({*korean.PARTICLES, *ko['after'].split()})})"
    short = either(c for c in counters if len(c) == 1)
    long = either(c for c in counters if len(c) > 1)
    latin = either(ko["units"])
    return rf"(?:{long})|(?:{short}){ends}|(?:{latin})(?![A-Za-z0-9])"


def _ranges(text: str) -> str:
    """10~15분 -> 10분에서 15분; 5·6층 -> 5층, 6층; 222-1 -> 222 다시 1."""
    unit = _unit()

    def hyphen(found: re.Match[str]) -> str:
        a, b = found["a"], found["b"]
        if a[0] == "0" or float(a.replace(",", "")) >= float(b.replace(",", "")):
            return found[0]
        return f"{a}{found['unit']}에서 {b}{found['unit']}"

    number = r"(?<!\d)(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+(?:\.\d+)?(?![.\d]))"
    text = re.sub(
        rf"({number}) ?~ ?({number})(?P<unit> ?(?:{unit}))", r"\1\g<unit>에서 \2\g<unit>", text
    )
    text = re.sub(
        rf"(?<![\d.,-])(?P<a>{number}) ?- ?(?P<b>{number})(?P<unit> ?(?:{unit}))", hyphen, text
    )
    text = re.sub(
        rf"(?<![\d.,/·])(\d{{1,3}})((?:[·/]\d{{1,3}})+|,\d{{1,2}})(?!\d)(?P<unit>{unit})",
        lambda m: ", ".join(n + m["unit"] for n in re.split(r"[·/,]", m[1] + m[2])),
        text,
    )
    text = re.sub(r"(?<=[시분층일월년번호명원m%]) ?- ?(?=\d|지하)", "에서 ", text)
    # Nothing after it: from then on. Nothing before it: until then.
    text = re.sub(rf"(\d ?(?:{unit})) ?~(?=\s*(?:$|[).,]))", r"\1부터", text)
    text = re.sub(rf"(?:(?<=^)|(?<=[\s(,]))~ ?((?:{NUMBER}) ?(?:{unit}))(까지)?", r"\1까지", text)
    text = re.sub(r"(?<=[\d가-힣A-Za-z)%㎡℃']) ?~ ?(?=[\d가-힣A-Za-z('])", _from_to, text)
    return re.sub(r"(?<=\d)-(?=\d)", " 다시 ", text)


def _from_to(found: re.Match[str]) -> str:
    # "네~ 맞아요" only lengthens its vowel.
    lengthens = found[0].endswith(" ") and not found[0].startswith(" ")
    before = found.string[: found.start()]
    return " " if lengthens and not re.search(r"[\d시분층일월년m)]$", before) else "에서 "


def _numbers(text: str) -> str:
    return re.sub(
        rf"(?P<before>[가-힣]?)(?P<number>{NUMBER})(?:(?P<gap> ?)(?P<unit>{_unit()}){_JOSA_HERE})?",
        _number,
        text,
    )


def _number(found: re.Match[str]) -> str:
    ko = table()["ko"]
    number, unit = found["number"], found["unit"] or ""
    # A pause before the number, except in 제1공학관.
    before = found["before"] + ("" if found["before"] in ("", "제") else " ")
    name: str = ko["units"].get(unit, unit)
    written = f"{number}{found['gap'] or ''}{unit}"
    rest = found.string[found.start("unit") + len(unit) :] if unit else ""
    if unit == "월" and number.lstrip("0") in ko["months"]:
        said = ko["months"][number.lstrip("0")] + "월"
    elif number.startswith("0") and unit in {"월", "일", "시", "분"} and number.strip("0"):
        return (
            before
            + _numbers(number.lstrip("0") + (found["gap"] or "") + unit)
            + (found["josa"] or "")
        )
    elif counted := _counted(number, unit, rest, found.string[: found.start()]):
        said = f"{counted} {name}"
    else:
        gap = found["gap"] if name in ko["glued"].split() else " "
        said = numerals.read(number) + (gap or "") + name if unit else numerals.read(number)
    return before + _followed(written, said, found["josa"] if unit else None)


def _counted(number: str, unit: str, rest: str, earlier: str) -> str | None:
    """The native number before this counter, or None where it is said in Sino-Korean."""
    ko = table()["ko"]
    if not re.fullmatch(r"[1-9]\d?", number):
        return None
    if unit == "번":
        # 하루에 세 번; 두 번 갈아타세요; but 삼번 출구.
        times = re.match(rf" ?(?:{either(ko['times'].split())})", rest)
        often = re.search(rf"(?:{either(ko['how_often'].split())})에 ?$", earlier)
        return numerals.native(int(number)) if times or often else None
    if unit not in ko["native"].split() or int(number) > ko["native_until"].get(unit, 99):
        return None
    return "첫" if (number, unit) == ("1", "번째") else numerals.native(int(number))


def _latin(text: str) -> str:
    """IT/BT -> 아이티비티: what no lexicon knows is spelled, because a spelling is never wrong."""
    text = re.sub(r"(?<=[A-Z])/(?=[A-Z])|(?<=[A-Za-z])['.](?=[A-Za-z])", "", text)
    text = re.sub(r"(?<=[A-Za-z]) ?& ?(?=[A-Za-z])|(?<=[가-힣]) ?& ?(?=[가-힣])", _and, text)

    def spelled(found: re.Match[str]) -> str:
        return _followed(found["word"], korean.spell(found["word"]), found["josa"])

    return re.sub(rf"(?P<word>[A-Za-z]+){_JOSA_HERE}", spelled, text)


def _and(found: re.Match[str]) -> str:
    return " 앤 " if " " in found[0] else "앤"


def _swept(text: str) -> str:
    """Brackets as pauses, single jamo by name, and nothing that has no sound."""
    jamo = table()["ko"]["jamo"]
    inner = re.compile(
        rf"(?P<word>[가-힣]) ?[(\[]\s*(?P<inside>[^()\[\]]*?)[\s.]*[)\]]{_JOSA_HERE}"
    )

    def bracket(found: re.Match[str]) -> str:
        if not re.search(r"[가-힣]", found["inside"]):
            return found["word"] + (found["josa"] or "")
        return f"{found['word']}, {_followed(found['word'], found['inside'], found['josa'])}"

    while (once := inner.sub(bracket, text)) != text:
        text = once
    text = re.sub(r"(?<![ㄱ-ㅣ])[ㄱ-ㅎ](?![ㄱ-ㅣ])", lambda m: jamo.get(m[0], ""), text)
    text = re.sub(r"[:;/·|=…→⇒➔←↔()\[\]{}~]+", ",", text)
    return "".join(_kept(text))


def _kept(text: str) -> Iterator[str]:
    for c in text:
        if "가" <= c <= "힣" or c in ".,?!\n":
            yield c
        elif c.isspace() or c in "-_+":
            yield " "


def _tidy(text: str) -> str:
    """One space, one mark at a time; no line begins with a mark or ends in a comma."""

    def strongest(found: re.Match[str]) -> str:
        return next(mark for mark in "?!.," if mark in found[0])

    text = re.sub(r" *\n\s*", "\n", re.sub(r" {2,}", " ", text))
    text = re.sub(r"[ .,?!]*[.,?!]", strongest, text)
    text = re.sub(r"([.,?!])(?=[가-힣])", r"\1 ", text)
    lines = (re.sub(r"[ ,]+$", "", re.sub(r"^[ .,?!]+", "", line)) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)
