"""What a check found: one value a fault, counted, written for people and for programs.

Knows nothing of venues; the rules are in lint.py and its neighbours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "info"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
ROWS = 8


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, or one count over the whole venue (`place` is "" then).

    `what` states it with the values, `mend` says what to do: one sentence each. `figures` are the
    numbers of a count, by name, for whoever compares them.
    """

    rule: str
    severity: Severity
    what: str
    mend: str
    file: str = "places.json"
    place: str = ""
    name: str = ""
    field: str = ""
    figures: tuple[tuple[str, float], ...] = ()

    @property
    def where(self) -> str:
        """File, place and field in one line."""
        parts = (self.file, f"{self.place} {self.name}".strip(), self.field)
        return ", ".join(p for p in parts if p)


def ordered(found: Sequence[Finding]) -> list[Finding]:
    """Errors first, then by place id and rule: the same findings always in the same order."""
    return sorted(
        found,
        key=lambda f: (SEVERITIES.index(f.severity), f.place, f.rule, f.field, f.what, f.file),
    )


def to_json(found: Sequence[Finding]) -> dict[str, Any]:
    """Counts by severity and by rule, and a row for every finding, ready for json.dump."""
    rows = [
        {
            "rule": f.rule, "severity": f.severity, "file": f.file, "place": f.place,
            "name": f.name, "field": f.field, "what": f.what, "mend": f.mend,
            **({"figures": dict(f.figures)} if f.figures else {}),
        }
        for f in found
    ]  # fmt: skip
    severities = Counter(f.severity for f in found)
    rules = Counter(f.rule for f in found)
    return {
        "severities": {s: severities[s] for s in SEVERITIES},
        "rules": {r: rules[r] for r in sorted(rules)},
        "findings": rows,
    }


def report(found: Sequence[Finding], *, verbose: bool = False, rows: int = ROWS) -> str:
    """Readable text: a heading with its count for every rule, worst rules first.

    At most `rows` findings a rule are shown unless `verbose`; the mend is said once where it is
    the same for all of them.
    """
    if not found:
        return "Nothing found."
    counts = Counter(f.severity for f in found)
    lines = [", ".join(_counted(counts[s], s) for s in SEVERITIES)]
    groups: dict[tuple[int, str], list[Finding]] = {}
    for f in found:
        groups.setdefault((SEVERITIES.index(f.severity), f.rule), []).append(f)
    for (level, rule), group in sorted(groups.items()):
        lines += ["", f"{SEVERITIES[level]}: {rule} ({len(group)})"]
        shown = group if verbose else group[:rows]
        same = len({f.mend for f in group}) == 1
        for f in shown:
            lines.append(f"  {f.where}: {f.what}")
            if not same:
                lines.append(f"    -> {f.mend}")
        if len(group) > len(shown):
            lines.append(f"  … and {len(group) - len(shown)} more (--verbose shows all)")
        if same:
            lines.append(f"  -> {group[0].mend}")
    return "\n".join(lines)


def _counted(n: int, severity: str) -> str:
    if severity == "info":
        return f"{n} for information"
    return f"{n} {severity}{'' if n == 1 else 's'}"


def exit_code(found: Sequence[Finding], *, strict: bool = False) -> int:
    """1 where there is an error (with `strict` also a warning), else 0; 2 stays for bad input."""
    bad = ("error", "warning") if strict else ("error",)
    return int(any(f.severity in bad for f in found))
