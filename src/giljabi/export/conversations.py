"""Twenty conversations and some hard texts that a converted model must read as the source does.

The contents are what people and guides write: Korean and English, one turn to four, with and
without a system message. They hold no turn markers and no white space at their ends, which
`Template` would disarm and trim, and no decomposed letters, which some tokenizers compose.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from giljabi.answer.generator import Message
from giljabi.errors import GiljabiError
from giljabi.model.prompt import Template

Render = Callable[[Sequence[Message]], str]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A name for messages of error sentences, and the messages up to the cue for an answer."""

    name: str
    messages: tuple[Message, ...]


_SYSTEM = {
    "ko": "당신은 대학 캠퍼스의 안내 도우미입니다. 아는 것만 짧게 답하세요.",
    "en": "You are a guide of this campus.\nAnswer briefly, and only what you know.",
}
_TURNS = {
    "ko": (
        "신소재공학관은 몇 층인가요?", "신소재공학관은 지상 7층 건물입니다.",
        "거기서 학생회관까지 걸어서 얼마나 걸려요?", "약 5분 걸립니다. 왼쪽 길로 350m쯤 가세요.",
        "고마워요, 근처에 카페도 있나요?", "네, 1층에 카페가 있습니다.", "몇 시까지 열어요?",
    ),
    "en": (
        "How many floors does the library have?", "It has 4 floors above ground.",
        "And how do I get there from Exit 2?", "Go straight for about 300 m, then turn left.",
        "Is there a café inside?", "Yes, on the 1st floor.", "When does it close?",
    ),
}  # fmt: skip
_SINGLE = {
    "lines": "다음 중 어디가 가까워요?\n1. 도서관\n2. 학생회관\n\n짧게 답해 주세요.",
    "figures": "Room 1204, +82-2-2220-0114, 2026-11-21, 3.14, 50% & 1,234,567 won?",
    "emoji": "길을 잃었어요 😢🗺️ 정문은 👉 어디? 👨‍👩‍👧‍👦",
    "mixed": "IT/BT관 B1층에서 H동 Room 3까지 route 알려줘… (barrier-free로!)",
    "code": 'def place(name: str) -> dict:\n    return {"name": name, "floors": [1, 2]}',
    "rare": "뷁쀍 햏자, 漢陽大學校와 ハンヤン은 한양대?",
    "quotes": "“왕십리역”에서 '한양대'까지 — 몇 분·몇 m?",
    "spaces": "A    B\tC\n\n\nD     E  가   나",
}


def _conversations() -> tuple[Conversation, ...]:
    found = []
    for lang, turns in _TURNS.items():
        for count in (1, 3, 7):
            for system in (False, True):
                messages: list[Message] = []
                if system:
                    messages.append({"role": "system", "content": _SYSTEM[lang]})
                for i, content in enumerate(turns[:count]):
                    messages.append({"role": "assistant" if i % 2 else "user", "content": content})
                name = f"{lang}, {count // 2 + 1} questions, {'with' if system else 'no'} system"
                found.append(Conversation(name, tuple(messages)))
    for name, content in _SINGLE.items():
        found.append(Conversation(name, ({"role": "user", "content": content},)))
    return tuple(found)


CONVERSATIONS: tuple[Conversation, ...] = _conversations()
"""The twenty, in a fixed order."""

HARD_TEXTS: tuple[str, ...] = (
    "", " ", "  ", "   a", "a   ", " " * 31 + "x", "\n", "\n\n\n\n", "\t\t", " \n \n", "\r\n",
    "안녕하세요", "뚫훍펲쌻꿻", "ㅋㅋㅋㅠㅠ", "가 나  다   라", "서울특별시성동구왕십리로",
    "🙂👍🏽🇰🇷👨‍👩‍👧‍👦", "\x01\x7f", "\u00a0\u3000\u200b", "漢字かなカナ", "café naïve ﬁ 𝔹 ﷽",
    "0123456789 1,234.5 ２０２６", "don't WE'LL they've I'M", "https://a.b/c?d=e&f=%20#g",
    "aaaaaaaaaaaaaaaa", "!!!???...……──", "[multimodal] </table>", "\U000e0067\U0001f9ff",
)  # fmt: skip
"""Rare Hangul, runs of spaces, emoji, control bytes, contractions, long repetitions.

No run of spaces is longer than the longest Gemma has a token for: beyond it transformers merges
in pairs, where sentencepiece and llama.cpp take the longest first.
"""


def compare(render: Render, template: Template, bos: str, what: str, advice: str = "") -> None:
    """GiljabiError, showing the first difference, unless `render` says what `template` says.

    `render` gives the text of a conversation as the model's own chat template does; `bos`, which
    it may open with, is left to the tokenizer by `template`. `what` names it in the sentence.
    """
    for conversation in CONVERSATIONS:
        try:
            theirs = render(conversation.messages)
        except GiljabiError as error:
            raise GiljabiError(
                f"{what} fails on the conversation {conversation.name!r} ({error}){advice}."
            ) from error
        theirs = theirs.removeprefix(bos) if bos else theirs
        ours = template.render(conversation.messages)
        if theirs != ours:
            raise GiljabiError(
                f"{what} is not giljabi's {template.name!r}: in the conversation "
                f"{conversation.name!r} {_difference(theirs, ours)}{advice}."
            )


def rendered(template: Template) -> list[str]:
    """The twenty as the texts a model reads."""
    return [template.render(c.messages) for c in CONVERSATIONS]


def _difference(theirs: str, ours: str) -> str:
    at = next(
        (i for i, (a, b) in enumerate(zip(theirs, ours, strict=False)) if a != b),
        min(len(theirs), len(ours)),
    )
    said, expected = (text[at : at + 40] or "the end" for text in (theirs, ours))
    return f"it says {said!r} after {theirs[max(0, at - 30) : at]!r}, not {expected!r}"
