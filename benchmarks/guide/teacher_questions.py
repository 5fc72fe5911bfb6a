"""Picks the teacher's validation questions whose gold the raw records decide, with its answers.

    python benchmarks/guide/teacher_questions.py OUT.jsonl [--shared DIR]

A question is taken only if it names exactly one place by a name that means one place, and asks
for exactly one attribute. Each row carries the teacher's answer, so that the teacher is scored
by the same scorer. The rows hold other people's sentences: they are not committed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gold_rules import Rules

HERE = Path(__file__).resolve().parent
SETS = ("campus", "1km", "2km")
# Names that several places share, whatever the coordinate file's aliases say.
SHARED_NAMES = frozenset(
    {
        *(
            "본관",
            "도서관",
            "운동장",
            "체육관",
            "병원 본관",
            "응급실",
            "사이버대",
            "싸대",
            "의대",
            "의과대학",
        ),
        *("백남", "신소재", "공업센터", "정보관", "교수회관", "장례식장", "국제병원"),
        *(
            "main building",
            "main hall",
            "main hospital",
            "library",
            "international hospital",
            "tomato",
        ),
    }
)
HERE_WORDS = re.compile(
    r"여기|거기|이 건물|그 건물|\bhere\b|\bthere\b(?! (?:is|are))|\bit\b|\bthis\b", re.I
)
STARTS = re.compile(
    r"예지문|에지문|애지문|한양대학교|한양대역|한양대|캠퍼스|"
    r"hanyang univ\w*\.?(?: station)?|aeji\w*(?: gate)?|campus",
    re.I,
)
# attribute -> (Korean wording, English wording, whose places have it: c campus, k 1 km, t 2 km)
ASKED: dict[str, tuple[str, str, str]] = {
    "floors": (
        r"몇\s?층(?!에)|층수|층이 몇",
        r"how many (?:floors|stories|storeys)|number of floors",
        "c",
    ),
    "code": (r"건물\s?(?:번호|코드)", r"building (?:number|code)|code (?:for|of)", "c"),
    "minutes": (
        r"몇\s?분|얼마나 걸|얼마 시간|시간 얼마|시간이 얼마|소요\s?시간",
        r"how long (?:does it take|will it take|is the walk|to walk)|walking time|how many minutes",
        "ckt",
    ),
    "category": (
        r"카테고리|분류|무슨 종류|어떤 종류",
        r"\bcategory\b|(?:what|which) (?:type|kind) of (?:place|building|facility)",
        "ckt",
    ),
    "features": (
        r"특징|(?:무슨|어떤) 시설|@\s?(?:건물)?\s?(?:안에|에|에는|안에는)\s?뭐가? 있",
        r"notable feature|what facilities|special about|known for",
        "c",
    ),
    "bus": (
        r"(?:몇 번|무슨|어떤|어느) 버스|버스.*(?:몇 번|번호)",
        r"(?:which|what) bus(?! stop)|bus number",
        "t",
    ),
    "distance": (r"몇\s?(?:km|킬로)|거리가|얼마나 (?:멀|떨어)", r"how far|distance", "t"),
    "stop": (
        r"어디서 내|(?:어느|무슨|어떤) (?:정류장|역)(?:에서)? (?:내|하차)",
        r"(?:which|what) (?:stop|station) (?:do|should|to).*(?:get off|need)|"
        r"where (?:do|should) i get off",
        "t",
    ),
    "line": (r"몇 호선", r"(?:which|what) (?:subway )?line", "t"),
}
# Words that turn an otherwise plain question into another one.
OTHER = re.compile(
    r"근처|주변|옆|비교|보다|중에|랑 |하고 |버스로|지하철로|타고|"
    r"어디야|어디에 있|위치|어떻게 가|어떻게 돼|"
    r"\bvs\b|near|next to|compare|\bthan\b|better|faster|closest|close to|\bor\b|\band\b|other",
    re.I,
)
ANOTHER = re.compile(
    r"[가-힣0-9]{2,}관(?![련심])|[가-힣]{2,}(?:점|역)에서|@\s?에서(?! (?:내|어디))|\bhall\b|from @|"
    r"from the\b(?! (?:gate|station|exit|subway))|출발"
)
WALK = re.compile(r"걸어|도보|걷|\bwalk", re.I)
RIDE = re.compile(r"버스|지하철(?! ?역)|정류장|\bbus\b|\bsubway\b(?! station)|\bstop\b", re.I)


class Picker:
    """Finds the one place and the one attribute of a question, or says that it cannot."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        owners: dict[str, set[str]] = {}
        for place in rules.venue.places.values():
            for name in (*place.names, *self._numbers(place.code)):
                owners.setdefault(name.casefold(), set()).add(place.code)
        # Longest first, so that "공업센터 본관" is not read as "본관".
        longest = sorted(owners.items(), key=lambda item: -len(item[0]))
        self.names = [(name, codes, _whole(name)) for name, codes in longest]

    @staticmethod
    def _numbers(code: str) -> list[str]:
        return [f"{code}관", f"{code}번 건물", f"building {code}"] if code.isdigit() else []

    def place(self, question: str) -> tuple[str, str] | None:
        """The code of the only place named, and the question with "@" in its stead."""
        rest = question.casefold()
        found: set[str] = set()
        for name, codes, pattern in self.names:
            if not pattern.search(rest):
                continue
            rest = pattern.sub(" @", rest)
            if name in SHARED_NAMES or len(codes) > 1 or len(name) < 3:
                return None
            found |= codes
        # What is left must not look like another place ("제3의학관", "the law building").
        if ANOTHER.search(STARTS.sub(" ", rest)):
            return None
        return (found.pop(), rest) if len(found) == 1 else None

    def attribute(self, question: str, code: str) -> str | None:
        """The only attribute asked for, if this kind of place has it."""
        asked = [
            name
            for name, (korean, english, _) in ASKED.items()
            if re.search(korean, question) or re.search(english, question, re.I)
        ]
        group = "c" if code.isdigit() else code[0].lower()
        if len(asked) != 1 or group not in ASKED[asked[0]][2]:
            return None
        # Without a word for walking, the minutes to a 2 km place may be those of a ride.
        on_foot = WALK.search(question) or group != "t"
        if asked[0] == "minutes" and (RIDE.search(question) or not on_foot):
            return None
        return asked[0]

    def row(self, question: str) -> dict[str, Any] | None:
        """The question with its gold, or None where the rules do not decide it."""
        plain = re.sub(r"(?i)does it take|will it take|is it", "", question)
        named = self.place(question)
        if named is None or HERE_WORDS.search(plain) or OTHER.search(question):
            return None
        code, rest = named
        slot = self.attribute(rest, code)
        korean = len(re.findall(r"[A-Za-z]+", rest)) < 3
        if slot is None or (slot == "features" and not (korean or self._rendered(code))):
            return None
        try:
            gold = self.rules.apply(slot, [code])
        except (ValueError, KeyError, TypeError):
            return None
        if any(holds in question for group in gold.groups for holds in group):
            return None  # repeating the question would score
        return {
            "lang": "ko" if korean else "en",
            "turns": [question],
            "slot": slot,
            "place_codes": gold.codes,
            "must_contain_any": gold.groups,
            "must_not_contain": gold.banned,
            "expect": "answer",
        }

    def _rendered(self, code: str) -> bool:
        """Whether every feature has an English rendering to be recognised by."""
        return all(one in self.rules.words["feature"] for one in self.rules.venue[code].features)


def _whole(name: str) -> re.Pattern[str]:
    """The name where it is not the middle or the tail of a longer word."""
    before = r"(?<![a-z0-9])" if name[0].isascii() else r"(?<![가-힣])"
    after = r"(?![a-z0-9])" if name[-1].isascii() else ""
    return re.compile(before + re.escape(name) + after)


def pairs(shared: Path) -> Iterator[tuple[str, str, str]]:
    """(id, question, answer) of every single-turn validation row."""
    for name in SETS:
        rows = json.loads((shared / f"venue/qa/val_{name}_messages.json").read_text("utf-8"))
        for number, row in enumerate(rows, 1):
            said = [message for message in row["messages"] if message["role"] != "system"]
            if [message["role"] for message in said] == ["user", "assistant"]:
                yield (
                    f"val-{name}-{number:03d}",
                    said[0]["content"].strip(),
                    said[1]["content"].strip(),
                )


def main() -> None:
    """Write the picked questions, then say how many each attribute has."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--shared", type=Path, default=HERE.parents[2] / "shared")
    asked = parser.parse_args()
    picker = Picker(Rules(asked.shared / "venue", HERE / "renderings.toml"))
    rows = []
    for one, question, answer in pairs(asked.shared):
        made = picker.row(question)
        if made is not None:
            rows.append({"id": one, **made, "teacher_answer": answer})
    partial = asked.out.with_suffix(".tmp")
    partial.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    os.replace(partial, asked.out)
    print(f"{len(rows)} rows: {dict(Counter(str(row['slot']) for row in rows))}")


if __name__ == "__main__":
    main()
