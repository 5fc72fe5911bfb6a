"""How a token comes about from its characters, and over which other tokens.

Both kinds of vocabulary in use merge neighbours until nothing merges: SentencePiece BPE by the
score of what results, byte-level BPE by the rank of the pair.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

_NORMAL = 1


@dataclass(frozen=True, slots=True)
class Merges:
    """The order in which neighbours merge."""

    rank: Callable[[str, str], float | None]
    """Smaller merges first; None: these two never merge."""

    def parts(self, token: str) -> list[str]:
        """Every piece on the way from the characters of `token` to it, characters included.

        Ends where nothing merges any more: a token no merge reaches gives the pieces it falls
        into.
        """
        pieces = list(token)
        seen = list(dict.fromkeys(pieces))
        while len(pieces) > 1:
            ranked = [
                (rank, at)
                for at in range(len(pieces) - 1)
                if (rank := self.rank(pieces[at], pieces[at + 1])) is not None
            ]
            if not ranked:
                break
            _, at = min(ranked)
            pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]
            seen.append(pieces[at])
        return seen


def by_score(tokens: Sequence[str], scores: Sequence[float], kinds: Sequence[int]) -> Merges:
    """llama.cpp's SentencePiece BPE: the neighbours whose union scores highest merge first."""
    score = {t: s for t, s, kind in zip(tokens, scores, kinds, strict=True) if kind == _NORMAL}

    def rank(left: str, right: str) -> float | None:
        found = score.get(left + right)
        return None if found is None else -found

    return Merges(rank)


def byte_pairs(merges: Sequence[str]) -> Merges:
    """Byte-level BPE: pairs as written in the file, "left right", earlier ones first."""
    ranks = {tuple(m.split(" ", 1)): n for n, m in enumerate(merges)}
    return Merges(lambda left, right: ranks.get((left, right)))


def kept_merges(merges: Sequence[str], tokens: set[str]) -> list[str]:
    """The merges whose two sides and result are all among `tokens`, in their order."""
    out = []
    for merge in merges:
        left, _, right = merge.partition(" ")
        if left in tokens and right in tokens and left + right in tokens:
            out.append(merge)
    return out
