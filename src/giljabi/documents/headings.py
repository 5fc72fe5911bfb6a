"""Headings by their shape, as Korean rules, notices and handbooks number them.

“제1장 총칙”, “제3조(대출) ① …”, “부칙”, “[별표 1] …”, “Ⅱ. …”, “1. …”, “가. …”, “□ …”, “Q. …”,
and in English “Chapter 2 …”, “Article 7 (Loans) …”. Knows no file format.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from giljabi.documents.passage import Block

_NUMBER = r"(?:\d{1,4}|[일이삼사오육칠팔구십백]{1,4})"
_LEVELS = {"편": 1, "장": 2, "절": 3, "관": 4, "part": 1, "chapter": 2, "section": 3}
ARTICLE = 5
"""The level of 제n조, under 편, 장, 절 and 관."""

_CHAPTER = re.compile(
    rf"제\s*{_NUMBER}\s*(?P<kind>[편장절관])(?:의\s*\d+)?(?:[\s.:]+(?P<name>.*))?$"
)
_ARTICLE = re.compile(
    rf"(?P<head>제\s*{_NUMBER}\s*조(?:\s*의\s*\d+)?\s*(?:\((?P<name>[^()]*(?:\([^()]*\)[^()]*)*)\)"
    r"|【[^】]{1,60}】|\[[^\]]{1,60}\])?)(?P<rest>(?:\s|[①-⑳]|$).*)$"
)
_ENGLISH = re.compile(
    r"(?P<kind>part|chapter|section)\s+(?:\d+|[ivxlc]+)\b[.:]?(?:\s+(?P<name>.*))?$", re.I
)
_ENGLISH_ARTICLE = re.compile(
    r"(?P<head>Article\s+\d+\.?(?:\s*\([^()]{1,60}\))?)(?P<rest>(?:\s|$).*)$"
)
_APPENDED = re.compile(
    r"(?:부\s*칙(?:\s*[<(\[〈].*)?|[\[<〔【〈(]?\s*(?:별\s*표|별지|별첨|붙임|부록)\s*(?:제?\s*\d+\s*호?(?:의\s*\d+)?)?"
    r"\s*(?:서식)?\s*[\]>〕】〉)]?(?:\s+.{1,60})?)$"
)
_QUESTION = re.compile(r"(?:Q\s*\d*\s*[.:)]|문\s*\d*\s*[.:)]|질문\s*\d*\s*[.:)]).{2,150}$")
_NUMBERED = (
    (re.compile(r"(?P<n>[Ⅰ-Ⅻ]|[IVX]{1,4}(?=\.))\s*\.?\s+\S"), 2),
    (re.compile(r"(?P<n>\d{1,2})\.\s+\S"), 3),
    (re.compile(r"(?P<n>\d{1,2}\.\d{1,2})\.?\s+\S"), 4),
    (re.compile(r"(?P<n>[가나다라마바사아자차카타파하])\.\s+\S"), 4),
    (re.compile(r"(?P<n>[□■◆◇▣])\s*\S"), 4),
    (re.compile(r"(?P<n>\d{1,2})\)\s+\S"), 5),
    (re.compile(r"(?P<n>[가나다라마바사아자차카타파하])\)\s+\S"), 6),
)
_LEADERS = re.compile(r"(?:\.\s?){4,}\s*\d*$|[·…‥]{3,}\s*\d*$")
_GOES_ON = re.compile(r"(?:및|또는|내지|부터|까지|에서)(?:\s|$)|제\s*\d+\s*[항호]|[,，]")
_SENTENCE_END = re.compile(r"(?:[.!?]|[다요음함임됨])[.)\]”’\"]*$")
_ITEM = re.compile(
    r"[-–—•·∙◦○●◎※▪▶►✓*ㆍ]\s*\S|\(?\d{1,2}[.)]\s|[①-⑳㉮-㉻]|\(?[가나다라마바사아자차카타파하][.)]\s|[a-z][.)]\s|[ⅰ-ⅻ][.)]"
)
_HEADING = 60
"""Characters; a numbered line longer than this is a sentence or an item, no heading."""


def is_contents_line(text: str) -> bool:
    """Whether `text` is a line of a table of contents: “제1장 총칙 ········ 3”."""
    return bool(_LEADERS.search(text))


def is_item(text: str) -> bool:
    """Whether `text` begins as an item of a list does."""
    return bool(_ITEM.match(text))


def ends_sentence(text: str) -> bool:
    """Whether `text` ends as a Korean or English sentence does."""
    return bool(_SENTENCE_END.search(text))


def rule_heading(text: str) -> tuple[int, str, str] | None:
    """A heading of a rule at the start of `text`: its level, itself, and what follows in the line.

    “제3조(대출) ① 대출은 …” gives (5, “제3조(대출)”, “① 대출은 …”); a sentence that only
    begins by naming an article (“제3조에 따라 …”) gives None.
    """
    if is_contents_line(text):
        return None
    if (found := _CHAPTER.match(text) or _ENGLISH.match(text)) and _is_name(found["name"] or ""):
        return _LEVELS[found["kind"].lower()], text, ""
    if _APPENDED.match(text) and not ends_sentence(text):
        return 2, text, ""
    if _QUESTION.match(text):
        return ARTICLE, text, ""
    if not (found := _ARTICLE.match(text) or _ENGLISH_ARTICLE.match(text)):
        return None
    head, rest = found["head"].strip(), found["rest"].strip()
    bare = head[-1] == "조"
    if _GOES_ON.match(rest) or (bare and rest.startswith("제")):
        return None
    if rest and bare and _is_name(rest) and len(rest) <= 20 and not is_item(rest):
        return ARTICLE, f"{head} {rest}", ""  # “제3조 대출 기간”, as older rules write it
    return ARTICLE, head, rest


def _is_name(text: str) -> bool:
    return len(text) <= _HEADING and not ends_sentence(text) and not _GOES_ON.match(text)


def with_rule_headings(blocks: Iterable[Block], *, numbered: bool = False) -> tuple[Block, ...]:
    """`blocks` with paragraphs that are headings of rules made headings.

    With `numbered`, for formats that mark no headings of their own, also short lines such as
    “1. 이용 시간” and “□ 신청 방법”, where they are no items of a list and the document has no articles.
    """
    out: list[Block] = []
    for block in blocks:
        found = rule_heading(block.text) if block.kind == "text" else None
        if found is None:
            out.append(block)
            continue
        level, head, rest = found
        out.append(replace(block, kind="heading", level=level, text=head))
        if rest:
            out.append(replace(block, text=rest))
    articles = any(b.kind == "heading" and b.level == ARTICLE and b.text[0] in "제A" for b in out)
    return tuple(out) if articles or not numbered else _with_numbered(out)


def _with_numbered(blocks: Sequence[Block]) -> tuple[Block, ...]:
    out = []
    for n, block in enumerate(blocks):
        level = _numbered_level(block)
        # An item's neighbours are items of the same list; below a heading stands what it is about.
        beside = (blocks[i] for i in (n - 1, n + 1) if 0 <= i < len(blocks))
        alone = n + 1 < len(blocks) and all(_numbered_level(b) != level for b in beside)
        out.append(replace(block, kind="heading", level=level) if level and alone else block)
    return tuple(out)


def _numbered_level(block: Block) -> int:
    text = block.text
    if block.kind != "text" or len(text) > _HEADING or ends_sentence(text) or ": " in text:
        return 0
    if is_contents_line(text):
        return 0
    return next((level for shape, level in _NUMBERED if shape.match(text)), 0)
