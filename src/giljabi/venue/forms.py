"""Every way a place's name is said: short forms, numbers, spellings. Words in, words out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from giljabi import korean
from giljabi.venue.place import Place, Venue

_SINO = "영일이삼사오육칠팔구"
_ORDINALS = {
    w: str(n)
    for n, words in enumerate(
        ("first 1st one", "second 2nd two", "third 3rd three", "fourth 4th four", "fifth 5th five",
         "sixth 6th six", "seventh 7th seven", "eighth 8th eight", "ninth 9th nine"), 1)
    for w in words.split()
}  # fmt: skip
_EMPTY_EN = frozenset("the a an of and at in s univ university".split())
_GENERIC_EN = frozenset(
    "building bldg hall center centre college school department house "
    "facility store shop branch restaurant studio".split()
)
_BRANCH = re.compile(r"\s*(?:\S+?(?:역|구|동|성수|왕십리|행당)?)?(?:본점|점)$")
_SWAPS = (
    ("대학교", "대"), ("대학", "대"), ("학생생활관", "생활관"), ("학생생활관", "기숙사"), ("공업센터", "공센"),
    ("여자고등학교", "여고"), ("고등학교", "고"), ("중학교", "중"), ("초등학교", "초"), ("여자대학교", "여대"),
    ("생활과학대학", "생활과학관"), ("연구센터", "센터"),
)  # fmt: skip


def squeeze(text: str) -> str:
    """Lower case, without spaces and punctuation: what exact matching compares."""
    return re.sub(r"[^0-9a-z가-힣ㄱ-ㅎㅏ-ㅣ]", "", text.lower())


def korean_forms(place: Place) -> set[str]:
    """Exact Korean (or mixed) forms of a place's name, squeezed."""
    forms: set[str] = set()
    names = [place.name.ko, *(a for a in place.aliases if korean.has_hangul(a) or len(a) <= 6)]
    for name in names:
        forms.update(_parts(name))
    for form in list(forms):
        forms.update(_numbered(form))
        for long, short in _SWAPS:
            if long in form:
                forms.add(form.replace(long, short))
    if place.area not in ("campus", "landmark"):
        brand, _, rest = place.name.ko.partition(" ")
        if rest:
            forms |= {
                rest + brand,
                rest.removesuffix("점") + brand,
                brand + rest.removesuffix("점"),
            }
        short = _BRANCH.sub("", place.name.ko)
        if len(squeeze(short)) >= 2:
            forms.add(short)
    return {s for f in forms if len(s := squeeze(f)) >= 2}


def _parts(name: str) -> Iterator[str]:
    yield name
    head = re.sub(r"\s*\([^()]*\)", "", name).strip()
    if head:
        yield head
    for inner in re.findall(r"\(([^()]*)\)", name):
        yield from (p.strip() for p in inner.split(","))
    if "/" in head and korean.has_hangul(head.partition("/")[0]):
        yield from (p.strip() for p in head.split("/"))


def _numbered(form: str) -> Iterator[str]:
    """제2공학관 -> 2공학관, 이공학관, 제이공학관; 1관 -> 일관."""
    if found := re.fullmatch(r"제\s*(\d)\s*(.+)", form):
        digit, rest = found[1], found[2]
        for bare in {
            rest,
            rest.replace("학생생활관", "생활관"),
            rest.replace("학생생활관", "기숙사"),
        }:
            yield f"제{digit}{bare}"
            yield f"{digit}{bare}"
            yield f"{_SINO[int(digit)]}{bare}"
            yield f"제{_SINO[int(digit)]}{bare}"
            yield f"{bare}{digit}"
    if found := re.fullmatch(r"(.*\D)(\d)관", form):
        yield f"{found[1]}{_SINO[int(found[2])]}관"


def family_stems(place: Place) -> set[str]:
    """What the name would be without its distinguishing part: 제2공학관 -> 공학관."""
    head = re.sub(r"\s*\([^()]*\)", "", place.name.ko).strip()
    stems = set()
    if found := re.fullmatch(r"제\s*\d\s*(.+)", head):
        stems |= {found[1], found[1].replace("학생생활관", "생활관")}
    if " " in head:
        stems.add(head.rsplit(" ", 1)[1])
    return {squeeze(s) for s in stems if len(squeeze(s)) >= 2 and not s.endswith("점")}


def english_words(text: str) -> list[str]:
    """Normalised words: lower case, ordinals as digits, articles and "of" dropped."""
    text = re.sub(r"([a-z])['’]s\b", r"\1", text.lower()).replace("&", " ")
    text = re.sub(r"\b(?:dormitory|residence)\b", "dorm", text)
    words = re.findall(r"[a-z]+|\d+", re.sub(r"(\d+)(?:st|nd|rd|th)\b", r"\1", text))
    return [_ORDINALS.get(w, w) for w in words if w not in _EMPTY_EN]


def english_key(words: list[str]) -> tuple[frozenset[str], frozenset[str]]:
    """(distinguishing words, numbers) of an English name; generic heads do not count."""
    bare = {w for w in words if not w.isdigit() and w not in _GENERIC_EN}
    return frozenset(bare), frozenset(w for w in words if w.isdigit())


def english_names(place: Place) -> list[str]:
    """English names and aliases as recorded, without parentheses, plus what is inside them."""
    raw = [place.name.en or "", *(a for a in place.aliases if not korean.has_hangul(a))]
    out = []
    for name in raw:
        out += [re.sub(r"\s*\([^()]*\)", "", name), *re.findall(r"\(([^()]*)\)", name)]
    return [n for n in dict.fromkeys(out) if n.strip()]


def roman_fold(text: str) -> str:
    """Romanised Korean folded so that the usual spellings of one name meet."""
    s = re.sub(r"[^a-z0-9]", "", text.lower())
    for a, b in (
        ("eo", "o"), ("eu", "u"), ("ae", "e"), ("oo", "u"), ("ee", "i"), ("ui", "i"), ("ck", "k"),
        ("ph", "p"), ("sh", "s"), ("si", "s"), ("ch", "j"), ("kk", "k"), ("tt", "t"), ("pp", "p"),
        ("ll", "l"), ("g", "k"), ("d", "t"), ("b", "p"), ("r", "l"), ("ai", "e"), ("y", "i"),
    ):  # fmt: skip
        s = s.replace(a, b)
    return re.sub(r"(.)\1", r"\1", s)


def number_signature(text: str) -> tuple[str, ...]:
    """The digits of a name, spoken ordinals included: 제이공학관 and 2공학관 both give ("2",)."""
    text = re.sub(
        r"제\s*([일이삼사오육칠팔구])(?=\s*[가-힣])", lambda m: str(_SINO.index(m[1])), text
    )
    return tuple(sorted(re.findall(r"\d+", text)))


def own_prefixes(venue: Venue) -> list[str]:
    """The organisation's own names, squeezed, longest first: "한양대 중앙도서관" is ours."""
    return sorted((squeeze(n) for n in venue.own_names), key=len, reverse=True)
