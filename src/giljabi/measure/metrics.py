"""Figures about texts: beside references, by themselves, and under a model. Pure functions.

Knows strings and log-probabilities; nothing of guides, venues or files. Scores beside references
come from sacreBLEU with its own signature, so that anybody can make them again. No figure here
says whether an answer is true.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rapidfuzz.distance import Levenshtein

from giljabi import korean
from giljabi.answer import loops
from giljabi.errors import GiljabiError
from giljabi.measure.questions import LANGS

if TYPE_CHECKING:
    from giljabi.model.logits import Scores

BLEU_TOKENS = {"ko": "char", "en": "13a"}
"""sacreBLEU's tokeniser by language.

Korean by character: words as they are spaced would call 건물이에요 for 건물입니다 a whole miss and
신소재 공학관 for 신소재공학관 two, while characters charge the ending and let the spacing be. Of
sacreBLEU's others, ko-mecab takes 34 MB of dictionary, built on the spot, to cut that name into
신소/재공/학관; spm and flores200 fetch their vocabulary from the net.
"""

# After the mark only what closes or adorns: quotes, brackets, emoji.
_POSITIONS = 512  # scored at once: 512 × 262,144 × 4 bytes = 0.5 GB of log-probabilities
_ENDED = re.compile(r"[.!?…。！？][^\w,:;·(\[{<「『《〈“‘-]*$")


@dataclass(frozen=True, slots=True)
class Overlap:
    """A score from 0 to 100 and how it was taken, as sacreBLEU writes it."""

    score: float
    signature: str


def bleu(texts: Sequence[str], references: Sequence[str], lang: str) -> Overlap:
    """Corpus BLEU of `texts`, the n-th beside the n-th reference; `lang` is "ko" or "en".

    Korean counts characters and leaves white space out (see BLEU_TOKENS), so it is not comparable
    with English or with word BLEU of Korean. GiljabiError where there is nothing to compare.
    Source: Papineni et al. 2002, Post 2018.
    """
    _paired(texts, references)
    _known(lang)
    try:
        from sacrebleu.metrics.bleu import BLEU  # noqa: PLC0415
    except ImportError as error:
        raise GiljabiError("BLEU needs sacreBLEU: pip install 'giljabi[measure]'") from error
    metric = BLEU(tokenize=BLEU_TOKENS[lang])
    score = metric.corpus_score(list(texts), [list(references)]).score
    return Overlap(score, metric.get_signature().format())


def chrf(texts: Sequence[str], references: Sequence[str]) -> Overlap:
    """Corpus chrF2 of `texts`, the n-th beside the n-th reference: pieces of 1 to 6 characters.

    The same for every language; white space does not count. GiljabiError where there is nothing
    to compare. Source: Popović 2015.
    """
    _paired(texts, references)
    try:
        from sacrebleu.metrics.chrf import CHRF  # noqa: PLC0415
    except ImportError as error:
        raise GiljabiError("chrF needs sacreBLEU: pip install 'giljabi[measure]'") from error
    metric = CHRF()
    score = metric.corpus_score(list(texts), [list(references)]).score
    return Overlap(score, metric.get_signature().format())


def character_error_rate(texts: Sequence[str], references: Sequence[str]) -> float:
    """Character edits from the references to `texts`, over the references' characters together.

    As jiwer.cer: outer white space is cut off, nothing else is folded, 1 may be exceeded, and
    beside references without any character the count of edits comes back.
    """
    _paired(texts, references)
    pairs = [(t.strip(), r.strip()) for t, r in zip(texts, references, strict=True)]
    edits = sum(Levenshtein.distance(r, t) for t, r in pairs)
    return edits / (sum(len(r) for _, r in pairs) or 1)


def distinct(texts: Sequence[str], n: int) -> float:
    """The share of different ones among all runs of `n` words in `texts`; 0 where there is none.

    Falls as the set grows: compare sets of one size. Source: Li et al. 2016.
    """
    runs = [run for text in texts for run in _runs(text, n)]
    return len(set(runs)) / len(runs) if runs else 0.0


def repeated(text: str, n: int) -> float:
    """The share of runs of `n` words that `text` has said before; 0 where it has none.

    Source: Welleck et al. 2019, seq-rep-n.
    """
    runs = _runs(text, n)
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


def goes_round(text: str) -> bool:
    """Whether `text` goes round in circles, by the same watch that stops a model while it serves."""
    return loops.find(text) is not None


def purity(text: str, lang: str) -> float:
    """The share of letters in the script of `lang`, Hangul for "ko", Latin for "en".

    Digits, marks and emoji are no letters; without letters nothing is foreign: 1. A name such as
    CGV lowers a Korean text's share, so read it beside that of the references.
    """
    _known(lang)
    found = [c for c in unicodedata.normalize("NFC", text) if c.isalpha()]
    return sum(_script(c) == lang for c in found) / len(found) if found else 1.0


def ended(text: str) -> bool:
    """Whether `text` ends as a sentence does: with . ! ? or …, then only what closes or adorns it.

    An opened list entry ("…\\n2.") is cut off; a text without a final mark counts as cut off too.
    """
    last = text.rstrip().rpartition("\n")[2]
    return bool(_ENDED.search(last)) and loops.plain(last) != ""


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How surprised a model was by texts."""

    nats: float
    """Negative log-probability of all of them together."""
    tokens: int
    """Tokens scored, as this model cuts them."""
    bytes: int
    """Length of the texts in UTF-8."""

    @property
    def perplexity(self) -> float:
        """exp(nats a token). Compares models of one tokenizer only: longer tokens are harder."""
        return math.exp(self.nats / self.tokens)

    @property
    def bits_per_byte(self) -> float:
        """Bits a byte of UTF-8. Compares across tokenizers: the bytes are everybody's."""
        return self.nats / (math.log(2) * self.bytes)


def likelihood(
    scorer: Scores, texts: Sequence[str], after: Sequence[str] | None = None
) -> Likelihood:
    """Nats, tokens and bytes of `texts`, each read by itself and whole, markers as plain text.

    Bits per byte compares across tokenizers and perplexity does not. So that the first token is
    predicted under every model, a text is read after BOS, or after a line break where a model has
    none; where `after` is given, after that prompt (its markers being markers), which is not
    counted. Raises GiljabiError where there is no text, or where one does not fit the context.
    """
    nats, tokens, size = 0.0, 0, 0
    for text, prompt in zip(texts, after or [""] * len(texts), strict=True):
        ids = scorer.tokenize(text, special=False)
        if not ids:
            continue
        head = [] if scorer.bos is None else [scorer.bos]
        head += scorer.tokenize(prompt) if prompt else []
        nats -= _log_probability(scorer, head or scorer.tokenize("\n"), ids)
        tokens += len(ids)
        size += len(text.encode())
    if not tokens:
        raise GiljabiError("There is no text to score.")
    return Likelihood(nats, tokens, size)


def _log_probability(scorer: Scores, head: Sequence[int], ids: Sequence[int]) -> float:
    total, row = 0.0, [*head, *ids]
    for begin in range(len(head), len(row), _POSITIONS):
        wanted = row[begin : begin + _POSITIONS]
        found = scorer.logprobs(row[: begin + len(wanted) - 1], start=begin - 1)
        total += float(found[range(len(wanted)), wanted].sum(dtype="float64"))
    return total


def _paired(texts: Sequence[str], references: Sequence[str]) -> None:
    if len(texts) != len(references):
        raise GiljabiError(
            f"{len(texts):,} texts cannot be compared with {len(references):,} references: "
            "each needs its own."
        )
    if not texts:
        raise GiljabiError("There are no texts to compare.")


def _known(lang: str) -> None:
    if lang not in LANGS:
        raise GiljabiError(f"Language {lang!r} is not measured; known: {', '.join(LANGS)}.")


def _script(letter: str) -> str:
    if korean.has_hangul(letter):
        return "ko"
    return "" if korean.foreign_script(letter) else "en"


def _runs(text: str, n: int) -> list[tuple[str, ...]]:
    words = text.split()
    return [tuple(words[at : at + n]) for at in range(len(words) - n + 1)]
