"""Korean sentences and the speech level each ends in: 해요체, 합니다체, 반말, 문어체 (-다).

Knows endings as they are written, not what words mean: no dictionary, no analyser. How often that
is right on sentences labelled by hand stands in tests/measure/test_writing.py. Texts are composed (NFC).
"""

from __future__ import annotations

import re
from typing import Literal, get_args

Register = Literal["haeyo", "hamnida", "plain", "written"]
"""The first three are named as in giljabi.build.telling; written is 문어체, which ends in -다."""
REGISTERS: tuple[Register, ...] = get_args(Register)

LIST_MARKS = (
    re.compile(r"^(\s*)(?:[#>*]\s*)*(?:\(?\d{1,3}[.)](?!\d)|[①-⑳]|\d\ufe0f?\u20e3)"),
    re.compile(r"^(\s*)(?:[#>*]\s*)*(?:첫|둘|셋|넷|다섯|여섯|일곱|여덟|아홉|열)(?:째| ?번째)"),
    re.compile(r"^(\s*)(?:[-•·▪◦●○](?!-)|\*(?!\*))"),
)
"""What opens an entry of a list, after its indent: numbers, then 첫째 and so on, then bullets."""

_FACE = r"(?:[\U0001f000-\U0001faff\u2600-\u27bf\u2b50\ufe0f\u200dㅋㅎㅠㅜ^]|[:;]-?[)D])"
_ADORNS = r"(?:[^\w□]|[_ㅋㅎㅠㅜ]|(?<=[:;-])D)*+$"
_REACH = 200
"""Characters at the end of a sentence that are looked at: models do write a thousand ㅋ."""
_CLOSING = r"[\"'”’」』)\]*_]*+"
_STOP = re.compile(
    # A full stop behind a digit ends a sentence only at the end of the line: "2024. 5. 3."
    rf"(?:[!?…。]|(?<!\d)\.|\.(?=\s*$))[.!?…~。]*+{_CLOSING}(?:\s?{_FACE})*+{_CLOSING}"
    r"(?=\s|$|[가-힣“\"])"
    rf"|(?<=[가-힣])(?:~|\s?{_FACE})+(?=\s|$)"
)
_MARK = re.compile(rf"(?:[.!?…~。]|{_FACE}){_CLOSING}$")
_OMISSION = re.compile(r"(?:…|\.\.)\W*$")
_QUOTED = re.compile(
    r"“[^”\n]*”|\"[^\"\n]*\"|(?<!\w)['‘][^'’\n]*['’](?![A-Za-z])|「[^」\n]*」|『[^』\n]*』"
)
_REMARK = re.compile(rf"(?<=[가-힣.!?])\s*\([^()]*\)(?={_ADORNS})")
_CALLED = re.compile(rf",\s*[가-힣]{{1,5}}(?={_ADORNS})")
_CODE = re.compile(r"```.*?(?:```|$)", re.S)
_NO_PROSE = re.compile(r"^\s*(?:#{1,6}\s.*|\|.*|[-*_=]{3,}\s*|(?:#[^\s#]+\s*)+)$")


def prose_lines(text: str) -> list[str]:
    """The lines that hold words: no headings, tables, rules, code or lines of hashtags."""
    lines = _CODE.sub("", text).split("\n")
    return [line for line in lines if re.search(r"\w", line) and not _NO_PROSE.match(line)]


def ends(line: str) -> bool:
    """Whether a line is at an end: a mark or an emoji closes it, or its last word is an ending."""
    return bool(_MARK.search(line.rstrip()[-_REACH:]) or register(line))


def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a text; titles, entries of a list that are no sentences and hashtags are none.

    A piece is a sentence where it `ends`. Dots of omission part two only behind an ending ("음…
    그게 말이야." is one), and a quotation ends nothing but its own line.
    """
    out: list[str] = []
    for line in prose_lines(text):
        body = line
        for mark in (LIST_MARKS[0], LIST_MARKS[2]):
            body = mark.sub("", body)
        begin = 0
        for end in [*(m.end() for m in _STOP.finditer(_hide_quotes(body))), len(body)]:
            piece, more = body[begin:end].strip(), body[end:].strip()
            if more and _OMISSION.search(piece) and register(piece) is None:
                continue
            begin = end
            if re.search(r"\w", piece) and ends(piece):
                out.append(piece)
    return tuple(out)


def _hide_quotes(text: str) -> str:
    """The same length, with □ for what is quoted."""
    return _QUOTED.sub(lambda m: m[0][0] + "□" * (len(m[0]) - 2) + m[0][-1], text)


# ---- endings ----

_CODAS = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"


def _ending(text: str) -> re.Pattern[str]:
    """A pattern for the end of a word; <ㅂㅄ> is any syllable that closes so, <> any that closes."""

    def closed(found: re.Match[str]) -> str:
        codas = [_CODAS.index(c) + 1 for c in found[1] or _CODAS]
        return "[" + "".join(chr(ord("가") + 28 * n + c) for n in range(399) for c in codas) + "]"

    return re.compile("(?:" + re.sub("<(.*?)>", closed, "".join(text.split())) + ")$")


_HAMNIDA = _ending("<ㅂ>니[다당까] | <ㅂ>니다만 | <ㅂ>시다 | 십시오 | 십시요 | 십쇼")
_HAEYO = _ending("요 | 죠 | 아뇨 | [해에예네세여게아어]용")
_WRITTEN = _ending("다 | 하라 | 말라 | 리라 | 노라")
_WRITTEN_ASKED = _ending("[는은던]가 | <ㄴ>가")
_PLAIN = _ending(
    """<ㅆㅄㅎㄶㅍㅌ>[아어] | <ㅆㅄㅎㄶㅀㅍㅌㅈ>지 | [거뭐이디니지]야 | 거지 | 야지 | 르지 | 잖아 | 거든 | 구나
    | 더라 | 텐데 | 줘 | 돼 | 져 | <ㅆ>냐 | <ㅆ>니 | [었았있는]단다 | 이란다"""
)
_PLAIN_ASKED = _ending("니 | <ㄹ>래 | 그런가 | 건가 | 뭔가 | [억각]나")
# Connectives and nouns end so too; that a sentence ends here, only a mark behind it tells.
_PLAIN_MARKED = _ending(
    """[해봐놔둬꿔워려쳐겨껴켜혀뎌텨펴러여야네셔쪄싸써꺼떠커냐] | [하되이쁘프크리시주오기보추]지 | [아어라려]가지
    | [는은던인]데 | <ㄴ>데 | <ㄹ>게 | <ㄹ>래 | 이래 | 그래 | 어때 | <ㄹ>걸 | 는걸 | 는군 | <ㅆㅎ>군 | [이하]군
    | [예기이]뻐 | 슬퍼 | 고파 | 아파 | 바빠 | 나빠 | <>[아어] | [되보쉬뛰피이비]어 | 보아 | 지마
    | [아어해봐줘거가와마려여져돼]라 | [하보으되지]렴 | [는한온간된했았었있없좋같]대 | [몰달빨골올잘갈놀]라
    | [아어려러녀져라]가 | 만나 | [떠끝화각신빛억아어]나 | [가어나아려러녀라]와 | ^[가와사자내] | [보지끝해]내
    | 안녕 | ^응 | 미안 | [다라냐자]고"""
)
# Words that end as verbs do and are none.
_NO_VERB = _ending(
    """[필중주수개민동담강소]요 | ^다 | 바다 | 캐나다 | 소다 | 마다 | 에다 | ^수다 | [^나가까]보다
    | [언영단용상잉연문인본국래속원]어 | 독일어 | 랑스어 | 미디어 | 이디어 | 고등어 | 모국어 | 육아 | 유아 | 시아
    | 리아 | 피아 | ^이해 | 올해 | 피해 | 손해 | 오해 | 동해 | 남해 | 서해 | 방해 | 새해 | 지난해 | 샤워 | 파워
    | 타워 | 고려 | 배려 | 염려 | 우려 | 격려 | 장려 | 참여 | 기여 | 부여 | 수여 | 급여 | 대여 | 하여 | 전혀 | 분야
    | 시야 | [그이]제야 | 페이지 | 이미지 | 까지 | 잡지 | 동네 | 그네 | 너네 | 우리네 | ^네 | 가운데
    | 그런데 | 장군 | 해군 | 길게 | 멀게 | 늘게 | 글게 | 빨래 | 현대 | 연대 | 언니 | 머니"""
)


def register(sentence: str) -> Register | None:
    """The speech level a sentence ends in.

    None where its ending tells none or is shared ("할까?", "하자.", "했음.", a noun), and for a
    sentence that is one quotation, which is somebody else's.
    """
    # A remark in brackets behind a sentence is not its ending; brackets around one are nothing.
    bare = _REMARK.sub("", _hide_quotes(sentence.strip())[-_REACH:])
    # Nor is whoever is spoken to: "안녕하십니까, 여러분?"
    return _told(bare) or _told(_CALLED.sub("", bare))


def _told(bare: str) -> Register | None:
    tail = re.search(_ADORNS, bare)
    marks = tail[0] if tail else ""
    words = [re.sub(r"^\W+", "", word) for word in bare[: len(bare) - len(marks)].split()]
    last = words.pop() if words else ""
    if words and last in ("보다", "마"):
        last = words[-1][-1:] + last  # "오나 보다" has a verb, "작년 보다" none; "가지 마"
    if not last or _NO_VERB.search(last):
        return None
    asks, closes = "?" in marks, bool(_MARK.search(bare))
    tests: tuple[tuple[bool, re.Pattern[str], Register], ...] = (
        (True, _HAMNIDA, "hamnida"),
        (True, _HAEYO, "haeyo"),
        (True, _PLAIN, "plain"),
        (asks, _PLAIN_ASKED, "plain"),
        (asks, _WRITTEN_ASKED, "written"),
        (closes, _PLAIN_MARKED, "plain"),
        (True, _WRITTEN, "written"),
    )
    return next((name for may, test, name in tests if may and test.search(last)), None)


def registers(text: str) -> tuple[dict[str, int], int]:
    """How many sentences end in each register, and how many tell none.

    Where all that tells one is quoted, what stands between the quotation marks is judged.
    """
    found: list[Register | None] = []
    for version in (text, re.sub(r"[\"“”]", "", text)):
        found = [register(one) for one in sentences(version)]
        if any(found):
            break
    counts: dict[str, int] = {name: found.count(name) for name in REGISTERS if name in found}
    return counts, found.count(None)
