"""The venue read anew under load: all of the new one or all of the old one, never a part."""

from __future__ import annotations

import gc
import json
import re
import shutil
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from operated import TOKEN, operator_of, serving
from running import until
from scripted import VENUE, ScriptedGuide

from giljabi.answer.cites import Documents
from giljabi.answer.guide import Guide
from giljabi.documents.library import NAME, Library
from giljabi.documents.passage import Passage, Source
from giljabi.serve.current_guide import CurrentGuide
from giljabi.serve.reloading import RefusedVenueError, Reloader, ReloadingError
from giljabi.serve.voice import Voice
from giljabi.spoken import spoken
from giljabi.venue import folder

HOSPITAL = Path(__file__).parents[1] / "venues" / "hospital"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def edition(number):
    """The hospital's places; number, floor and feature of the reception are of one edition."""
    places = json.loads((HOSPITAL / "places.json").read_text("utf-8"))
    [desk] = [p for p in places if p["id"] == "reception"]
    desk |= {
        "code": f"70{number}",
        "inside": {"levels": [number]},
        "features": [{"ko": f"제{number}판", "en": f"edition {number}"}],
    }
    return json.dumps(places, ensure_ascii=False)


def editions_in(text):
    """The editions a text is of, by each of the three."""
    found = re.search(r"번호는 70(\d)번.* (\d)층.*제(\d)판", text)
    return set(found.groups()) if found else {text}


@pytest.fixture
def venue_dir(tmp_path):
    path = tmp_path / "venue"
    shutil.copytree(HOSPITAL, path)
    (path / "places.json").write_text(edition(1), "utf-8")
    return path


@pytest.fixture
def current(venue_dir):
    return CurrentGuide(Guide(folder.load(venue_dir)))


def test_what_was_mended_is_answered_from_then_on(venue_dir, current):
    reloader = Reloader(venue_dir, Guide)
    assert editions_in(current.answer("접수처 알려줘").text) == {"1"}
    (venue_dir / "places.json").write_text(edition(2), "utf-8")
    assert editions_in(current.answer("접수처 알려줘").text) == {"1"}
    done = reloader.reload(current)
    assert done.changed
    assert done.venue_hash == current.venue.hash == folder.digest(venue_dir)
    assert editions_in(current.answer("접수처 알려줘").text) == {"2"}
    assert not reloader.reload(current).changed


def test_documents_imported_meanwhile_are_a_change_too(venue_dir):
    def guide(venue):
        return Guide(venue, documents=Documents.of(venue_dir))

    current = CurrentGuide(guide(folder.load(venue_dir)))
    reloader = Reloader(venue_dir, guide)
    assert not reloader.reload(current).changed
    with Library(venue_dir / NAME, create=True) as library:
        passage = Passage("a.md#1", "a.md", ("규정",), "진료 기록은 10년 동안 보관한다.")
        library.put(Source("a.md", "규정", "0" * 64), [passage])
    assert reloader.reload(current).changed
    assert not reloader.reload(current).changed
    assert "10년" in current.answer("진료 기록은 몇 년 동안 보관하나요?").text


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("places.json", "[{", "places.json, line 1"),
        ("places.json", '[{"id": "x"}]', "places.json"),
        ("places.json", "[]", "origin main-door"),
        ("venue.toml", "id =", "venue.toml"),
        ("links.csv", "a,b\n1", "links.csv"),
        ("venue.toml", None, "venue.toml"),
    ],
)
def test_a_broken_folder_is_refused_with_its_finding_and_the_old_one_stays(
    venue_dir, current, file, text, said
):
    before = current.venue
    if text is None:
        (venue_dir / file).unlink()
    else:
        (venue_dir / file).write_text(text, "utf-8")
    with pytest.raises(RefusedVenueError, match=re.escape(said)):
        Reloader(venue_dir, Guide).reload(current)
    assert current.venue is before
    assert editions_in(current.answer("접수처 알려줘").text) == {"1"}


def test_a_venue_that_reads_well_and_contradicts_itself_is_refused_too(venue_dir, current):
    places = json.loads(edition(2))
    for place in places:
        if place["id"] in ("reception", "pharmacy"):
            other = {"reception": "pharmacy", "pharmacy": "reception"}[place["id"]]
            place["name"] = {"ko": "같은 이름", "en": "Same Name"}
            place["code"] = "700"
            place["neighbours"] = [{"name": "같은 이름", "side": "left", "place": other}]
    (venue_dir / "places.json").write_text(json.dumps(places), "utf-8")
    with pytest.raises(RefusedVenueError, match=r"places\.json"):
        Reloader(venue_dir, Guide).reload(current)
    assert editions_in(current.answer("접수처 알려줘").text) == {"1"}


def test_a_guide_that_cannot_be_made_is_refused(venue_dir, current):
    def no_such_kiosk(venue):
        return Guide(venue, origin="없는 곳")

    with pytest.raises(RefusedVenueError, match="없는 곳"):
        Reloader(venue_dir, no_such_kiosk).reload(current)


def test_one_reload_at_a_time(venue_dir, current):
    began, go_on = threading.Event(), threading.Event()

    def slowly(venue):
        began.set()
        assert go_on.wait(10)
        return Guide(venue)

    reloader = Reloader(venue_dir, slowly)
    with ThreadPoolExecutor(1) as other:
        first = other.submit(reloader.reload, current)
        assert began.wait(10)
        with pytest.raises(ReloadingError):
            reloader.reload(current)
        go_on.set()
        assert first.result(10).places == len(current.venue.places)


def test_the_old_guide_is_let_go_of(venue_dir, start):
    """It may hold a model: two at a time are for the moment of the exchange only."""
    current = CurrentGuide(Guide(folder.load(venue_dir)))
    server = start(answers=current, operator=operator_of(reloader=Reloader(venue_dir, Guide)))
    assert server.ask("접수처 알려줘").status_code == 200
    old = weakref.ref(current._guide)
    assert server.http.post("/admin/reload", headers=BEARER).status_code == 200
    until(lambda: gc.collect() >= 0 and old() is None)


def test_an_answer_that_has_begun_ends_with_the_guide_it_began_with():
    class Named(ScriptedGuide):
        def __init__(self, name):
            super().__init__(VENUE)
            self.name = name

        def stream(self, question, history=(), *, lang="auto", origin=None, cancel=None):
            yield self.name
            yield self.name

    current = CurrentGuide(Named("old"))
    said = current.stream("q")
    assert next(said) == "old"
    current.exchange(Named("new"))
    assert [next(said), *current.stream("q")] == ["old", "new", "new"]


def test_under_load_every_answer_is_of_one_edition_and_none_is_lost(start, venue_dir):
    """Half-written folders among whole ones, reloads without end, four visitors asking."""
    operator = operator_of(reloader=Reloader(venue_dir, Guide))
    server = start(answers=Guide(folder.load(venue_dir)), operator=operator)
    texts = [edition(n) for n in (1, 2, 3)]
    done = threading.Event()
    outcomes = []

    def rewrite():
        with httpx.Client(base_url=server.url, headers=BEARER, timeout=30) as http:
            for n in range(24):
                text = texts[n % 3]
                if n % 4 == 3:
                    text = text[: len(text) // 2]
                (venue_dir / "places.json").write_text(text, "utf-8")
                outcomes.append(http.post("/admin/reload").status_code)
        done.set()

    def visit(lane):
        seen = []
        with httpx.Client(base_url=server.url, timeout=30) as http:
            while not done.is_set():
                reply = http.post("/answer", json={"prompt": "접수처 알려줘", "conversation": lane})
                assert reply.status_code == 200
                seen.append(frozenset(editions_in(reply.json()["result"])))
                place = http.get("/v1/places/reception").json()
                levels, [feature] = place["inside"]["levels"], place["features"]
                assert feature["ko"] == f"제{levels[0]}판"
                assert place["code"] == f"70{levels[0]}"
        return seen

    with ThreadPoolExecutor(5) as crowd:
        visits = [crowd.submit(visit, f"v{n}") for n in range(4)]
        crowd.submit(rewrite).result()
        seen = [edition for lane in visits for edition in lane.result()]
    assert {len(e) for e in seen} == {1}
    assert set().union(*seen) <= {"1", "2", "3"}
    assert len(set(seen)) > 1  # it did change under them
    assert outcomes.count(409) == 6
    assert outcomes.count(200) == 18


def test_the_buttons_answer_tells_the_finding_on_the_page(start, venue_dir):
    operator = operator_of(reloader=Reloader(venue_dir, Guide))
    server = start(answers=Guide(folder.load(venue_dir)), operator=operator)
    with httpx.Client(base_url=server.url, headers={"Origin": server.url}, timeout=20) as browser:
        browser.post("/admin/login", data={"token": TOKEN})
        browser.post("/admin/reload?lang=en")
        assert "places read" in browser.get("/admin?lang=en").text
        assert "places read" not in browser.get("/admin?lang=en").text  # said once
        (venue_dir / "places.json").write_text("[{", "utf-8")
        browser.post("/admin/reload?lang=en")
        page = browser.get("/admin?lang=en").text
    assert "Not reloaded: " in page
    assert "places.json, line 1" in page


def test_two_operators_are_each_told_of_their_own_button(start, venue_dir):
    operator = operator_of(reloader=Reloader(venue_dir, Guide))
    server = start(answers=Guide(folder.load(venue_dir)), operator=operator)
    one, other = (
        httpx.Client(base_url=server.url, headers={"Origin": server.url}, timeout=20)
        for _ in range(2)
    )
    with one, other:
        for browser in (one, other):
            browser.post("/admin/login", data={"token": TOKEN})
        one.post("/admin/reload?lang=en")
        (venue_dir / "places.json").write_text("[{", "utf-8")
        other.post("/admin/reload?lang=en")
        mine, others = (b.get("/admin?lang=en").text for b in (one, other))
    assert "places read" in mine
    assert "Not reloaded: " not in mine
    assert "Not reloaded: " in others


def test_a_served_folder_is_reloaded_without_a_restart(venue_dir, tmp_path):
    options = (
        "--model",
        "none",
        "--venue",
        str(venue_dir),
        "--memory",
        f"sqlite:///{tmp_path / 'm.db'}",
    )
    with serving(*options) as (_, base), httpx.Client(base_url=base, timeout=20) as http:
        ask = lambda: http.post("/answer", json={"prompt": "접수처 알려줘"}).json()["result"]  # noqa: E731
        assert editions_in(ask()) == {"1"}
        (venue_dir / "places.json").write_text(edition(3), "utf-8")
        reply = http.post("/admin/reload", headers=BEARER)
        assert reply.status_code == 200, reply.text
        assert reply.json()["venue_hash"] == http.get("/healthz").json()["venue_hash"]
        assert editions_in(ask()) == {"3"}
        (venue_dir / "places.json").write_text("nonsense", "utf-8")
        reply = http.post("/admin/reload", headers=BEARER)
        assert (reply.status_code, reply.json()["error"]["code"]) == (409, "venue_refused")
        assert "places.json" in reply.json()["error"]["message"]
        assert editions_in(ask()) == {"3"}


@pytest.mark.filterwarnings(r"ignore:connect\(\) must be used:DeprecationWarning")
def test_names_are_said_as_the_venue_of_the_moment_says(start, venue_dir):
    for module in ("numpy", "soxr", "soundfile", "websockets"):
        pytest.importorskip(module, reason="needs the extra voice")
    from live import live
    from scripted_voice import ScriptedEar, ScriptedListener, ScriptedMouth

    mouth = ScriptedMouth()
    voice = Voice(ScriptedEar(), mouth, ScriptedListener, spoken)
    operator = operator_of(reloader=Reloader(venue_dir, Guide))
    server = start(answers=Guide(folder.load(venue_dir)), voice=voice, operator=operator)

    def said(read_aloud, question):
        mouth.said.clear()
        body = {"model": "giljabi", "voice": "alloy", "input": read_aloud}
        assert server.http.post("/v1/audio/speech", json=body).status_code == 200
        talk.write(question)
        talk.until("response.done")
        return " ".join(text for text, _ in mouth.said)

    with live(server) as talk:  # open from before the reload until after it
        before = said("MRI실입니다.", "MRI실 어디야?")
        assert before.count("엠알아이") >= 2
        head = venue_dir / "venue.toml"
        head.write_text(head.read_text("utf-8").replace("엠알아이", "자기공명"), "utf-8")
        assert server.http.post("/admin/reload", headers=BEARER).status_code == 200
        after = said("MRI실입니다.", "MRI실 어디야?")
    assert after == before.replace("엠알아이", "자기공명")
