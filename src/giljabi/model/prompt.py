"""Chat messages to the text a model reads, and the strings its answer ends at: one object.

Training, measuring and serving render through the same `Template`, so that a model is asked
exactly as it was taught. Knows nothing of tokenizers: the text carries no beginning-of-sequence
token, because every tokenizer here adds its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from giljabi import korean
from giljabi.answer.generator import Message
from giljabi.errors import GiljabiError

# Every marker in use is one word in <…>, [|…|] or [NAME]; a look-alike bracket disarms it and,
# unlike deleting, cannot join what stood left and right of it into a new marker.
_ANGLE = re.compile(r"<([^<>\s]{1,64})>")
_SQUARE = re.compile(r"\[(\|[^\[\]\s]{0,64}\||@[A-Z]+@|/?[A-Z_]{2,16})\]")
_BLANK_LINES = re.compile(r"\s*\n\s*\n\s*")


def disarm(text: str) -> str:
    """`text` without anything a tokenizer could read as a turn marker or control token."""
    previous = None
    while previous != text:
        previous = text
        text = _SQUARE.sub(r"(\1)", _ANGLE.sub(r"‹\1›", text))
    return text.strip()


@dataclass(frozen=True, slots=True)
class Template:
    """How one family of models is spoken to.

    `render(messages)` gives the prompt up to and including the cue for the answer; `end` closes
    an answer in the history (and in training text); `stops` are the strings an answer ends at.
    """

    name: str
    stops: tuple[str, ...]
    end: str
    _render: Callable[[Sequence[Message]], str]

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt for `messages`, contents disarmed.

        Raises GiljabiError unless they read [system], user, assistant, user, …, user.
        """
        roles = [m["role"] for m in messages]
        turns = roles[1:] if roles[:1] == ["system"] else roles
        expected = ["user" if i % 2 == 0 else "assistant" for i in range(len(turns))]
        if turns != expected or not turns or turns[-1] != "user":
            raise GiljabiError(
                "A conversation must read [system], user, assistant, …, user; "
                f"got {', '.join(roles) or 'nothing'}."
            )
        safe: list[Message] = [
            {"role": m["role"], "content": disarm(m["content"])} for m in messages
        ]
        return self._render(safe)


def _gemma(messages: Sequence[Message]) -> str:
    out, system = [], ""
    for message in messages:
        content = message["content"]
        if message["role"] == "system":  # Gemma has no system role: its text opens the first turn
            system = content + "\n\n" if content else ""
            continue
        role = "user" if message["role"] == "user" else "model"
        out.append(f"<start_of_turn>{role}\n{system}{content}<end_of_turn>\n")
        system = ""
    return "".join(out) + "<start_of_turn>model\n"


def _llama3(messages: Sequence[Message]) -> str:
    out = [
        f"<|start_header_id|>{m['role']}<|end_header_id|>\n\n{m['content']}<|eot_id|>"
        for m in messages
    ]
    return "".join(out) + "<|start_header_id|>assistant<|end_header_id|>\n\n"


def _qwen(messages: Sequence[Message]) -> str:
    out = [f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages]
    return "".join(out) + "<|im_start|>assistant\n"


def _exaone(messages: Sequence[Message]) -> str:
    # The model's own template opens with an empty system turn where none is given.
    out = [] if messages[0]["role"] == "system" else ["[|system|][|endofturn|]\n"]
    for m in messages:
        closing = "\n" if m["role"] == "user" else "[|endofturn|]\n"
        out.append(f"[|{m['role']}|]{m['content']}{closing}")
    return "".join(out) + "[|assistant|]"


def _synatra(messages: Sequence[Message]) -> str:
    # The model card: a line of introduction, then <human>: and <bot>: lines.
    out = []
    for m in messages:
        lead = {"system": "", "user": "<human>: ", "assistant": "<bot>: "}[m["role"]]
        closing = "<|endoftext|>\n" if m["role"] == "assistant" else "\n"
        out.append(f"{lead}{m['content']}{closing}")
    return "".join(out) + "<bot>:"


def _completion(messages: Sequence[Message]) -> str:
    # For a model that never saw turns: blocks between blank lines, the answer on one line.
    cue = "[답변]" if korean.has_hangul(messages[-1]["content"]) else "[Answer]"
    out = []
    for m in messages:
        content = _BLANK_LINES.sub("\n", m["content"]).replace(cue, cue[1:-1])
        if m["role"] == "assistant":
            out.append(f"\n{cue} {' '.join(content.split())}\n\n")
        else:
            out.append(content if m["role"] == "user" else content + "\n\n")
    return "".join(out) + f"\n{cue}"


TEMPLATES: dict[str, Template] = {
    t.name: t
    for t in (
        Template("gemma", ("<end_of_turn>", "<start_of_turn>"), "<end_of_turn>\n", _gemma),
        Template("llama3", ("<|eot_id|>", "<|start_header_id|>"), "<|eot_id|>", _llama3),
        Template("qwen", ("<|im_end|>", "<|im_start|>"), "<|im_end|>\n", _qwen),
        Template("exaone", ("[|endofturn|]", "[|user|]"), "[|endofturn|]\n", _exaone),
        Template("synatra", ("<|endoftext|>", "<human>:", "\n<bot>:"), "<|endoftext|>\n", _synatra),
        Template("completion", ("\n",), "\n", _completion),
    )
}
"""Every template by the name that `bases.toml` and `--template` use."""


def template(name: str) -> Template:
    """The template called `name`; GiljabiError, naming the known ones, where there is none."""
    try:
        return TEMPLATES[name]
    except KeyError:
        known = ", ".join(sorted(TEMPLATES))
        raise GiljabiError(f"Unknown prompt template {name!r}; known: {known}.") from None
