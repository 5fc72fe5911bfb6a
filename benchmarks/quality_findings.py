"""What `giljabi venue check` finds in real records beside the faults that others had measured.

    python benchmarks/quality_findings.py [../shared/venue]

Prints a Markdown table: listed item, listed figure, ours, and why a figure differs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from giljabi.venue import folder, lint
from giljabi.venue.findings import Finding

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "venue"
CAMPUS = ("campus.json",)
ALL = ("campus.json", "within_1km.json", "within_2km_reconstructed.json")
COORDINATES = "hanyang_coordinates.json"

Row = tuple[str, object, object, str]


def found_in(shared: Path, names: tuple[str, ...], coordinates: str | None) -> list[Finding]:
    """Findings on raw records, with or without coordinates."""
    at = shared / coordinates if coordinates else None
    venue, texts = lint.from_records([shared / n for n in names], at)
    return lint.check(venue, texts=texts)


def figures(found: list[Finding], rule: str) -> dict[str, float]:
    """The figures of the one finding of this rule."""
    (one,) = [f for f in found if f.rule == rule]
    return {k: round(v) if float(v).is_integer() else v for k, v in one.figures}


def count(found: list[Finding], *rules: str) -> int:
    """How many findings these rules made."""
    return sum(f.rule in rules for f in found)


def _names(listed: dict[str, Any], plain: list[Finding], mapped: list[Finding]) -> list[Row]:
    bare, known = figures(plain, "names-summary"), figures(mapped, "names-summary")
    return [
        ("neighbour entries", listed["nearby_entries"], bare["entries"], "71 records × 2"),
        ("not exactly a listed name", listed["not_exact_listed_name"], bare["not_exact"], ""),
        ("distinct such names", listed["distinct"], bare["distinct"], ""),
        ("unresolved after short forms", listed["unresolved_after_short_form"], bare["not_short"],
         f"{known['not_short']} with the coordinates' names, whose 한양대역 (2호선) resolves 한양대역"),
        ("names of no building", "5 entries: 예지문, 한양대역, 한양여대 ×2, 사근동",
         f"{known['dangling']} entries: 사범대학, 사근동",
         "the coordinates know the gate, the station and 한양여대 as places; 사범대학 could be 505 or "
         f"506 and is not guessed ({bare['dangling']} entries without the coordinates)"),
    ]  # fmt: skip


def _sides(listed: dict[str, Any], mapped: list[Finding]) -> list[Row]:
    ours = figures(mapped, "sides-summary")
    other = ours["disagree"] + ours["one_vague"]
    agreed = [
        m for m in listed["mismatches"]
        if any(all(w in f.what for w in m) for f in mapped if f.rule in ("sides-disagree", "sides-vague"))
    ]  # fmt: skip
    told = [f for f in mapped if f.rule == "sides-told"]
    return [
        ("pairs that name each other", listed["mutual_pairs"], ours["mutual"], ""),
        ("opposite words", listed["opposite_words_ok"], ours["opposite"], ""),
        ("vague words on both sides", listed["both_vague_옆_근처"], ours["vague"], ""),
        ("same directional word", listed["same_directional_word"], ours["same"], ""),
        ("other mismatch", listed["other_mismatch"], other,
         f"{ours['disagree']} warnings; {ours['one_vague']} have 옆 or 근처 on one side: for information"),
        ("the same mismatched pairs", len(listed["mismatches"]), len(agreed), ""),
        ("one-sided links", listed["one_sided_links"], f"{ours['one_sided']} of {ours['links']}",
         "our links lead to 예지문 = 104, 한양대역 and 한양여대 ×2 as well (+4, none named back), and not "
         "to 사범대학, which is not guessed (−1)"),
        ("101 and 102 contradict each other", 1, len(told), "all four statements on the pair are shown"),
    ]  # fmt: skip


def _geometry(listed: dict[str, Any], mapped: list[Finding], shipped: list[Finding]) -> list[Row]:
    raw, mended = figures(mapped, "geometry-summary"), figures(shipped, "geometry-summary")
    why = (
        "with the shipped correction 사범대학 = 505, which 507 names 아래쪽; {} on the raw records"
    )
    rows: list[Row] = [
        ("words held against the map", listed["n_map_words_with_coords"], mended["words"],
         why.format(raw["words"]) + "; diagonal words are judged but not counted here"),
        ("agree within 60°, north up", listed["agree_within_60deg_if_up_is_north"], mended["agree"],
         why.format(raw["agree"])),
        ("120° or more off", listed["opposite_120deg_or_more"], mended["opposed"],
         f"and {count(shipped, 'sides-geometry') - mended['opposed']:.0f} diagonal word (401 → 501)"),
    ]  # fmt: skip
    for side, word in (("right", "오른쪽"), ("left", "왼쪽"), ("up", "위쪽"), ("down", "아래쪽")):
        spread = " ".join(f"{k}{mended[f'{side}_{k}']}" for k in "NESW")
        ours = f"{mended[f'{side}_links']}: {spread} (R={mended[f'{side}_r']})"
        rows.append(
            (f"where {word} points", listed["per_word"][word].replace(" links", ""), ours, "")
        )
    sides = figures(mapped, "sides-summary")
    vague = f"{sides['vague_entries']} of {sides['entries']}"
    return [*rows, ("vague words", listed["vague_words"], vague, "")]


def _nearest(listed: dict[str, Any], mapped: list[Finding]) -> list[Row]:
    ours = figures(mapped, "nearest-summary")
    worst = sorted(
        ((dict(f.figures)["metres"], f.name, f.field.partition(".")[2]) for f in mapped
         if f.rule == "neighbour-far" and dict(f.figures)["rank"]), reverse=True)[:4]  # fmt: skip
    return [
        ("first neighbours with coordinates", listed["with_coords"], ours["first"], ""),
        ("truly the nearest", listed["truly_rank_1"], ours["rank_1"],
         "counted strictly. 405 (401 is 0.5 m nearer) and 604 (606 is 0.6 m nearer) are close calls: a "
         "1 m tolerance would give 20, but how the list was counted is not known"),
        ("among the nearest three", listed["rank<=3"], ours["rank_3"], ""),
        ("beyond the tenth", listed["rank>10"], ours["rank_over_10"], ""),
        ("over 200 m", listed[">200m"], ours["far"], ""),
        ("옆 over 100 m", listed["옆_over_100m"], f"{ours['beside_far']} of {ours['beside']}", ""),
        ("worst", "; ".join(f"{a} → {b} {m}" for a, b, m in listed["worst"]),
         "; ".join(f"{a} → {b} {m}" for m, a, b in worst),
         "one metre: mean earth radius here; the equatorial one (6,378,137 m) gives the listed figures"),
    ]  # fmt: skip


def _walking(listed: dict[str, Any], mapped: list[Finding]) -> list[Row]:
    ours = figures(mapped, "pace-summary")
    paces = {f.place: dict(f.figures) for f in mapped if f.rule.startswith("pace-") and f.place}
    fast = [f"{f.place} {f.name} {paces[f.place]['metres']} m {paces[f.place]['minutes']} min"
            for f in mapped if f.rule == "pace-fast"]  # fmt: skip
    slow = [code for code, _, _ in listed["slowest"] if code in paces]
    return [
        ("walks with coordinates", listed["with_coords"], ours["walks"], ""),
        ("median, m a minute", listed["median_m_per_min"], round(ours["median"]), ""),
        ("outside 30-110", listed["outside_30_110"], ours["outside"], ""),
        ("too fast", "; ".join(f"{n} {m} m {t} min" for n, m, t in listed["too_fast"]), "; ".join(fast),
         "one metre: the earth's radius, as above"),
        ("listed among the slowest", len(listed["slowest"]), len(slow), ", ".join(slow)),
    ]  # fmt: skip


def _rest(listed: dict[str, Any], mapped: list[Finding], every: list[Finding]) -> list[Row]:
    spelt = figures(mapped, "spelling")
    stated = figures(every, "metres-stated")
    ways = figures(every, "landmark-two-ways")
    off = listed["offcampus"]
    return [
        ("애지문 / 예지문 / 에지문", " / ".join(map(str, listed["spelling"]["raw"].values())),
         f"{spelt['애지문']} / {spelt['예지문']} / {spelt['에지문']}", ""),
        ("floors without a number", listed["floors_without_number"], count(mapped, "floors-no-number"), ""),
        ("stated metres to 왕십리역 비트플렉스", off["raw_says_m"], stated["metres"], ""),
        ("straight line to it", off["exit2_to_왕십리역_비트플렉스_straight_m"], stated["straight"],
         "to the nearest of the four points called 왕십리역, from the nearest of the start's points"),
        ("records using it", off["records_using_it"], stated["ways"], ""),
        ("행당시장: two opposite ways", "3 and 3 places", f"{ways['one']} and {ways['other']} places", ""),
        ("원더시네마: a walk that takes line 2", 1, count(every, "ride-in-walk"), ""),
    ]  # fmt: skip


def rows(shared: Path = SHARED) -> list[Row]:
    """(item, listed, ours, why) for everything that can be decided from the records."""
    listed = json.loads((shared / "quality_findings.json").read_text("utf-8"))
    plain = found_in(shared, CAMPUS, None)
    mapped = found_in(shared, CAMPUS, COORDINATES)
    every = found_in(shared, ALL, COORDINATES)
    shipped = lint.check(folder.load(ROOT / "venues" / "hanyang"))
    return [
        *_names(listed["names"], plain, mapped),
        *_sides(listed["reciprocity"], mapped),
        *_geometry(listed["direction_vs_geometry"], mapped, shipped),
        *_nearest(listed["nearest"], mapped),
        *_walking(listed["walking"], mapped),
        *_rest(listed, mapped, every),
    ]


def main() -> None:
    """Print the table; what the `qa` part lists is the business of `audit`."""
    shared = Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED
    if not shared.is_dir():
        sys.exit(f"{shared} is not here: the records to compare with are missing.")
    print("| listed item | listed | ours | why it differs |\n|---|---|---|---|")
    for item, listed, ours, why in rows(shared):
        print(f"| {item} | {listed} | {ours} | {why} |")


if __name__ == "__main__":
    main()
