"""Rows of messages to token ids and labels: the batches learn answers, and nothing but answers.

The prompt's tokens are those the served model reads: rendered by the same `Template`, cut as one
text. Every assistant turn is learnt, its end-of-turn token included. Rows that cannot be learnt
honestly stop the run before it starts.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from giljabi.answer.generator import Message
from giljabi.build import row_files
from giljabi.errors import GiljabiError
from giljabi.model.prompt import Template
from giljabi.tune.base import Base

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

IGNORED = -100
"""The label of a token that is read and not learnt (torch's cross entropy)."""
_ROLES = {"system", "user", "assistant"}


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation to learn from, and where it stands."""

    messages: tuple[Message, ...]
    where: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """Examples as token ids; `labels` are the ids to learn, IGNORED elsewhere. Ragged lists."""

    input_ids: list[NDArray[np.int32]]
    labels: list[NDArray[np.int32]]

    def __len__(self) -> int:
        return len(self.input_ids)

    @property
    def trained(self) -> int:
        """Tokens that are learnt."""
        return sum(int((one != IGNORED).sum()) for one in self.labels)

    @property
    def tokens(self) -> int:
        """All tokens."""
        return sum(len(one) for one in self.input_ids)


def files_of(given: Sequence[str], split: str, below: Path) -> list[Path]:
    """The row files of a recipe's entries, relative to `below`: files, or a data set's `split`.

    GiljabiError where one does not exist.
    """
    out = []
    for text in given:
        path = Path(text).expanduser()
        path = path if path.is_absolute() else below / path
        file = path / f"{split}.jsonl" if path.is_dir() else path
        if not file.is_file():
            raise GiljabiError(f"There is no data file {file}; giljabi data build makes them.")
        out.append(file)
    return out


def read(
    files: Sequence[Path], limit: int = 0, seed: int = 0, registers: Sequence[str] = ()
) -> list[Row]:
    """The rows of all files; `limit` of them drawn by `seed`, in the files' order.

    Rows marked `for_model: false` (the guide answers those itself) are left out, and those that
    name a register which is not among `registers`, where any are given. Raises GiljabiError for a
    row that is no conversation ending with an answer.
    """
    found = [row for file in files for row in _rows(file, registers)]
    if not found:
        raise GiljabiError(
            f"There is nothing to learn in {', '.join(map(str, files)) or 'no file'}."
        )
    if limit and limit < len(found):
        chosen = sorted(random.Random(seed).sample(range(len(found)), limit))
        found = [found[i] for i in chosen]
    return found


def _rows(file: Path, registers: Sequence[str]) -> Iterator[Row]:
    for number, row in row_files.rows(file):
        where = f"{file.name}, row {number}"
        if isinstance(row, row_files.Fault):
            raise GiljabiError(f"{where}: {row.reason}.")
        fields = row if isinstance(row, dict) else {}
        if fields.get("for_model") is False:
            continue
        if registers and "register" in fields and fields["register"] not in registers:
            continue
        messages = fields.get("messages")
        if not isinstance(messages, list) or not all(map(_is_message, messages)):
            raise GiljabiError(
                f"{where}: no messages of role (system, user, assistant) and content; "
                "giljabi data build writes such rows."
            )
        if not messages or messages[-1]["role"] != "assistant":
            raise GiljabiError(
                f"{where}: the conversation does not end with an assistant's answer."
            )
        yield Row(tuple({"role": m["role"], "content": m["content"]} for m in messages), where)


def _is_message(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.get("role") in _ROLES
        and isinstance(value.get("content"), str)
    )


def pieces(messages: Sequence[Message], template: Template) -> list[tuple[str, bool]]:
    """The text of a conversation in pieces: what is read (False) and what is learnt (True).

    The pieces before an answer, each answer followed by the template's stop, are byte for byte
    what `Template.render` gives when that answer is asked for.
    """
    out: list[tuple[str, bool]] = []
    before = ""
    for at, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        asked = template.render(messages[:at])
        answer = _closed(messages[: at + 1], template, asked)
        out += [(asked.removeprefix(before), False), (answer, True)]
        if not asked.startswith(before):
            raise GiljabiError(
                f"The template {template.name} shows an earlier turn otherwise later."
            )
        before = asked + answer + template.stops[0]
    return out


def _closed(messages: Sequence[Message], template: Template, asked: str) -> str:
    """The last answer as the template shows it in a conversation that goes on, up to its stop."""
    later = template.render([*messages, {"role": "user", "content": "?"}])
    return later.removeprefix(asked).partition(template.stops[0])[0]


def encode(rows: Sequence[Row], base: Base, max_length: int) -> Encoded:
    """Token ids and labels of all rows.

    Raises GiljabiError, counting them and naming three, where an example has nothing to learn
    or is longer than `max_length`.
    """
    import numpy as np  # noqa: PLC0415

    texts = [_pieces(row, base.template) for row in rows]
    flat = base.tokenizer.encode_batch_fast(
        [text for one in texts for text, _ in one], add_special_tokens=False
    )
    cut = iter([piece.ids for piece in flat])
    out, faults = Encoded([], []), dict[str, list[str]]()
    for row, one in zip(rows, texts, strict=True):
        ids = [] if base.ids.bos is None else [base.ids.bos]
        labels = [IGNORED] * len(ids)
        for _, learnt in one:
            piece = next(cut)
            ids += piece + [base.ids.end] * learnt
            labels += [*piece, base.ids.end] if learnt else [IGNORED] * len(piece)
        if why := _fault(ids, labels, base, max_length):
            faults.setdefault(why, []).append(row.where)
        out.input_ids.append(np.asarray(ids, np.int32))
        out.labels.append(np.asarray(labels, np.int32))
    if faults:
        said = "; ".join(_counted(why, where) for why, where in faults.items())
        raise GiljabiError(f"The data cannot be learnt as it stands: {said}.")
    return out


def _pieces(row: Row, template: Template) -> list[tuple[str, bool]]:
    try:
        return pieces(row.messages, template)
    except GiljabiError as error:
        raise GiljabiError(f"{row.where}: {error}") from error


def _fault(ids: list[int], labels: list[int], base: Base, max_length: int) -> str:
    if len(ids) > max_length:
        return f"longer than data.max_length = {max_length:,} tokens"
    learnt = [i for i in labels if i != IGNORED]
    if all(i == base.ids.end for i in learnt):
        return "an answer without any text"
    return "" if labels[-1] == base.ids.end else "the end of the turn is not learnt"


def _counted(why: str, where: Sequence[str]) -> str:
    return f"{why} in {len(where):,} ({', '.join(where[:3])}{', …' if len(where) > 3 else ''})"


# ---- kept between runs ----


def cached(
    folder: Path, rows: Sequence[Row], base: Base, max_length: int,
    make: Callable[[Sequence[Row], Base, int], Encoded] = encode,
) -> Encoded:  # fmt: skip
    """`encode`, its result kept in `folder` under the hash of all it depends on."""
    import numpy as np  # noqa: PLC0415

    from giljabi.build.files import replacing  # noqa: PLC0415

    path = folder / f"tokens-{digest(rows, base, max_length)[:16]}.npz"
    if path.is_file():
        with np.load(path, allow_pickle=False) as kept:
            cuts = np.cumsum(kept["lengths"])[:-1]
            return Encoded(np.split(kept["ids"], cuts), np.split(kept["labels"], cuts))
    made = make(rows, base, max_length)
    with replacing(path, "wb") as file:
        np.savez(
            file, lengths=np.array([len(one) for one in made.input_ids]),
            ids=np.concatenate(made.input_ids), labels=np.concatenate(made.labels),
        )  # fmt: skip
    return made


def digest(rows: Sequence[Row], base: Base, max_length: int) -> str:
    """Hash of rows, vocabulary, template and limit."""
    h = hashlib.sha256(f"{max_length}\0{base.template.name}\0{base.ids}".encode())
    h.update(base.tokenizer.to_str().encode())
    for row in rows:
        h.update(json.dumps(row.messages, ensure_ascii=False).encode())
    return h.hexdigest()
