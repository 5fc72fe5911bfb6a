"""From words to places: exact names, numbers, slips and sound-alikes; strangers stay strangers.

Knows a venue's names and nothing of questions. A name that is close to several places is
ambiguous; a name that says another number or another institution is *unknown*, never the nearest.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rapidfuzz.distance import OSA

from giljabi import korean
from giljabi.venue import forms
from giljabi.venue.place import Venue

How = Literal["exact", "code", "family", "near", "maybe", "unknown"]

ACCEPT, ASK = 0.84, 0.72
_PARTICLE = "|".join(sorted(korean.PARTICLES, key=len, reverse=True))
_TAIL = re.compile(
    rf"(?:(?:건물|쪽|앞|뒤|안|내부|근처|주변|입구|정문|가까이)?(?:{_PARTICLE})*$"
    r"|건물|쪽|앞|옆|뒤|안|내부|근처|주변|입구|가는|가려|가고|갈|어디|어딨|어떻|어케|몇|위치|뭐|뭔|무슨|무엇|언제|얼마|"
    r"층|번호|말고|중|에서|까지|보다|이랑|하고|왼|오른|위|아래|맞은|찾|알려|있|이요|인가|아니|사이|은요|는요)"
)
_STRANGER_KO = re.compile(r"([가-힣A-Za-z]{2,8}?(?:대학교|여대|대))(?:의|에 있는)?\s*$")
_OTHER_CAMPUS = re.compile(r"([가-힣A-Za-z]+)\s*(?:캠퍼스|[Cc]ampus)(?:의)?\s*[가-힣0-9]+")
_THIS_CAMPUS = frozenset("서울 이 우리 같은 메인 본 the this on off our main".split())
_COLLEGES = re.compile(
    r"^(?:공|의|음|법|약|체|미|간호|사범|경영|자연|자연과학|인문|인문과학|사회|사회과학|생활과학|생과|사과|자과|경상|경금|이|공과|"
    r"의과|법과|음악|체육|이과|국제|정책|예술|예체|단과|싸|사이버|옛|그|현|우리|저희|초|중|단|침|무|시|절|최|기|상|반|세|군|교)대(?:학교|학)?$"
)
_STRANGER_EN = re.compile(
    r"\b((?:[A-Z][A-Za-z'-]*\s+){1,4}University|University of [A-Z]\w+|KAIST|POSTECH|SNU|Yonsei|Korea Univ\w*)"
)
_PLACEISH = re.compile(
    r"^(?P<noun>[가-힣A-Za-z0-9]+?(?:관|센터|역|병원|대학|대학교|학교|도서관|체육관|극장|광장|공원|학과|학부|연구소|연구원|빌딩|타워|"
    r"플라자|홀|문|점|성당|교회|아파트|마트|호텔|은행|시장|청|번지))"
    rf"(?:건물)?(?:{_PARTICLE})*$"
)
_NOT_PLACE = re.compile(
    r"^(?:기관|습관|상관|현관|관|무관|장관|점|문|질문|전문|방문|주문|창문|소문|가문|신문|정문|후문|장점|단점|시점|지점|관점|학점|만점|"
    r"영어영문|초점|강점|공통점|차이점|궁금한점|신청|요청|대학|학교|병원|역|청|대학교|우리학교|홀|건물|센터|반점|논문|어느역|무슨역|[가-힣]*(?:편의점|음식점|서점|분식점|매점|백화점|전문점|판매점|지하철역|전철역|기차역|영화관|기숙사|"
    r"식당|은행|시장|마트|호텔|공원|광장|교회|성당|교실|대학원|단과대|공대))$"
)
_HEADS_EN = r"(?:[Bb]uilding|[Hh]all|[Cc]enter|[Ll]ibrary|[Dd]ormitory|[Dd]orm|[Rr]esidence|[Gg]ym|[Gg]ate|[Mm]useum)"
_NUMBERED_EN = re.compile(
    rf"\b(?:[A-Z][\w'&.-]*\s+){{0,4}}{_HEADS_EN}\s+(?:[Nn]o\.?\s*)?\d{{1,2}}\b"
    rf"|\b(?:[A-Za-z]+th|\d+(?:st|nd|rd|th)|First|Second|Third)\s+(?:[A-Z][a-z]+\s+){{0,4}}{_HEADS_EN}\b"
)
_PLACEISH_EN = re.compile(
    r"\b((?:[A-Z0-9][\w'&.-]*\s+){1,5}(?:Building|Hall|Center|Centre|Library|Museum|Station|Gym|"
    r"Hospital|Dormitory|Tower|Park|Clinic|Mall|Stadium|Auditorium|Plaza|Cafe|Bank))\b"
)


@dataclass(frozen=True, slots=True)
class Mention:
    """A stretch of text that names a place, or a place the venue does not have.

    `places` holds ids, the likeliest first; empty when how is "unknown". `score` is 1 for exact
    matches, else a similarity in 0..1.
    """

    start: int
    end: int
    text: str
    places: tuple[str, ...]
    how: How
    score: float = 1.0


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
        self._index()
        self._by_first: dict[str, list[str]] = defaultdict(list)
        for form in sorted({*self._forms, *self._families}, key=len, reverse=True):
            self._by_first[form[0]].append(form)
        self._sounds = [
            (s, forms.number_signature(f), tuple(ids))
            for f, ids in self._forms.items()
            if korean.has_hangul(f) and not self._is_spoken(f) and len(s := korean.sound(f)) >= 6
        ]

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
            m for m in self._strangers(text)
            if not any(e.start <= m.start < e.end for e in exact)
        ]  # fmt: skip
        for finder in (
            self._exact,
            self._code,
            self._english_exact,
            self._near,
            self._english_near,
        ):
            for m in finder(text, found):
                clash = [o for o in found if m.start < o.end and o.start < m.end]
                if all(_is_fragment(o, m) for o in clash):
                    found = [o for o in found if o not in clash]
                    found.append(m)
        if any(m.places and m.how != "maybe" for m in found):
            found = [m for m in found if m.how != "maybe"]
        found.extend(self._unknown(text, found))
        found.sort(key=lambda m: m.start)
        return _merged(found)

    def written(self, text: str) -> list[Mention]:
        """Names as they stand, spelt right: what a checker accepts. No guesses, no strangers."""
        found: list[Mention] = []
        for finder in (self._exact, self._english_exact):
            for m in finder(text, found):
                if all(m.end <= o.start or m.start >= o.end for o in found):
                    found.append(m)
        return sorted(found, key=lambda m: m.start)

    def _strangers(self, text: str) -> Iterator[Mention]:
        """Another institution in front of a name makes the whole of it a stranger."""
        for word in re.finditer(r"[가-힣A-Za-z]+(?:대학교|대|여대)(?=\s|$|[가-힣])", text):
            name = korean.strip_particle(word[0])
            found = re.match(r"([가-힣A-Za-z]{2,}?(?:대학교|여대|대학|대))", name)
            if not found or self._is_own(found[1]):
                continue
            rest = re.match(r"\s*[가-힣0-9]+", text[word.start() + len(found[1]) :])
            end = word.start() + len(found[1]) + (len(rest[0]) if rest else 0)
            tail = korean.strip_particle(text[word.start() : end])
            yield Mention(word.start(), word.start() + len(tail), tail, (), "unknown")
        for m in _OTHER_CAMPUS.finditer(text):
            if not self._is_own(m[1]) and m[1].lower() not in _THIS_CAMPUS:
                yield Mention(m.start(), m.end(), m[0], (), "unknown")
        for m in _STRANGER_EN.finditer(text):
            if not any(own in forms.squeeze(m[1]) for own in self._own):
                rest = re.match(r"(?:'s)?(?:\s+[A-Z]?[a-z]+){0,2}", text[m.end() :])
                end = m.end() + (len(rest[0]) if rest else 0)
                yield Mention(m.start(), end, text[m.start() : end], (), "unknown")

    def _is_own(self, name: str) -> bool:
        key = forms.squeeze(name)
        if key in self._own or key in self._forms or key in self._families:
            return True
        near = self._near_window(name, 0, len(name))
        if _COLLEGES.match(name) or any(o[2].how == "near" for o in near):
            return True
        return any(key.startswith(o) for o in self._own) or any(
            f.startswith(key) for f in self._by_first.get(key[0], ())
        )

    def _exact(self, text: str, taken: list[Mention]) -> Iterator[Mention]:
        chars, where = _squeezed(text)
        i = 0
        open_at = True
        while i < len(chars):
            if not (open_at or _boundary(text, where, i)):
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
                    i = end - 1 + _particle_length(text, chars, where, end)
                    open_at = True
            i += 1

    def _form_at(self, text: str, chars: str, where: list[int], i: int) -> str | None:
        if i >= len(chars):
            return None
        for form in self._by_first.get(chars[i], ()):
            if not chars.startswith(form, i):
                continue
            end = i + len(form)
            tail = _word_rest(text, where, chars, end)
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
            return (*ids, *others), "exact" if len(ids) == 1 else "family"
        return tuple(self._families[form]), "family"

    def _code(self, text: str, taken: list[Mention]) -> Iterator[Mention]:
        """Building numbers in every shape people say; an unlisted number is an unknown place."""
        if not self._codes:
            return
        digits = {len(c) for c in self._codes if c.isdigit()}
        for m in _CODE.finditer(text):
            if any(m.start() < t.end and t.start < m.end() for t in taken):
                continue
            raw = m["n"] or m["n2"] or _spoken_english(m["n3"] or "")
            spoken = korean.number(raw) if not raw.isdigit() else int(raw)
            code = str(spoken)
            marked = bool(m["mark"] or m["pre"] or m["n3"])
            if code not in self._codes and not (marked and (len(code) in digits or m["strong"])):
                continue
            if not marked and (not raw.isdigit() or code not in self._codes):
                continue
            ids = (self._codes[code],) if code in self._codes else ()
            yield Mention(m.start(), m.end(), m[0].strip(), ids, "code" if ids else "unknown")

    def _english_exact(self, text: str, taken: list[Mention]) -> Iterator[Mention]:
        words = _english_spans(text)
        i = 0
        while i < len(words):
            for j in range(min(len(words), i + 9), i, -1):
                span = words[i:j]
                if any(span[0][1] < t.end and t.start < span[-1][2] for t in taken):
                    continue
                tokens = forms.english_words(text[span[0][1] : span[-1][2]])
                if not tokens or span[0][0] in _FUNCTION_EN or span[-1][0] in _FUNCTION_EN:
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
            if not key[0] or key[0] <= _COMMON_EN and len(tokens) == 1:
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
        words = [m for m in re.finditer(r"[가-힣0-9A-Za-z/]+", text)]
        options: list[tuple[float, int, Mention]] = []
        for i in range(len(words)):
            for j in range(i + 1, min(len(words), i + 4) + 1):
                a, b = words[i].start(), words[j - 1].end()
                if any(
                    a < t.end and t.start < b and not (a <= t.start and t.end <= b) for t in taken
                ):
                    break
                if any(_is_question(w[0]) for w in words[i:j]):
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
        for piece in dict.fromkeys((raw, _bare(raw))):
            key = korean.sound(forms.squeeze(piece))
            if len(key) < 6:
                continue
            numbers = forms.number_signature(piece)
            best: dict[str, float] = {}
            for sound, signature, ids in self._sounds:
                if abs(len(sound) - len(key)) > max(3, len(sound) * 0.3) or signature != numbers:
                    continue
                score = OSA.normalized_similarity(key, sound, score_cutoff=ASK)
                if score >= ASK:
                    for i in ids:
                        best[i] = max(best.get(i, 0.0), score)
            if not best:
                continue
            top = max(best.values())
            ids = tuple(
                sorted((i for i in best if best[i] >= top - 0.03), key=self._order.__getitem__)
            )
            sure = top >= ACCEPT + (0.04 if len(key) < 9 else 0.0)
            if not sure and len(key) < 8:
                continue
            how: How = ("near" if len(ids) == 1 else "family") if sure else "maybe"
            yield top, -len(piece), Mention(a, a + len(piece), piece, ids, how, top)

    def _english_near(self, text: str, taken: list[Mention]) -> Iterator[Mention]:
        words = _english_spans(text)
        options: list[tuple[float, Mention]] = []
        for i in range(len(words)):
            for j in range(i + 1, min(len(words), i + 6) + 1):
                span = words[i:j]
                if span[0][0] in _FUNCTION_EN or span[-1][0] in _FUNCTION_EN:
                    continue
                if any(span[0][1] < t.end and t.start < span[-1][2] for t in taken):
                    continue
                tokens = forms.english_words(text[span[0][1] : span[-1][2]])
                key = forms.roman_fold(" ".join(tokens))
                if len(key) < 5 or all(t in _COMMON_EN or t in _FUNCTION_EN for t in tokens):
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

    def _unknown(self, text: str, taken: list[Mention]) -> Iterator[Mention]:
        """Words shaped like a place's name that no place answers to."""
        for word in re.finditer(r"[가-힣0-9A-Za-z]+", text):
            if any(word.start() < t.end and t.start < word.end() for t in taken):
                continue
            found = _PLACEISH.match(word[0])
            if found and not _NOT_PLACE.match(found["noun"]) and len(found["noun"]) >= 2:
                end = word.start() + len(found["noun"])
                yield Mention(word.start(), end, found["noun"], (), "unknown")
        for m in _NUMBERED_EN.finditer(text):
            if all(m.end() <= t.start or m.start() >= t.end for t in taken):
                yield Mention(m.start(), m.end(), m[0], (), "unknown")
                return
        for m in _PLACEISH_EN.finditer(text):
            if all(m.end() <= t.start or m.start() >= t.end for t in taken):
                bare = re.sub(
                    r"^(?:The|Is|Where|How|What|Which|Can|Does|And|Tell|Are|Do)\s+", "", m[1]
                )
                if len(bare.split()) >= 2 and not set(bare.lower().split()) <= _COMMON_EN:
                    yield Mention(m.end() - len(bare), m.end(), bare, (), "unknown")


_CODE = re.compile(
    r"(?P<pre>(?:건물\s*번호|건물번호|[Bb]uilding|[Bb]ldg\.?|[Bb]uilding [Nn]umber|[Rr]oom)\s*(?:[Nn]o\.?\s*|[Nn]umber\s*|#\s*)?)?"
    r"(?:(?P<n3>(?<=[Bb]uilding )(?:(?:zero|oh|one|two|three|four|five|six|seven|eight|nine)[ -]?){3})|"
    r"(?P<n>(?<![\d.,A-Za-z])\d{2,4})|(?P<n2>(?<![가-힣])[일이삼사오육칠팔구영공백십]{2,6}(?=번|관|호)))"
    r"(?!\s*(?:번\s*(?:버스|출구|마을|지선|간선)|호선|[mM](?![a-z])|km|미터|킬로|분|시|원|층|명|년|월|일|%|m\b|min|minute|st\b|nd\b|rd\b|th\b|버스|bus|[.,]\d))"
    r"(?P<mark>\s*번?\s*(?P<strong>건물|동)|번\s*관|번|호관|호실|호|관)?(?![0-9A-Za-z])"
)
_SPOKEN_EN = "zero one two three four five six seven eight nine".split()


def _spoken_english(text: str) -> str:
    words = text.replace("-", " ").split()
    return "".join(str(_SPOKEN_EN.index(w)) if w in _SPOKEN_EN else "0" for w in words)


_FUNCTION_EN = frozenset(
    "the a an of and at in is are was to from for with by on it its this that there here how what "
    "which where when who why do does did can could would should will i me my we you your many much "
    "long far get go going walk take tell about find located between or than then near nearby next "
    "behind front left right above below building floors floor stories storeys minutes minute time "
    "does have has be near's compare closer nearer number please need want reach route way directions "
    "also what's where's how's it's i'm if so any some as them they".split()
) - {"building"}  # fmt: skip
_COMMON_EN = frozenset(
    "building hall center centre college school campus university station gate exit library museum "
    "hospital dormitory dorm residence cafe restaurant store shop bank pharmacy cinema main new first "
    "second third floor bus stop subway line park field plaza house room office cafeteria food court "
    "student students engineering medical music law education convenience bookstore theater theatre "
    "gym place somewhere anywhere books book movie movies coffee bldg facilities facility annex "
    "hanyang univ seoul korea korean english kind type located distance emergency road street "
    "parking information desk clinic nearest closest one two three direct public transport the "
    "best easiest fastest quickest good visit inside features famous special used purpose "
    "eat lunch dinner food buy watch study sleep stay money sick hungry".split()
) - set()  # fmt: skip
_QUESTION = re.compile(
    r"^(?:어디|어딨|어떻|어케|어느|얼마|몇|뭐|뭔|무슨|무엇|언제|누구|왜|있|없|가는|가려|가면|갈|걸려|걸리|걸어|알려|가르쳐|찾아|찾는|근처|주변|건물|"
    r"층|옆|왼쪽|오른쪽|위쪽|아래|앞에|뒤에|맞은편|도보|버스|지하철|가까|먼|더|제일|가장|그럼|그러면|거기|여기|저기|그리고|혹시|지금|오늘|내일|"
    r"좀|나|저|우리|이|그|저|것|곳|수|데|때|중에|사이|정도|분|시간|방향|위치|번호|코드|종류|시설|특징|이름|사람|학생들|추천|궁금|싶|줘|해|하|되|돼|"
    r"말고|아니|맞|네|예|응|안녕|감사|고마|죄송|카테고리|용도|정류장|정거장|출구|환승|소요|거리|높|층수|몇층|얼마나|어떤|해줘|주세요|대해|설명)"
)


def _is_fragment(short: Mention, long: Mention) -> bool:
    """A two-letter nickname inside a sure longer match was only the start of that name."""
    inside = long.start <= short.start and short.end <= long.end and long.how == "near"
    whole = forms.squeeze(_bare(long.text)) == forms.squeeze(short.text)
    same = bool(short.places) and short.places[:1] == long.places[:1] and not whole
    return inside and (same or (len(short.text) <= 3 and len(long.text) > len(short.text) + 1))


def _is_question(word: str) -> bool:
    return bool(_QUESTION.match(word)) and not re.match(r"^(?:이[가-힣]*관|하[가-힣]*관)", word)


def _bare(raw: str) -> str:
    """The window without a trailing particle or the word 건물."""
    cut = korean.strip_particle(raw)
    for tail in ("건물", "쪽", "앞"):
        if cut.endswith(tail) and len(cut) > len(tail) + 2:
            cut = cut[: -len(tail)].rstrip()
    return cut


def _squeezed(text: str) -> tuple[str, list[int]]:
    pairs = [
        (c.lower(), i) for i, c in enumerate(text) if re.match(r"[0-9A-Za-z가-힣ㄱ-ㅎㅏ-ㅣ]", c)
    ]
    return "".join(c for c, _ in pairs), [i for _, i in pairs]


def _boundary(text: str, where: list[int], i: int) -> bool:
    """Whether a word starts here: after a gap, or where Hangul meets Latin or digits."""
    if i == 0 or where[i] != where[i - 1] + 1:
        return True
    before, here = text[where[i - 1]], text[where[i]]
    return before.isascii() != here.isascii() and not before.isdigit()


def _word_rest(text: str, where: list[int], chars: str, end: int) -> str:
    """What follows a match inside the same eojeol."""
    if end >= len(chars) or where[end] != where[end - 1] + 1:
        return ""
    stop = where[end]
    while stop < len(text) and not text[stop].isspace() and (text[stop].isalnum()):
        stop += 1
    return text[where[end] : stop].lower()


def _particle_length(text: str, chars: str, where: list[int], end: int) -> int:
    rest = _word_rest(text, where, chars, end)
    for particle in korean.PARTICLES:
        if rest.startswith(particle):
            return len(particle)
    return 0


def _english_spans(text: str) -> list[tuple[str, int, int]]:
    return [
        (m[0].lower(), m.start(), m.end())
        for m in re.finditer(r"[A-Za-z][A-Za-z'’-]*|\d+(?:st|nd|rd|th)?|&", text)
    ]


def _numbered_beside(words: list[tuple[str, int, int]], i: int, j: int) -> bool:
    """ "Engineering Building" in "Engineering Building 8" is not the name that was said."""
    while j < len(words) - 1 and words[j][0] in ("hall", "building", "center", "dormitory"):
        j += 1
    if j < len(words) and words[j][0].isdigit() and words[j][1] - words[j - 1][2] <= 1:
        return len(words[j][0]) == 1
    before = words[i - 1][0] if i else ""
    ordinal = forms.english_words(before)[:1] if before not in ("one", "two", "three") else []
    return bool(ordinal) and ordinal[0].isdigit() and len(ordinal[0]) == 1


def _merged(found: list[Mention]) -> list[Mention]:
    """ "도서관(501관)" names one place twice: keep one mention."""
    out: list[Mention] = []
    for m in found:
        if out and m.places and out[-1].places[:1] == m.places[:1] and m.start - out[-1].end <= 8:
            continue
        if (
            out
            and m.how == "code"
            and m.places
            and m.places[0] in out[-1].places
            and m.start - out[-1].end <= 8
        ):
            out[-1] = m
            continue
        out.append(m)
    return out
