"""A guide that says what it is told to, at the speed it is told to; no model, no data."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace

from giljabi.answer.facts import Fact
from giljabi.errors import GiljabiError
from giljabi.venue.place import (
    Correction,
    Floors,
    Inside,
    Neighbour,
    Place,
    Point,
    Text,
    Transit,
    Venue,
)  # fmt: skip

GATE = Place(
    "104", Text("애지문", "Aejimun"), Text("정문", "gate"), "campus", point=Point(37.5, 127)
)
LIBRARY = Place(
    "105", Text("백남학술정보관(도서관)", "Paiknam Library"), Text("도서관", "library"), "campus",
    code="203", aliases=("중도", "도서관"), floors=Floors(5, 1, Text("지하 포함")),
    inside=Inside(None, (-1, 2)), features=(Text("열람실", "reading room"),), minutes=7,
    distance_km=0.5, neighbours=(Neighbour("애지문", "down", "104"),),
    transit=Transit("bus", ("2012",), Text("왕십리역"), Text("한양대"), walk_minutes=3),
    details={"hours": Text("9시-21시")}, sources={"minutes": "campus.json"},
    corrections=(Correction("minutes", 9, "measured", "us"),),
)  # fmt: skip
VENUE = Venue(
    "toy", Text("장난감 캠퍼스", "Toy Campus"), "104", ("ko", "en"), (GATE, LIBRARY), hash="abc"
)
FACT = Fact("f1", "minutes", "105", 7, "minute", "104", True, "campus.json")


@dataclass(frozen=True)
class Answer:
    text: str
    outcome: str = "found"
    places: tuple[str, ...] = ("105",)
    facts: tuple[Fact, ...] = (FACT,)
    line: tuple[tuple[float, float], ...] | None = None
    guessed: tuple[bool, ...] = ()
    stops: tuple[str, ...] = ()
    minutes: float | None = 7.0
    lang: str = "ko"
    written_by: str = "template"
    timings: dict = field(default_factory=lambda: {"total": 0.1})
    dropped: tuple[tuple[str, str], ...] = ()

    def to_json(self):
        return {
            "answer": self.text, "lang": "ko", "outcome": self.outcome, "written_by": "template",
            "slot": "way", "places": list(self.places),
            "facts": [
                {"id": f.id, "kind": f.kind, "subject": f.subject, "value": f.value,
                 "unit": f.unit, "object": f.object, "estimated": f.estimated, "source": f.source}
                for f in self.facts
            ],
            "verdict": {"ok": True, "claims": []},
            "line": self.line and [list(p) for p in self.line],
            "guessed": list(self.guessed), "stops": list(self.stops),
            "timings": {"total": 0.1}, "minutes": self.minutes,
        }  # fmt: skip


@dataclass
class ScriptedGuide:
    """Echoes the question and the history; 느리게 is slow, 고장 breaks, 거절 is refused."""

    venue: Venue = VENUE
    slow_s: float = 30.0
    started: int = 0
    cancelled: int = 0
    histories: list = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    gate: threading.Event = field(default_factory=threading.Event)

    def _sentences(self, question, history, cancel):
        with self.lock:
            self.started += 1
            self.histories.append((question, tuple(history)))
        if "고장" in question:
            raise RuntimeError(f"a bug that quotes {question}")
        if "거절" in question:
            raise GiljabiError("The model is not there.")
        yield f"질문은 {question}입니다. "
        if "느리게" in question:
            until = time.monotonic() + self.slow_s
            while time.monotonic() < until and not self.gate.is_set():
                if cancel is not None and cancel():
                    with self.lock:
                        self.cancelled += 1
                    return
                time.sleep(0.01)
        if "도중" in question:
            raise RuntimeError("in the middle")
        if "길게" in question:
            for n in range(2000):
                yield f"문장 {n}. " * 40
        yield f"앞선 질문은 {[t.question for t in history]}입니다."

    def answer(self, question, history=(), *, lang="auto", origin=None, cancel=None):
        return Answer("".join(self._sentences(question, history, cancel)))

    def stream(self, question, history=(), *, lang="auto", origin=None, cancel=None):
        if "빈" in question:
            yield Answer("문장이 없습니다.")
            return
        said = []
        for sentence in self._sentences(question, history, cancel):
            said.append(sentence)
            yield sentence
        yield Answer("".join(said))

    @property
    def knows(self):
        return self.venue.hash

    @property
    def here(self):
        return self.venue.origin

    def find_place(self, name):
        return next(p.id for p in self.venue.places if name in (p.name.ko, p.name.en))

    def route(self, a, b, *, step_free=False, lang="auto"):
        base = Answer(f"{a}에서 {b}까지 7분입니다.", line=((127.0, 37.5), (127.1, 37.6)))
        if b == "없는곳":
            return replace(base, text="그런 곳은 없습니다.", outcome="no_such_place", places=())
        return replace(base, line=None) if step_free else base


class ScriptedTalk:
    """A plain conversation partner that repeats its system text."""

    def __init__(self, system="기본"):
        self.system = system

    def stream(self, question, history=(), *, cancel=None):
        yield f"[{self.system}] "
        yield question
