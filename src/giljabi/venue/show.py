"""A venue as text for the person who keeps it: what it holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields

from giljabi.venue.place import Place, Venue


def venue_text(venue: Venue) -> str:
    """A short table: places by area, and how many carry which field."""
    lines = [f"{venue.name.ko} / {venue.name.en}  (sha256 {venue.hash[:12]})"]
    areas = Counter(p.area for p in venue.places)
    lines += [f"  {venue.areas[a].ko}: {n}" for a, n in areas.items()]
    for name in ("code", "floors", "point", "minutes", "transit", "neighbours", "features"):
        have = sum(1 for p in venue.places if getattr(p, name))
        lines.append(f"  {name}: {have} of {len(venue.places)}")
    lines.append(f"  described ways: {len(venue.directions)}, measured links: {len(venue.links)}")
    mends = [(p, c) for p in venue.places for c in p.corrections]
    lines.append(f"  corrections: {len(mends)}")
    return "\n".join(lines)


def place_text(venue: Venue, place_id: str) -> str:
    """Every field of one place with its source, mended fields with what they replaced."""
    p = venue.place(place_id)
    lines = [f"{p.name.ko} / {p.name.en or '-'}"]
    for f in fields(Place):
        value = getattr(p, f.name)
        if value and f.name not in ("name", "sources", "corrections", "id"):
            lines.append(f"  {f.name}: {value}   [{p.source(f.name)}]")
    lines += [
        f"  corrected {c.field}: was {c.original}; {c.reason} [{c.source}]" for c in p.corrections
    ]
    for d in venue.directions:
        if d.to == place_id:
            lines.append(f"  way {d.rank}: {' '.join(s.ko for s in d.steps)}   [{d.source}]")
    return "\n".join(lines)
