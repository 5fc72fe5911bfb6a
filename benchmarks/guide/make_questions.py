"""Makes questions.jsonl: hand-written wordings, gold from the raw records.

    python benchmarks/guide/make_questions.py [--wordings benchmarks/guide/held_out]

A wording file (phrasings_*.toml) holds groups; a group has a slot, a language, a gold rule and
rows "ARGUMENTS | turn >> turn >> turn". The last turn is the one graded.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gold_rules import Rules

HERE = Path(__file__).resolve().parent
# Rules whose right answer says the question's own words: "yes, 6 floors", "from A to B".
REPEATING = {"has", "between", "nearer", "farther", "taller", "clarify", "outside", "abstain"}
REPEATING |= {"check_floors", "check_minutes", "no_floors"}
GROUP_KEYS = {"slot", "lang", "gold", "expect", "banned", "rows"}


def wordings(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The groups of every wording file, in order of file name."""
    for path in sorted(folder.glob("phrasings_*.toml")):
        for group in tomllib.loads(path.read_text("utf-8"))["group"]:
            unknown = set(group) - GROUP_KEYS
            if unknown:
                raise SystemExit(
                    f"{path.name}: unknown keys {sorted(unknown)} in group {group.get('slot')!r}"
                )
            yield path, group


def unechoed(groups: list[list[str]], asked: str) -> list[list[str]]:
    """The groups without the strings the question itself holds: repeating it must not score.

    A group that would be left empty stays whole.
    """
    said = re.sub(r"\s", "", asked).casefold()
    fresh = [[one for one in g if re.sub(r"\s", "", one).casefold() not in said] for g in groups]
    return [kept or whole for kept, whole in zip(fresh, groups, strict=True)]


def question(rules: Rules, group: dict[str, Any], row: str) -> dict[str, Any]:
    """One row of the set, without its id."""
    head, _, said = row.partition("|")
    turns = [turn.strip() for turn in said.split(">>")]
    gold = rules.apply(group["gold"], head.split())
    if not all(turns) or not gold.groups or not all(gold.groups):
        raise ValueError("an empty turn or an empty gold group")
    groups = gold.groups
    if group["gold"] not in REPEATING and group["slot"] != "check":
        groups = unechoed(groups, turns[-1])
    return {
        "lang": group["lang"],
        "turns": turns,
        "slot": group["slot"],
        "place_codes": gold.codes,
        "must_contain_any": groups,
        "must_not_contain": [*gold.banned, *group.get("banned", [])],
        "expect": group.get("expect", "answer"),
    }


def make(shared: Path, folder: Path = HERE) -> list[dict[str, Any]]:
    """The set of one folder of wordings; stops at the first row the records do not support."""
    rules = Rules(shared / "venue", HERE / "renderings.toml")
    rows: list[dict[str, Any]] = []
    seen: set[tuple[str, ...]] = set()
    numbers: Counter[tuple[str, str]] = Counter()
    for path, group in wordings(folder):
        for row in group["rows"]:
            try:
                made = question(rules, group, row)
            except (ValueError, KeyError, TypeError) as error:
                raise SystemExit(f"{path.name}: {row!r}: {error}") from error
            if tuple(made["turns"]) in seen:
                raise SystemExit(f"{path.name}: asked twice: {row!r}")
            seen.add(tuple(made["turns"]))
            numbers[made["lang"], made["slot"]] += 1
            number = numbers[made["lang"], made["slot"]]
            rows.append({"id": f"{made['lang']}-{made['slot']}-{number:02d}", **made})
    return rows


def main() -> None:
    """Write the set, then say how many rows each slot has."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=HERE.parents[2] / "shared")
    parser.add_argument("--wordings", type=Path, default=HERE)
    parser.add_argument("--out", type=Path, help="questions.jsonl beside the wordings unless given")
    asked = parser.parse_args()
    rows = make(asked.shared, asked.wordings)
    out = asked.out or asked.wordings / "questions.jsonl"
    partial = out.with_suffix(".tmp")
    partial.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    os.replace(partial, out)
    slots = Counter(row["slot"] for row in rows)
    langs = Counter(row["lang"] for row in rows)
    print(f"{len(rows)} rows {dict(langs)}: {dict(sorted(slots.items()))}")


if __name__ == "__main__":
    main()
