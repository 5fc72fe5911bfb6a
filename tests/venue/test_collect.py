from __future__ import annotations

import itertools
import json
import logging
import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import map_services
import pytest
from hypothesis import given
from hypothesis import strategies as st
from map_services import CENTRE, Fault, MapServices

from giljabi.errors import GiljabiError
from giljabi.venue import collect, folder
from giljabi.venue.collect import KakaoKeys, NaverKeys, Patience, Report
from giljabi.venue.crawl import Answer, Journal
from giljabi.venue.graph import metres_between
from giljabi.venue.kakao import CATEGORIES, Kakao
from giljabi.venue.place import Point

QUERIES = ("해달로 카페", "해달로 음식점", "해달로 약국")
SECRETS = (
    map_services.KAKAO_KEY,
    map_services.NAVER_SECRET,
    map_services.NAVER_ID,
    map_services.MAPS_KEY,
)
QUICK = Patience(tries=5, first_wait_s=0.01, longest_wait_s=5, timeout_s=5)

Collect = Callable[..., Report]


@pytest.fixture
def services() -> Iterator[MapServices]:
    with map_services.serve(map_services.town()) as running:
        yield running


@pytest.fixture
def run(services: MapServices, tmp_path: Path) -> Collect:
    """One collection of both services, 1 km around the centre, against the stand-in."""

    def start(**options: Any) -> Report:
        options = {
            "into": tmp_path / "town", "radius_m": 1000, "kakao": kakao(services), "naver": naver(services),
            "queries": QUERIES, "rate": 2000, "patience": QUICK, "name": "해달마을",
        } | options  # fmt: skip
        return collect.run(CENTRE, options.pop("radius_m"), options.pop("into"), **options)

    return start


def kakao(services: MapServices, key: str = map_services.KAKAO_KEY) -> KakaoKeys:
    return KakaoKeys(key, services.url)


def naver(services: MapServices, **options: Any) -> NaverKeys:
    pair = (map_services.NAVER_ID, map_services.NAVER_SECRET)
    urls = {"base_url": services.url, "hub_url": services.url, "maps_url": services.url}
    return NaverKeys(*pair, **(urls | options))


def records(into: Path) -> dict[str, dict[str, Any]]:
    return {r["id"]: r for r in folder.checked_places(into / "places.json")}


# What is collected


def test_every_place_within_the_radius_is_found_and_none_beyond(
    run: Collect, services: MapServices, tmp_path: Path
) -> None:
    report = run()
    near = {
        f"k{900_000 + s.number}" for s in services.spots if metres_between(CENTRE, s.point) <= 1000
    }
    found = records(tmp_path / "town")
    assert {i for i in found if i.startswith("k")} == near
    assert report.places == len(found)
    assert report.outside > 0
    assert (report.cut, report.failed) == (0, {})


def test_the_folder_loads_as_a_venue(run: Collect, tmp_path: Path) -> None:
    run(name='해달 "마을"')
    venue = folder.load(tmp_path / "town")
    assert venue.name.ko == '해달 "마을"'
    distances = [metres_between(CENTRE, p.point) for p in venue.places if p.point]
    assert distances == sorted(distances)
    assert venue.origin == venue.places[0].id


def test_no_distance_is_recorded_of_where_walks_start(run: Collect, tmp_path: Path) -> None:
    run()
    first, second, *_ = (town := records(tmp_path / "town"))
    head = (tmp_path / "town" / "venue.toml").read_text("utf-8")
    assert (town[first].keys() | town[first]["sources"].keys()).isdisjoint(
        {"minutes", "distance_km"}
    )
    assert town[second]["distance_km"] > 0
    moved = head.replace(f'origin = "{first}"', f'origin = "{second}"')
    (tmp_path / "town" / "venue.toml").write_text(moved, "utf-8")
    run()
    town = records(tmp_path / "town")
    assert "distance_km" not in town[second]
    assert town[first]["distance_km"] >= 0


def test_a_venue_toml_that_is_there_stays(run: Collect, tmp_path: Path) -> None:
    (tmp_path / "town").mkdir()
    (tmp_path / "town" / "venue.toml").write_text("# mine\n")
    run()
    assert (tmp_path / "town" / "venue.toml").read_text() == "# mine\n"


def test_places_json_of_another_origin_is_not_overwritten(run: Collect, tmp_path: Path) -> None:
    (tmp_path / "town").mkdir()
    (tmp_path / "town" / "places.json").write_text("[]")
    with pytest.raises(GiljabiError, match="was not collected here"):
        run()


def test_a_record_names_service_query_and_date_of_every_field(
    run: Collect, services: MapServices, tmp_path: Path
) -> None:
    run(naver=None, queries=())
    (line, *_) = (tmp_path / "town" / "collect.jsonl").read_text("utf-8").splitlines()
    date = json.loads(line)["date"]
    spot = min(
        (s for s in services.spots if s.code == "CE7"),
        key=lambda s: metres_between(CENTRE, s.point),
    )
    record = records(tmp_path / "town")[f"k{900_000 + spot.number}"]
    source = f"kakao category CE7 {date}"
    assert record["kind"] == {"ko": "커피전문점"}
    assert record["details"]["phone"] == {"ko": f"02-2220-{spot.number:04}"}
    assert record["distance_km"] == round(metres_between(CENTRE, spot.point)) / 1000
    assert record["sources"] == {
        "name": source, "kind": source, "point": source, "distance_km": f"{source}: straight line from the centre",
        "details.phone": source, "details.address": source, "details.website": source,
    }  # fmt: skip
    assert "minutes" not in record


def test_a_chains_own_name_is_no_kind(run: Collect, tmp_path: Path) -> None:
    run(naver=None, queries=())
    stores = [r for r in records(tmp_path / "town").values() if r["name"]["ko"].startswith("씨유")]
    assert {r["kind"]["ko"] for r in stores} == {"편의점"}


def test_the_same_place_at_both_services_is_one_record_with_both_sources(
    run: Collect, tmp_path: Path
) -> None:
    report = run()
    found = records(tmp_path / "town").values()
    both = [r for r in found if "kakao" in r["sources"]["name"] and "naver" in r["sources"]["name"]]
    assert len(both) == report.merged > 0
    assert all(r["id"].startswith("k") for r in both)
    branch = next(r for r in both if "(" in r["aliases"][0])
    assert branch["aliases"][0].replace("(", " ").rstrip(")") == branch["name"]["ko"]
    assert not any(
        "<b>" in json.dumps(r, ensure_ascii=False) or "&amp;" in json.dumps(r) for r in found
    )


def test_a_name_that_differs_is_another_place(run: Collect, tmp_path: Path) -> None:
    run()
    own = [r for r in records(tmp_path / "town").values() if r["id"].startswith("v")]
    assert own
    assert all(r["name"]["ko"].endswith("& 벗") for r in own)


@pytest.mark.parametrize("maps", [True, False])
def test_old_katec_coordinates_are_refused_and_the_address_is_looked_up(
    run: Collect, services: MapServices, tmp_path: Path, maps: bool
) -> None:
    keys = {"maps_key_id": map_services.MAPS_ID, "maps_key": map_services.MAPS_KEY} if maps else {}
    run(naver=naver(services, **keys))
    katec = next(s for s in services.spots if s.katec)
    (record,) = [
        r for r in records(tmp_path / "town").values() if r["name"]["ko"] == f"{katec.name} & 벗"
    ]
    assert record["point"] == {"lat": katec.point.lat, "lon": katec.point.lon}
    assert record["sources"]["point"].startswith("naver maps geocode" if maps else "kakao address")


def test_without_a_geocoder_a_place_without_coordinates_is_counted_not_guessed(
    run: Collect,
) -> None:
    report = run(kakao=None)
    assert report.unreadable == {"naver gave coordinates that are not WGS84 × 10⁷ in Korea": 1}


def test_naver_api_hub_gives_the_same_places(
    run: Collect, services: MapServices, tmp_path: Path
) -> None:
    run(kakao=None, into=tmp_path / "plain")
    run(kakao=None, naver=naver(services, hub=True), into=tmp_path / "hub")
    assert any(t.startswith("/search/v1/local?") for t in services.asked)
    assert records(tmp_path / "hub") == records(tmp_path / "plain")


# Nothing is silently cut


def test_a_full_search_is_cut_into_quarters_until_all_is_shown(
    run: Collect, services: MapServices
) -> None:
    run(naver=None, queries=())
    food = [t for t in services.asked if "category_group_code=FD6" in t]
    assert sum("rect=" in t for t in food) >= 4
    assert not any("page=2" in t and "radius=" in t for t in food)


def test_what_no_search_can_show_is_counted_and_said(tmp_path: Path) -> None:
    with map_services.serve(map_services.crowd(60)) as services:
        report = collect.run(
            CENTRE, 100, tmp_path, kakao=kakao(services), naver=None, queries=(), rate=2000
        )
    assert report.places == 45
    assert report.cut > 0
    assert any(f"{report.cut} places stay hidden" in s for s in report.sentences())


def test_a_full_naver_query_is_asked_in_both_orders_and_said(
    run: Collect, services: MapServices
) -> None:
    report = run(kakao=None)
    assert Counter(t.split("sort=")[1].split("&")[0] for t in services.asked) == {
        "random": 3,
        "comment": 3,
    }
    assert report.full_queries == 3
    assert any("3 Naver queries" in s for s in report.sentences())


@given(st.floats(0, math.tau), st.floats(0, 1), st.sampled_from([50, 1000, 20_000]))
def test_the_quarters_leave_no_point_of_the_circle_out(
    angle: float, part: float, radius_m: int
) -> None:
    search = Kakao(KakaoKeys("k"), CENTRE, radius_m)
    full = {"total_count": 46, "pageable_count": 45, "documents": []}
    quarters = search.follow_ups(Answer(search.searches(())[0], "2026-11-21", full))
    quarters += [r for q in quarters for r in search.follow_ups(Answer(q, "2026-11-21", full))]
    up = part * radius_m / 111_195.1
    lat = CENTRE.lat + up * math.sin(angle)
    lon = CENTRE.lon + up * math.cos(angle) / math.cos(math.radians(CENTRE.lat))
    rects = [
        [float(v) for v in (q.param("rect") or "").split(",")] for q in quarters[4:] or quarters
    ]
    assert any(x0 <= lon <= x1 and y0 <= lat <= y1 for x0, y0, x1, y1 in rects)


# Asking politely


def test_one_connection_and_no_more_than_the_rate(run: Collect, services: MapServices) -> None:
    started = time.monotonic()
    report = run(naver=None, queries=(), radius_m=100, rate=50)
    assert services.connections == 1
    assert report.asked == len(services.asked) >= len(CATEGORIES)
    assert time.monotonic() - started >= (report.asked - 1) / 50


def test_retry_after_is_kept_to(run: Collect, services: MapServices) -> None:
    services.faults[3] = map_services.SLOW_DOWN
    started = time.monotonic()
    report = run(naver=None, queries=())
    assert time.monotonic() - started >= 1
    assert report.failed == {}


def test_a_long_retry_after_stops_with_the_time_to_go_on(
    run: Collect, services: MapServices
) -> None:
    services.faults[3] = Fault(429, "{}", (("Retry-After", "7200"),))
    with pytest.raises(
        GiljabiError, match=r"kakao asks to wait until \d{4}-\d\d-\d\d \d\d:\d\d Korean time"
    ):
        run()


@pytest.mark.parametrize(
    "fault",
    [map_services.BROKEN, Fault(503, "busy"), Fault(429, "{}"), Fault(400, '{"code":-7,"msg":"maintenance"}'), map_services.HTML,
     map_services.HALF, Fault(stall=0.3)],
)  # fmt: skip
def test_a_passing_trouble_costs_nothing_but_a_retry(
    run: Collect, services: MapServices, tmp_path: Path, fault: Fault
) -> None:
    calm = run(into=tmp_path / "calm")
    services.asked.clear()
    services.faults[4] = fault
    patience = Patience(first_wait_s=0.01, timeout_s=0.2) if fault.stall else QUICK
    report = run(patience=patience)
    assert report.failed == {}
    assert report.places == calm.places
    assert (tmp_path / "town" / "places.json").read_bytes() == (
        tmp_path / "calm" / "places.json"
    ).read_bytes()


@pytest.mark.parametrize(
    ("fault", "times", "reason"),
    [
        (map_services.HTML, 2, "unreadable answer: not a JSON object"),
        (map_services.HALF, 2, "unreadable answer: meta or documents is missing"),
        (Fault(200, '["\\ud800"]'), 2, "unreadable answer: not a JSON object"),
        (
            Fault(200, '{"meta": {"total_count": "\\ud800"}}'),
            2,
            "unreadable answer: not a JSON object",
        ),
        (map_services.BROKEN, 5, "HTTP 500, 5 tries"),
        (Fault(400, '{"errorType":"InvalidArgument","message":"no"}'), 1, "HTTP 400 no"),
    ],
)
def test_a_lasting_trouble_fails_one_request_with_its_reason_and_a_later_run_mends_it(
    run: Collect, services: MapServices, fault: Fault, times: int, reason: str
) -> None:
    services.faults = dict.fromkeys(range(4, 4 + times), fault)
    report = run(naver=None, queries=())
    assert list(report.failed.values()) == [reason]
    services.faults.clear()
    services.asked.clear()
    again = run(naver=None, queries=())
    assert again.failed == {}
    assert set(services.answered.values()) == {1}


def test_a_service_that_is_down_stops_the_run(run: Collect, services: MapServices) -> None:
    services.fault_from = (5, map_services.BROKEN)
    with pytest.raises(
        GiljabiError, match=r"kakao cannot be reached .* run the same command again later"
    ):
        run()
    assert len(services.asked) == 4 + 3 * QUICK.tries


@pytest.mark.parametrize(
    ("fault", "service"),
    [
        (map_services.KAKAO_SPENT, "kakao"),
        (map_services.NAVER_SPENT, "naver"),
        (Fault(429, "{}"), "kakao"),
    ],
)
def test_a_spent_quota_stops_and_the_next_run_asks_only_the_rest(
    run: Collect, services: MapServices, tmp_path: Path, fault: Fault, service: str
) -> None:
    only = {"naver": None} if service == "kakao" else {"kakao": None}
    services.fault_from = (5, fault)
    with pytest.raises(
        GiljabiError,
        match=rf"{service}'s quota is used up .* again on \d{{4}}-\d\d-\d\d Korean time",
    ):
        run(**only)
    services.fault_from = None
    report = run(**only)
    assert report.from_journal == 4
    assert set(services.answered.values()) == {1}
    run(**only, into=tmp_path / "calm")
    assert (tmp_path / "town" / "places.json").read_bytes() == (
        tmp_path / "calm" / "places.json"
    ).read_bytes()


# Keys


@pytest.mark.parametrize(
    ("wrong", "variable"),
    [
        ({"kakao": "0123-wrong-key"}, "KAKAO_REST_API_KEY"),
        ({"kakao": None, "naver": {}}, "NAVER_CLIENT_ID and NAVER_CLIENT_SECRET"),
        ({"kakao": None, "naver": {"hub": True}}, "NAVER_API_HUB_CLIENT_ID"),
    ],
)
def test_a_refused_key_stops_at_once_and_names_the_variable(
    run: Collect, services: MapServices, wrong: dict[str, Any], variable: str
) -> None:
    given = {
        "kakao": kakao(services, wrong["kakao"]) if wrong["kakao"] else None,
        "naver": NaverKeys("0123-wrong-key", "0123-wrong-key", base_url=services.url, hub_url=services.url, **wrong.get("naver", {})),
    }  # fmt: skip
    with pytest.raises(GiljabiError, match=variable) as refused:
        run(**given)
    assert "wrong-key" not in str(refused.value)
    assert len(services.asked) == 1


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"NAVER_CLIENT_ID": "a"}, "NAVER_CLIENT_SECRET is not set"),
        ({"NAVER_MAPS_KEY": "a"}, "NAVER_MAPS_KEY_ID is not set"),
        ({"NAVER_API_HUB_CLIENT_SECRET": "a"}, "NAVER_API_HUB_CLIENT_ID is not set"),
    ],
)
def test_half_a_pair_of_keys_names_the_other_half(env: dict[str, str], said: str) -> None:
    with pytest.raises(GiljabiError, match=said):
        NaverKeys.from_env(env)


def test_no_key_at_all_names_the_variables(run: Collect) -> None:
    assert KakaoKeys.from_env({}) is None
    assert NaverKeys.from_env({}) is None
    with pytest.raises(GiljabiError, match="set KAKAO_REST_API_KEY, or NAVER_API_HUB_CLIENT_ID"):
        run(kakao=None, naver=None)


def test_a_key_no_header_can_carry_is_named_and_not_shown(
    run: Collect, services: MapServices
) -> None:
    with pytest.raises(GiljabiError, match="check KAKAO_REST_API_KEY") as refused:
        run(kakao=kakao(services, "열쇠\n"))
    assert "열쇠" not in str(refused.value)
    assert services.asked == []


def test_no_key_is_ever_written_or_logged(
    run: Collect, services: MapServices, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys = naver(services, maps_key_id=map_services.MAPS_ID, maps_key=map_services.MAPS_KEY)
    with caplog.at_level(logging.DEBUG):
        report = run(naver=keys)
    written = "".join(p.read_text("utf-8") for p in (tmp_path / "town").iterdir())
    for secret in SECRETS:
        assert secret not in written + caplog.text + repr(report) + repr(keys) + repr(
            kakao(services)
        )


# Going on


def test_a_second_run_asks_nothing_and_writes_the_same_bytes(
    run: Collect, services: MapServices, tmp_path: Path
) -> None:
    first = run()
    before = (tmp_path / "town" / "places.json").read_bytes()
    asked = len(services.asked)
    second = run()
    assert len(services.asked) == asked == first.asked == second.from_journal
    assert (tmp_path / "town" / "places.json").read_bytes() == before


CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from giljabi.venue import collect
from giljabi.venue.place import Point
url = sys.argv[1]
collect.run(
    Point({lat}, {lon}), 1000, Path(sys.argv[2]), kakao=collect.KakaoKeys({kakao!r}, url),
    naver=collect.NaverKeys({id!r}, {secret!r}, base_url=url), queries={queries!r}, rate=2000, name="해달마을",
)
"""


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_goes_on_and_asks_nothing_twice(
    run: Collect, services: MapServices, tmp_path: Path, kill: signal.Signals
) -> None:
    services.faults[25] = Fault(stall=30)
    code = CHILD.format(
        lat=CENTRE.lat, lon=CENTRE.lon, kakao=map_services.KAKAO_KEY, id=map_services.NAVER_ID,
        secret=map_services.NAVER_SECRET, queries=QUERIES,
    )  # fmt: skip
    source = str(Path(collect.__file__).parents[2])
    child = subprocess.Popen(
        [sys.executable, "-c", code, services.url, str(tmp_path / "town"), source],
        stderr=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if "proxy" not in k.lower()},
    )
    assert services.stalled.wait(30)
    child.send_signal(kill)
    assert child.wait(30) != 0
    assert not (tmp_path / "town" / "places.json").exists()
    unanswered = services.asked[24]

    report = run()
    assert report.from_journal == 24
    assert set(services.answered.values()) == {1}
    assert [t for t, n in Counter(services.asked).items() if n > 1] == [unanswered]
    run(into=tmp_path / "calm")
    assert (tmp_path / "town" / "places.json").read_bytes() == (
        tmp_path / "calm" / "places.json"
    ).read_bytes()


@pytest.mark.parametrize(
    "torn",
    [b'{"service": "kak', '{"service": "가'.encode()[:-1], b'{"service": "kak\n', b"\0\0\0\0"],
)
def test_a_torn_last_line_is_dropped(
    run: Collect, services: MapServices, tmp_path: Path, torn: bytes
) -> None:
    run()
    journal = tmp_path / "town" / "collect.jsonl"
    whole = journal.read_bytes()
    asked = len(services.asked)
    journal.write_bytes(whole + torn)
    run()
    assert len(services.asked) == asked
    assert journal.read_bytes() == whole


def test_a_bad_line_in_the_middle_is_named(run: Collect, tmp_path: Path) -> None:
    run()
    journal = tmp_path / "town" / "collect.jsonl"
    journal.write_bytes(b"nonsense\n" + journal.read_bytes())
    with pytest.raises(GiljabiError, match=r"collect\.jsonl, line 1: not a line of this journal"):
        run()


def test_a_dry_run_counts_and_asks_nothing(
    run: Collect, services: MapServices, tmp_path: Path
) -> None:
    assert run(dry_run=True).planned == len(CATEGORIES) + 2 * len(QUERIES)
    assert services.asked == []
    assert not (tmp_path / "town").exists()
    run()
    assert run(dry_run=True).planned == 0


def test_progress_ends_with_everything_known_done(run: Collect) -> None:
    heard: list[tuple[int, int]] = []
    run(progress=lambda done, known: heard.append((done, known)))
    assert heard[-1][0] == heard[-1][1] == len(heard)
    assert all(a[0] < b[0] and a[1] <= b[1] for a, b in itertools.pairwise(heard))


def test_nothing_found_is_an_error_not_an_empty_venue(
    services: MapServices, tmp_path: Path
) -> None:
    with pytest.raises(GiljabiError, match="No place within 100 m"):
        collect.run(
            Point(35.1, 129.0),
            100,
            tmp_path,
            kakao=kakao(services),
            naver=None,
            queries=(),
            rate=2000,
        )
    assert not (tmp_path / "places.json").exists()


def test_two_collections_into_one_folder_do_not_mix(run: Collect, tmp_path: Path) -> None:
    with (
        Journal(tmp_path / "town" / "collect.jsonl"),
        pytest.raises(GiljabiError, match="another collection"),
    ):
        run()
