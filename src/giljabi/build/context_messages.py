"""A row as the messages a model learns from: the document as data, one turn with reasoning and answer.

Knows prompt templates; nothing of files or checks.
"""

from __future__ import annotations

import re

from giljabi import korean
from giljabi.answer.context_prompt import asking, telling
from giljabi.answer.generator import Message
from giljabi.answer.text_claims import squeezed
from giljabi.build.context_checks import conclusion
from giljabi.build.context_rows import Row
from giljabi.model.prompt import Template, disarm
from giljabi.venue.place import Lang

_LAST_ANSWER = re.compile(
    r"\n\s*(?:\*\*)?(?:####|(?:최종\s*)?(?:정답|답변|답)\s*[:：]|(?:final )?answer\s*[:：])[^\n]*$",
    re.IGNORECASE,
)


def messages(row: Row, system: str = "") -> list[Message]:
    """[system,] user, assistant: headings in the language of the question, markers disarmed."""
    lang: Lang = "ko" if korean.has_hangul(row.question) else "en"
    asked = asking(disarm(row.context), disarm(row.question), lang)
    said = telling(_reasoning(row), disarm(row.answer), lang)
    out: list[Message] = [
        {"role": "user", "content": asked},
        {"role": "assistant", "content": said},
    ]
    return [{"role": "system", "content": disarm(system)}, *out] if system else out


def whole(template: Template, conversation: list[Message]) -> str:
    """The training text: the prompt, the answer as `template` writes answers, and its end."""
    answer = disarm(conversation[-1]["content"])
    if template.name == "completion":  # its answers stand on one line
        answer = " " + " ".join(answer.split())
    return template.render(conversation[:-1]) + answer + template.end


def _reasoning(row: Row) -> str:
    """The reasoning without a last line that only repeats the answer, which follows anyway."""
    text = disarm(row.cot_answer)
    last = _LAST_ANSWER.search(text)
    if last and squeezed(conclusion(last[0])[0]) == squeezed(row.answer):
        text = text[: last.start()].rstrip() or text
    return text
