"""Plain words: which a checked sentence may use because they claim nothing, or a fact has them."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib.resources import files

from giljabi import korean

# What may hang on a recognised piece ("가까" + "워요") and short verbs in any ending.
_ENDING = re.compile(
    r"^(?:습니다|니다|워요|웁니다|운|울|세요|시면|시고|셔서|시다|면|고|서|며|어요|아요|어서|아서|으면|으시면|으세요|시오|은|는|을|ㄴ|길|길로|길을|길이|쪽|쪽으로|"
    r"막길|막길로|막길을|짜리|이나|에요|까지|가면|가세요|가시면|가서|가고|갑니다|와서|오면|워서|우며|우니|우면|우신|져|도|만)+$"
)
_VERB = re.compile(
    r"^(?:있|하|해|한|할|되|돼|됩|된|걸|찾|드|갑|가)[가-힣]{0,3}(?:요|다|고|며|면|서|니|나|지|죠|데|여)$"
    r"|^(?:있|하|되|가|걸리)(?:는|을|어|아|여)$|^(?:있|하|되|걸)\S?$"
)
_COPULA = re.compile(r"(?:입니다|이에요|예요|이고|이며|이죠|이라고)$")
_NAME_LIKE = re.compile(
    r".(?:관|동|역|센터|병원|대학|도서관|빌딩|타워|홀|플라자|공원|극장|식당|카페)$"
)
_TAIL = re.compile(rf"^(?:{'|'.join(sorted(korean.PARTICLES, key=len, reverse=True))})+$")


def _is_tail(word: str) -> bool:
    return bool(_TAIL.match(word))


@lru_cache(maxsize=1)
def _lexicon() -> tuple[frozenset[str], tuple[str, ...], frozenset[str]]:
    raw = tomllib.loads((files("giljabi.answer") / "lexicon.toml").read_text("utf-8"))
    stems = raw["ko"]["stems"].split()
    short = frozenset(s for s in stems if len(s) == 1)
    return short, tuple(s for s in stems if len(s) > 1), frozenset(raw["en"]["words"].split())


def fact_words(text: str) -> frozenset[str]:
    """Words of the facts: whole in English, whole and by their first two syllables in Korean."""
    out: set[str] = set()
    for word in re.findall(r"[가-힣]+|[A-Za-z][A-Za-z'-]*", text):
        if korean.has_hangul(word):
            out |= {korean.strip_particle(word), word[:2]}
        else:
            out.add(word.lower())
    return frozenset(out)


def unknown_words(rest: str, known: frozenset[str]) -> list[str]:
    """The words of `rest` (recognised pieces blanked out as NUL) that nothing accounts for."""
    short, stems, english = _lexicon()
    out = []
    for found in re.finditer(r"(\x00*)([가-힣ㄱ-ㅎㅏ-ㅣ]+|[A-Za-z][A-Za-z'’-]*)", rest):
        word = found[2]
        if found[1] and _ENDING.match(word):
            continue
        if not korean.has_hangul(word):
            low = word.lower().replace("’", "'").strip("-'")
            fine = low in english or low.removesuffix("'s") in english or low in known
            if len(low) <= 1 or fine or low.removesuffix("s") in known:
                continue
        elif _korean_is_known(word, known, short, stems):
            continue
        out.append(word)
    return out


def _korean_is_known(
    word: str, known: frozenset[str], short: frozenset[str], stems: tuple[str, ...]
) -> bool:
    bare = korean.strip_particle(_COPULA.sub("", word))
    if _NAME_LIKE.search(bare):
        return bare in known  # half of a name is another name
    if len(word) == 1 or _is_tail(word) or bare in short or bare in known:
        return True
    return bool(word.startswith(stems) or word[:2] in known or _VERB.match(word))
