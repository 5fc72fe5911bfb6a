"""Places around a point, collected from the Kakao and Naver search APIs into a venue folder.

Every answered request is a line of `collect.jsonl`, so a run that is killed, cut off or out of quota
goes on where it stopped and asks nothing twice. At the end come `places.json` and, where there is
none, `venue.toml`; the same journal always gives the same bytes.

Neither service tells walking or riding times to holders of these keys (Kakao's public directions are
for cars), so `minutes` and `transit` stay empty: a claim nobody measured is not written. What Kakao
does give, its straight line in metres from the centre, is recorded as `distance_km` and named so.
"""

from __future__ import annotations

import json
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.venue import folder
from giljabi.venue.crawl import (
    KOREA,
    Answer,
    Client,
    Found,
    Journal,
    Patience,
    Request,
    Service,
    Unanswered,
    Unreadable,
)
from giljabi.venue.graph import metres_between
from giljabi.venue.kakao import VARIABLE, Kakao, KakaoKeys
from giljabi.venue.naver import (
    HUB_ID,
    HUB_SECRET,
    ID,
    SECRET,
    Naver,
    NaverKeys,
    NaverMaps,
    address_of,
    point_of,
    queries_for,
)
from giljabi.venue.place import Point
from giljabi.venue.records import without_walk_to_itself

__all__ = ["KakaoKeys", "NaverKeys", "Patience", "Report", "queries_for", "run"]

SAME_PLACE_M = 60.0
AREA = "campus"
_DOWN_IN_A_ROW = 3
_NOT_IN_NAMES = re.compile(r"[\W_]+")


@dataclass(slots=True)
class Report:
    """What a collection did. `planned` is the number of requests known to be still unasked."""

    planned: int = 0
    asked: int = 0
    from_journal: int = 0
    places: int = 0
    merged: int = 0
    outside: int = 0
    cut: int = 0
    full_queries: int = 0
    unreadable: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def sentences(self) -> list[str]:
        """The report for people: the counts, then whatever is missing and why."""
        out = [
            f"{self.places} places, {self.merged} of them from both services; "
            f"{self.asked} requests asked, {self.from_journal} read from the journal."
        ]
        if self.planned:
            out.append(f"At least {self.planned} requests are still to be asked.")
        if self.outside:
            out.append(f"{self.outside} places lay outside the radius and were dropped.")
        if self.cut:
            out.append(f"{self.cut} places stay hidden behind Kakao's limit of 45 a search.")
        if self.full_queries:
            out.append(
                f"{self.full_queries} Naver queries showed the most they can, 5 places: "
                "narrower queries may find more."
            )
        out += [f"{n} times {why}: dropped." for why, n in sorted(self.unreadable.items())]
        out += [f"No answer to {what}: {why}." for what, why in self.failed.items()]
        if self.failed:
            out.append("Run the same command again to ask for these once more.")
        return out


def run(
    centre: Point,
    radius_m: int,
    into: Path,
    *,
    kakao: KakaoKeys | None,
    naver: NaverKeys | None,
    queries: Sequence[str],
    rate: float = 5.0,
    progress: Callable[[int, int], None] = lambda _done, _known: None,
    dry_run: bool = False,
    name: str | None = None,
    patience: Patience | None = None,
) -> Report:
    """Collect the places within `radius_m` metres of `centre` into the venue folder `into`.

    `queries` go to both services' keyword searches ("왕십리 카페"; `queries_for` makes them from area
    names); Kakao's 18 category groups are asked in any case. `rate` is requests a second (Naver
    refuses more than 10). `progress` hears how many of the requests known so far are done. A dry run
    asks and writes nothing and counts what is planned, further pages not included. `name` is the
    venue's, by default the folder's.

    GiljabiError: no keys, a refused key, a used-up quota (run again later: nothing is lost), a
    service that is down, a places.json that came from elsewhere, or nothing found. The protocols are
    described, with their addresses, in `kakao` and `naver`.
    """
    sweep = _Sweep(centre, radius_m, kakao, naver, tuple(dict.fromkeys(queries)))
    path = into / "collect.jsonl"
    if (into / "places.json").exists() and not path.exists():
        raise GiljabiError(
            f"{into / 'places.json'} was not collected here and would be overwritten: "
            "collect into a folder of its own."
        )
    report = Report()
    if dry_run and not path.exists():
        report.planned = len(sweep.searches())
        return report
    with Journal(path) as journal, Client(rate, patience or Patience()) as client:
        answers = _gather(sweep, journal, None if dry_run else client, progress, report)
    if dry_run:
        return report
    records = _records(sweep, answers, report)
    if not records:
        raise GiljabiError(" ".join([f"No place within {radius_m} m.", *report.sentences()]))
    nearest = str(records[0]["id"])
    starts = folder.starts(into) or {nearest}
    records = [without_walk_to_itself(r, starts) for r in records]
    folder.write_json(into / "places.json", records)
    if not (into / "venue.toml").exists():
        _write_head(into, name or into.resolve().name, nearest)
    return report


class _Sweep:
    """The services in use and which requests they need."""

    def __init__(
        self,
        centre: Point,
        radius_m: int,
        kakao: KakaoKeys | None,
        naver: NaverKeys | None,
        queries: tuple[str, ...],
    ) -> None:
        if kakao is None and naver is None:
            raise GiljabiError(
                f"There is no key for a map service: set {VARIABLE}, or {HUB_ID} and {HUB_SECRET} "
                f"(or {ID} and {SECRET})."
            )
        if kakao is None and not queries:
            raise GiljabiError("Naver needs queries (area names × kinds of place); there are none.")
        self.centre, self.radius_m, self.queries = centre, radius_m, queries
        self.kakao = Kakao(kakao, centre, radius_m) if kakao else None
        self.naver = Naver(naver) if naver else None
        self.maps = (
            NaverMaps(naver.maps_key_id, naver.maps_key, naver.maps_url)
            if naver and naver.maps_key_id and naver.maps_key
            else None
        )
        services: list[Service | None] = [self.kakao, self.naver, self.maps]
        self.services = {s.name: s for s in services if s is not None}
        for service in self.services.values():
            if not all(re.fullmatch(r"[!-~]+", secret) for secret in service.secrets):
                raise GiljabiError(
                    f"{service.name}'s key has characters no key has: check {service.check}."
                )

    def searches(self) -> list[Request]:
        """What is asked first."""
        kakao = self.kakao.searches(self.queries) if self.kakao else []
        return kakao + (self.naver.searches(self.queries) if self.naver else [])

    def follow_ups(self, answer: Answer) -> list[Request]:
        """What an answer makes necessary: pages, quarters, the other order, addresses to look up."""
        if self.kakao and answer.request.service == self.kakao.name:
            return self.kakao.follow_ups(answer)
        if not self.naver or answer.request.service != self.naver.name:
            return []
        return self.naver.follow_ups(answer) + self._lookups(answer)

    def _lookups(self, answer: Answer) -> list[Request]:
        geocoder = self.maps or self.kakao
        out: list[Request] = []
        for item in answer.body["items"] if geocoder else ():
            try:
                address = address_of(item) if point_of(item) is None else ""
            except Unreadable:
                continue
            if geocoder and address:
                out.append(geocoder.geocode(address))
        return out

    def located(self, answers: Iterable[Answer]) -> dict[str, tuple[Point, str]]:
        """Address -> point and source, of every address that was looked up."""
        out: dict[str, tuple[Point, str]] = {}
        for answer in answers:
            request, point = answer.request, None
            if self.maps and request.service == self.maps.name:
                point = self.maps.located(answer)
            elif self.kakao and request.call == "address":
                point = self.kakao.located(answer)
            if point:
                source = f"{request.service} {request.call} {answer.date}"
                out[str(request.param("query"))] = (point, source)
        return out


def _gather(
    sweep: _Sweep,
    journal: Journal,
    client: Client | None,
    progress: Callable[[int, int], None],
    report: Report,
) -> list[Answer]:
    """Every answer, from the journal or the service, in the order of the requests."""
    waiting = deque(sweep.searches())
    known = set(waiting)
    answers: list[Answer] = []
    down: Counter[str] = Counter()
    while waiting:
        request = waiting.popleft()
        answer = journal.get(request)
        if answer is not None:
            report.from_journal += 1
        elif client is None:
            report.planned += 1
        else:
            answer = _ask(sweep.services[request.service], request, client, down, report)
            if answer is not None:
                journal.add(answer)
        if answer is not None:
            answers.append(answer)
            new = [r for r in dict.fromkeys(sweep.follow_ups(answer)) if r not in known]
            known.update(new)
            waiting.extend(new)
        progress(len(known) - len(waiting), len(known))
    return answers


def _ask(
    service: Service, request: Request, client: Client, down: Counter[str], report: Report
) -> Answer | None:
    report.asked += 1
    try:
        body = client.ask(service, request)
    except Unanswered as e:
        report.failed[str(request)] = str(e)
        down[service.name] = down[service.name] + 1 if e.down else 0
        if down[service.name] == _DOWN_IN_A_ROW:
            raise GiljabiError(
                f"{service.name} cannot be reached ({e}): run the same command again later; "
                "what was answered is kept."
            ) from None
        return None
    down[service.name] = 0
    return Answer(request, datetime.now(KOREA).date().isoformat(), body)


def _records(sweep: _Sweep, answers: Sequence[Answer], report: Report) -> list[dict[str, Any]]:
    """The records of places.json, nearest first."""
    finds: dict[str, dict[str, Found]] = {"kakao": {}, "naver": {}}
    unreadable: Counter[str] = Counter()
    located = sweep.located(answers)
    for answer in answers:
        for item in _items(answer):
            try:
                found = _found(sweep, answer, item, located)
            except Unreadable as e:
                unreadable[f"{answer.request.service} gave {e}"] += 1
                continue
            finds[answer.request.service].setdefault(found.id, found)
        if sweep.kakao and answer.request.service == sweep.kakao.name:
            report.cut += sweep.kakao.cut(answer)
        elif sweep.naver and answer.request.service == sweep.naver.name:
            full = answer.request.param("sort") == "random" and sweep.naver.full(answer)
            report.full_queries += full
    report.unreadable = dict(unreadable)
    every = _grouped(*(sorted(f.values(), key=lambda f: f.id) for f in finds.values()))
    groups = [group for group in every if _metres(sweep, group[0]) <= sweep.radius_m]
    groups.sort(key=lambda group: (_metres(sweep, group[0]), group[0].id))
    report.outside = len(every) - len(groups)
    report.places, report.merged = len(groups), sum(len(group) > 1 for group in groups)
    return [_record(group) for group in groups]


def _items(answer: Answer) -> Sequence[Any]:
    if answer.request.call in ("category", "keyword"):
        return list(answer.body["documents"])
    return list(answer.body["items"]) if answer.request.call == "local" else ()


def _found(
    sweep: _Sweep, answer: Answer, item: Any, located: Mapping[str, tuple[Point, str]]
) -> Found:
    if sweep.kakao and answer.request.service == sweep.kakao.name:
        return sweep.kakao.found(answer, item)
    assert sweep.naver is not None  # noqa: S101 -- an answer comes from a service in use
    return sweep.naver.found(answer, item, located)


def _metres(sweep: _Sweep, found: Found) -> float:
    return metres_between(sweep.centre, found.point)


def _bare(name: str) -> str:
    """A name as compared: "스타벅스(왕십리점)" and "스타벅스 왕십리점" are the same."""
    return _NOT_IN_NAMES.sub("", name).casefold()


def _grouped(kakao: Sequence[Found], naver: Sequence[Found]) -> list[list[Found]]:
    """One group a place: Kakao's finds, each with Naver's of the same name within 60 m."""
    groups = [[found] for found in kakao]
    by_name: dict[str, list[list[Found]]] = {}
    for group in groups:
        by_name.setdefault(_bare(group[0].name), []).append(group)
    for found in naver:
        near = [
            (metres_between(group[0].point, found.point), group[0].id, group)
            for group in by_name.get(_bare(found.name), ())
        ]
        metres, _, group = min(near, default=(SAME_PLACE_M + 1, "", []))
        if metres <= SAME_PLACE_M:
            group.append(found)
        else:
            groups.append([found])
    return groups


def _record(group: Sequence[Found]) -> dict[str, Any]:
    """One record; every field names its service, query and date."""
    first = group[0]
    sources = {
        "name": "; ".join(dict.fromkeys(found.source for found in group)),
        "kind": first.source,
        "point": first.point_source,
    }
    record: dict[str, Any] = {
        "id": first.id,
        "name": {"ko": first.name},
        "kind": {"ko": first.kind},
        "area": AREA,
        "point": {"lat": round(first.point.lat, 7), "lon": round(first.point.lon, 7)},
    }
    others = [f for f in group[1:] if f.name != first.name and len(f.name) <= 120]
    if others:
        record["aliases"] = list(dict.fromkeys(f.name for f in others))
        sources["aliases"] = others[0].source
    if first.metres is not None:
        record["distance_km"] = first.metres / 1000
        sources["distance_km"] = f"{first.source}: straight line from the centre"
    details: dict[str, dict[str, str]] = {}
    for key, values in (
        ("phone", [(f.phone, f.source) for f in group]),
        ("address", [(f.address, f.source) for f in group]),
        ("website", [(f.website, f.source) for f in group] + [(f.page, f.source) for f in group]),
    ):
        value, source = next((v for v in values if v[0]), ("", ""))
        if value:
            details[key] = {"ko": value}
            sources[f"details.{key}"] = source
    if details:
        record["details"] = details
    return record | {"sources": sources}


def _write_head(into: Path, name: str, origin: str) -> None:
    """A venue.toml to start from; its walks start at the place nearest to the centre."""
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", into.resolve().name).strip("-") or "venue"
    said = json.dumps(" ".join(name.split()), ensure_ascii=False).replace("\x7f", "")
    head = (
        f'format = 1\nid = "{slug}"\nname = {{ ko = {said} }}\n'
        f'origin = "{origin}"  # the place nearest to the centre\nlanguages = ["ko"]\n\n'
        f"[areas]\n{AREA} = {{ ko = {said} }}\n\n"
        "[sources]\n"
        'kakao = "Kakao local API: call, query and date"\n'
        'naver = "Naver local search API: call, query and date"\n'
    )
    unfinished = into / ".venue.toml.new"
    unfinished.write_text(head, "utf-8")
    unfinished.replace(into / "venue.toml")
