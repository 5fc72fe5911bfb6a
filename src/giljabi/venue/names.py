"""From words to places: exact names, numbers, slips and sound-alikes; strangers stay strangers.

Knows a venue's names and nothing of questions. A name that is close to several places is
ambiguous; a name that says another number or another institution is *unknown*, never the nearest.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from rapidfuzz.distance import OSA
from rapidfuzz.process import extract

from giljabi import korean
from giljabi.venue import forms
from giljabi.venue.codes import find_codes
from giljabi.venue.mention import (
    How,
    Mention,
    bare,
    boundary,
    common_en,
    english_spans,
    function_en,
    is_question,
    merged,
    particle_length,
    squeezed,
    word_rest,
)
from giljabi.venue.place import Venue
from giljabi.venue.strangers import COLLEGES, other_institutions, unlisted

Finder = Callable[[str, list[Mention]], Iterator[Mention]]

ACCEPT, ASK = 0.84, 0.72
_PARTICLE = "|".join(sorted(korean.PARTICLES, key=len, reverse=True))
_TAIL = re.compile(
    rf"(?:(?:건물|쪽|앞|뒤|안|내부|근처|주변|입구|정문|가까이)?(?:{_PARTICLE})*$"
    r"|건물|쪽|앞|옆|뒤|안|내부|근처|주변|입구|가는|가려|가고|갈|어디|어딨|어떻|어케|몇|위치|뭐|뭔|무슨|무엇|언제|얼마|"
    r"층|번호|말고|중|에서|까지|보다|이랑|하고|왼|오른|위|아래|맞은|찾|알려|있|이요|인가|아니|사이|은요|는요)"
)


_SIBLING = re.compile(
    r"(?<![0-9가-힣A-Za-z])제?(?P<ko>\d)(?:관|공학관|법학관|의학관|음악관|학생생활관|생활관|기숙사)"
    r"|(?:(?<=\bor )|(?<=\band ))(?P<en>\d)\b(?! ?(?:min|floor|stor))"
)


class Names:
    """The index of a venue's names. Building it takes tens of milliseconds; keep one."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._forms: dict[str, list[str]] = defaultdict(list)
        self._families: dict[str, list[str]] = defaultdict(list)
        self._english: dict[tuple[frozenset[str], frozenset[str]], list[str]] = defaultdict(list)
        self._english_full: dict[tuple[frozenset[str], frozenset[str]], list[str]] = defaultdict(
            list
        )
        self._roman: list[tuple[str, str]] = []
        self._codes = {p.code: p.id for p in venue.places if p.code}
        self._own = forms.own_prefixes(venue)
        self._order = {p.id: n for n, p in enumerate(venue.places)}
        self.english_words = frozenset(
            w for p in venue.places for n in forms.english_names(p) for w in n.lower().split()
        )
        self._labels = [(p.id, forms.squeeze(p.label("ko"))) for p in venue.places]
        self._full = {name for _, name in self._labels}
        self._index()
        self._by_first: dict[str, list[str]] = defaultdict(list)
        for form in sorted({*self._forms, *self._families}, key=len, reverse=True):
            self._by_first[form[0]].append(form)
        self._sounds = [
            (s, forms.number_signature(f), tuple(ids))
            for f, ids in self._forms.items()
            if korean.has_hangul(f) and not self._is_spoken(f) and len(s := korean.sound(f)) >= 6
        ]
        self._by_number: dict[tuple[str, ...], tuple[list[str], list[tuple[str, ...]]]] = {}
        for sound, number, ids in self._sounds:
            sounds, places = self._by_number.setdefault(number, ([], []))
            sounds.append(sound)
            places.append(ids)

    def _is_spoken(self, form: str) -> bool:
        """이공학관 beside 2공학관: it hides its number, so only an exact match may use it."""
        digit = "영일이삼사오육칠팔구".find(form[0])
        return digit > 0 and f"{digit}{form[1:]}" in self._forms

    def _index(self) -> None:
        for p in self._venue.places:
            for form in forms.korean_forms(p):
                self._forms[form].append(p.id)
            for stem in forms.family_stems(p):
                self._families[stem].append(p.id)
            for name in forms.english_names(p):
                words = forms.english_words(name)
                key = forms.english_key(words)
                if key[0] and p.id not in self._english[key]:
                    self._english[key].append(p.id)
                full = (frozenset(w for w in words if not w.isdigit()), key[1])
                if full[0] and p.id not in self._english_full[full]:
                    self._english_full[full].append(p.id)
                self._roman.append((forms.roman_fold(" ".join(words)), p.id))
            self._roman.append((forms.roman_fold(korean.romanise(p.label("ko"))), p.id))
        for stem in list(self._families):
            for p in self._venue.places:
                name = forms.squeeze(p.label("ko"))
                if p.area == "campus" and name.endswith(stem) and p.id not in self._families[stem]:
                    self._families[stem].append(p.id)
            if len(self._families[stem]) < 2:
                del self._families[stem]

    def find(self, text: str) -> list[Mention]:
        """Every mention in reading order, non-overlapping; a misread never hides an exact one."""
        exact = list(self._exact(text, []))
        found = [
            m for m in other_institutions(text, self._is_own, self._own)
            if not any(e.start <= m.start < e.end for e in exact)
        ]  # fmt: skip
        surest_first = (
            self._exact, self._coded, self._english_exact, self._near, self._english_near,
        )  # fmt: skip
        found = self._merge(text, surest_first, found)
        if any(m.places and m.how != "maybe" for m in found):
            found = [m for m in found if m.how != "maybe"]
        found.extend(self._siblings(text, found))
        found.extend(unlisted(text, found))
        found.sort(key=lambda m: m.start)
        return merged(found)

    def _is_fragment(self, short: Mention, long: Mention) -> bool:
        """A nickname inside a sure longer match was only the start of that name."""
        if long.how == "exact" and not korean.has_hangul(long.text):
            return _inside(short, long.start, long.end) and len(short.text) < len(long.text)
        said = forms.squeeze(short.text)
        if said in self._full or said == forms.squeeze(bare(long.text)) or long.how != "near":
            return False
        inside = long.start <= short.start and short.end <= long.end
        same = bool(short.places) and short.places[:1] == long.places[:1]
        return inside and (same or (len(said) <= 3 and len(long.text) > len(short.text) + 1))

    def written(self, text: str) -> list[Mention]:
        """Names as they stand, spelt right: what a checker accepts. No guesses, no strangers."""
        return sorted(
            self._merge(text, (self._exact, self._english_exact), []), key=lambda m: m.start
        )

    def _merge(self, text: str, finders: Iterable[Finder], found: list[Mention]) -> list[Mention]:
        """Add what each finder finds where nothing surer stands already."""
        for finder in finders:
            for m in finder(text, found):
                clash = [o for o in found if m.start < o.end and o.start < m.end]
                if all(self._is_fragment(o, m) for o in clash):
                    found = [o for o in found if o not in clash]
                    found.append(m)
        return found

    def _siblings(self, text: str, taken: list[Mention]) -> Iterator[Mention]:
        """ "사이버대 1관이랑 2관", "Law Building 1 or 3": the second name lacks its head."""
        for m in _SIBLING.finditer(text):
            digit = m["ko"] or m["en"]
            before = [t for t in taken if t.end <= m.start() and t.places]
            if not before or any(m.start() < t.end and t.start < m.end() for t in taken):
                continue
            head = self._venue.place(before[-1].places[0]).label("ko")
            name = forms.squeeze(digit.join(re.split(r"\d", head, maxsplit=1)))
            if re.search(r"\d", head) and name in self._forms:
                yield Mention(m.start(), m.end(), m[0], tuple(self._forms[name][:1]), "exact")

    def _is_own(self, name: str) -> bool:
        key = forms.squeeze(name)
        if key in self._own or key in self._forms or key in self._families:
            return True
        near = self._near_window(name, 0, len(name))
        if COLLEGES.match(name) or any(o[2].how == "near" for o in near):
            return True
        heard = korean.sound(key)
        if len(heard) >= 8 and any(heard in sound for sound, _, _ in self._sounds):
            return True
        return any(key.startswith(o) for o in self._own) or any(
            f.startswith(key) for f in self._by_first.get(key[0], ())
        )

    def _exact(self, text: str, taken: list[Mention]) -> Iterator[Mention]:
        chars, where = squeezed(text)
        i = 0
        open_at = True
        while i < len(chars):
            if not (open_at or boundary(text, where, i)):
                i += 1
                continue
            open_at = False
            own = next((o for o in self._own if chars.startswith(o, i)), "")
            starts = [i, i + len(own)] if own and len(own) < len(chars) - i else [i]
            fits = [(st, f) for st in starts if (f := self._form_at(text, chars, where, st))]
            for start, form in sorted(fits, key=lambda f: -(f[0] + len(f[1])))[:1]:
                if form:
                    ids, how = self._resolve(form)
                    end = start + len(form)
                    yield Mention(
                        where[start], where[end - 1] + 1, text[where[start] : where[end - 1] + 1],
                        ids, how,
                    )  # fmt: skip
                    i = end - 1 + particle_length(text, chars, where, end)
                    open_at = True
            i += 1

    def _form_at(self, text: str, chars: str, where: list[int], i: int) -> str | None:
        if i >= len(chars):
            return None
        for form in self._by_first.get(chars[i], ()):
            if not chars.startswith(form, i):
                continue
            end = i + len(form)
            tail = word_rest(text, where, chars, end)
            if (
                form[-1].isascii()
                and form[-1].isalnum()
                and tail[:1].isascii()
                and tail[:1].isalnum()
            ):
                continue
            if not tail or _TAIL.match(tail):
                return form
        return None

    def _resolve(self, form: str) -> tuple[tuple[str, ...], How]:
        if form in self._forms:
            ids = list(dict.fromkeys(self._forms[form]))
            others = [i for i in self._families.get(form, ()) if i not in ids]
            if form not in self._full:
                # A short form that ends other names too: 도서관.
                others += [
                    i for i, n in self._labels if n.endswith(form) and i not in (*ids, *others)
                ]
            return (*ids, *others), "exact" if len(ids) == 1 else "family"
        return tuple(self._families[form]), "family"

    def _coded(self, text: str, taken: list[Mention]) -> Iterator[Mention]:
        return find_codes(text, self._codes, taken)

    def _english_exact(self, text: str, taken: list[Mention]) -> Iterator[Mention]:
        words = english_spans(text)
        i = 0
        while i < len(words):
            for j in range(min(len(words), i + 9), i, -1):
                span = words[i:j]
                a, b = span[0][1], span[-1][2]
                if any(a < t.end and t.start < b and not _inside(t, a, b) for t in taken):
                    continue
                tokens = forms.english_words(text[a:b])
                if not tokens or span[0][0] in function_en() or span[-1][0] in function_en():
                    continue
                if _numbered_beside(words, i, j):
                    continue
                if mention := self._english_match(text, span[0][1], span[-1][2], tokens):
                    yield mention
                    i = j - 1
                    break
            i += 1

    def _english_match(self, text: str, a: int, b: int, tokens: list[str]) -> Mention | None:
        full = (
            frozenset(w for w in tokens if not w.isdigit()),
            frozenset(w for w in tokens if w.isdigit()),
        )
        ids = self._english_full.get(full)
        if ids is None:
            key = forms.english_key(tokens)
            if not key[0] or (key[0] <= common_en() and len(tokens) == 1):
                return None
            ids = self._english.get(key)
            if ids is None and not key[1]:
                ids = [i for (w, n), v in self._english.items() if w == key[0] and n for i in v]
        if not ids:
            return None
        ids = list(dict.fromkeys(ids))
        return Mention(a, b, text[a:b], tuple(ids), "exact" if len(ids) == 1 else "family")

    def _near(self, text: str, taken: list[Mention]) -> Iterator[Mention]:
        """Sound-alike Korean names over windows of one to four eojeols."""
        words = list(re.finditer(r"[가-힣0-9A-Za-z/]+", text))
        options: list[tuple[float, int, Mention]] = []
        for i in range(len(words)):
            for j in range(i + 1, min(len(words), i + 4) + 1):
                a, b = words[i].start(), words[j - 1].end()
                if any(
                    a < t.end and t.start < b and not (a <= t.start and t.end <= b) for t in taken
                ):
                    break
                if any(is_question(w[0]) for w in words[i:j]):
                    break
                options.extend(self._near_window(text, a, b))
        for w in words:
            if len(w[0]) >= 6 and all(w.end() <= t.start or t.end <= w.start() for t in taken):
                for size in range(3, min(len(w[0]), 11)):
                    run = self._near_window(text, w.start(), w.start() + size)
                    options.extend(o for o in run if o[2].how == "near")
        options.sort(key=lambda o: (-o[0], o[1]))
        for _, _, mention in options:
            yield mention

    def _near_window(self, text: str, a: int, b: int) -> Iterator[tuple[float, int, Mention]]:
        raw = text[a:b]
        for piece in dict.fromkeys((raw, bare(raw))):
            key = korean.sound(forms.squeeze(piece))
            if len(key) < 6:
                continue
            numbers = forms.number_signature(piece)
            best: dict[str, float] = {}
            sounds, places = self._by_number.get(numbers, ((), ()))
            alike = extract(
                key, sounds, scorer=OSA.normalized_similarity, score_cutoff=ASK, limit=None
            )
            for sound, score, n in alike:
                if abs(len(sound) - len(key)) <= max(3, len(sound) * 0.3):
                    for i in places[n]:
                        best[i] = max(best.get(i, 0.0), score)
            if not best:
                continue
            top = max(best.values())
            ids = tuple(
                sorted((i for i in best if best[i] >= top - 0.03), key=self._order.__getitem__)
            )
            sure = top >= ACCEPT + (0.04 if len(key) < 9 else 0.0)
            if not sure and len(key) < 9:
                continue
            how: How = ("near" if len(ids) == 1 else "family") if sure else "maybe"
            yield top, -len(piece), Mention(a, a + len(piece), piece, ids, how, top)

    def _english_near(self, text: str, taken: list[Mention]) -> Iterator[Mention]:
        words = english_spans(text)
        options: list[tuple[float, Mention]] = []
        for i in range(len(words)):
            for j in range(i + 1, min(len(words), i + 6) + 1):
                span = words[i:j]
                if span[0][0] in function_en() or span[-1][0] in function_en():
                    continue
                if any(span[0][1] < t.end and t.start < span[-1][2] for t in taken):
                    continue
                tokens = forms.english_words(text[span[0][1] : span[-1][2]])
                key = forms.roman_fold(" ".join(tokens))
                if len(key) < 5 or all(t in common_en() or t in function_en() for t in tokens):
                    continue
                if _numbered_beside(words, i, j):
                    continue
                if found := self._roman_best(key):
                    score, ids = found
                    how: How = "maybe" if score < 0.86 else "near" if len(ids) == 1 else "family"
                    a, b = span[0][1], span[-1][2]
                    options.append((score, Mention(a, b, text[a:b], ids, how, score)))
        options.sort(key=lambda o: (-o[0], -len(o[1].text)))
        for _, mention in options:
            yield mention

    def _roman_best(self, key: str) -> tuple[float, tuple[str, ...]] | None:
        numbers = re.findall(r"\d+", key)
        best: dict[str, float] = {}
        for form, place in self._roman:
            if re.findall(r"\d+", form) != numbers:
                continue
            score = OSA.normalized_similarity(key, form, score_cutoff=0.78)
            if score >= 0.78:
                best[place] = max(score, best.get(place, 0.0))
        if not best:
            return None
        top = max(best.values())
        return top, tuple(
            sorted((i for i in best if best[i] >= top - 0.02), key=self._order.__getitem__)
        )


def _numbered_beside(words: list[tuple[str, int, int]], i: int, j: int) -> bool:
    """ "Engineering Building" in "Engineering Building 8" is not the name that was said."""
    while j < len(words) - 1 and words[j][0] in ("hall", "building", "center", "dormitory"):
        j += 1
    if j < len(words) and words[j][0].isdigit() and words[j][1] - words[j - 1][2] <= 1:
        return len(words[j][0]) == 1
    before = words[i - 1][0] if i else ""
    ordinal = forms.english_words(before)[:1] if before not in ("one", "two", "three") else []
    return bool(ordinal) and ordinal[0].isdigit() and len(ordinal[0]) == 1


def _inside(m: Mention, start: int, end: int) -> bool:
    return start <= m.start and m.end <= end
