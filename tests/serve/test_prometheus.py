"""What Prometheus is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from operated import TOKEN, operator_of
from prometheus_client.parser import text_string_to_metric_families
from running import until
from scripted import ScriptedGuide, ScriptedTalk

from giljabi.answer.guide import MODEL_BUSY, Guide

BEARER = {"Authorization": f"Bearer {TOKEN}"}
SECRET = "비밀스러운 질문"


class Drafting(ScriptedGuide):
    """A model drafted: one sentence failed, the model was busy once, one waited for it."""

    def answer(self, question, history=(), *, lang="auto", origin=None, cancel=None):
        dropped = ((f"{question}은 9층입니다.", "a number …"), ("", MODEL_BUSY))
        base = super().answer(question, history)
        if "둘" in question:
            return base
        return replace(base, written_by="mixed", dropped=dropped, timings={"wait": 700.0})

    def stream(self, question, history=(), *, lang="auto", origin=None, cancel=None):
        yield self.answer(question, history)


def told(server, **headers):
    """Samples by name and labels."""
    reply = server.http.get("/metrics", headers=headers)
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(reply.text)
    return {(s.name, *sorted(s.labels.items())): s.value for f in families for s in f.samples}


def test_they_are_off_unless_asked_for(shared):
    assert shared.http.get("/metrics").status_code == 404


def test_answers_are_counted_by_outcome_writer_and_door(start):
    server = start(answers=Drafting(), metrics=True)
    for _ in range(3):
        server.ask("하나")
    body = {"model": "giljabi", "messages": [{"role": "user", "content": "둘"}]}
    server.http.post("/v1/chat/completions", json=body)
    server.http.get("/v1/route", params={"from": "애지문", "to": "없는곳"})
    seen = told(server)
    count = "giljabi_answers_total"
    door, outcome, writer = ("door", "text"), ("outcome", "found"), ("writer", "mixed")
    assert seen[count, door, outcome, writer] == 3
    assert seen[count, door, outcome, ("writer", "template")] == 1
    lost = ("outcome", "no_such_place")
    assert seen[count, ("door", "route"), lost, ("writer", "template")] == 1
    assert seen["giljabi_answer_seconds_count", writer] == 3
    assert seen[("giljabi_checks_failed_total",)] == 3
    assert seen[("giljabi_model_busy_total",)] == 3
    assert seen["giljabi_model_wait_seconds_bucket", ("le", "0.5")] == 0
    assert seen["giljabi_model_wait_seconds_bucket", ("le", "1.0")] == 3


def test_the_queue_and_who_was_turned_away_are_told(start):
    guide = ScriptedGuide()
    server = start(answers=guide, metrics=True, workers=1, queue=0)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as other:
        slow = other.submit(server.ask, "느리게")
        until(lambda: guide.started == 1)
        assert server.ask("하나").status_code == 429
        seen = told(server)
        guide.gate.set()
        assert slow.result().status_code == 200
    assert seen[("giljabi_answers_running",)] == 1
    assert seen[("giljabi_answers_waiting",)] == 0
    assert seen[("giljabi_turned_away_total",)] == 1
    assert seen[("process_resident_memory_bytes",)] > 1 << 20


def test_nothing_of_a_question_is_among_them_and_labels_stay_few(start):
    server = start(answers=Drafting(), metrics=True)
    server.ask("하나")
    before = told(server).keys()
    for n in range(30):
        server.ask(f"{SECRET} {n}", conversation=f"c{n}")
    assert told(server).keys() == before
    assert SECRET not in server.http.get("/metrics").text


def test_where_there_is_an_operator_they_want_the_token(start):
    server = start(operator=operator_of(), metrics=True)
    assert server.http.get("/metrics").status_code == 401
    assert told(server, **BEARER)[("giljabi_answers_waiting",)] == 0


def test_plain_chat_tells_of_its_queue(start):
    server = start(answers=ScriptedTalk(), metrics=True)
    server.ask("하나")
    until(lambda: told(server)[("giljabi_answers_running",)] == 0)


def test_a_real_guide_without_a_model_waits_for_none(start, hanyang):
    server = start(answers=Guide(hanyang), metrics=True)
    server.ask("국제관 몇 층이야?")
    seen = told(server)
    assert seen[("giljabi_model_wait_seconds_count",)] == 0
    assert seen["giljabi_answer_seconds_count", ("writer", "template")] == 1


@pytest.mark.filterwarnings(r"ignore:connect\(\) must be used:DeprecationWarning")
def test_spoken_answers_have_their_own_door(start, hanyang):
    for module in ("websockets", "soxr"):
        pytest.importorskip(module, reason="needs the extra voice")
    from live import live
    from scripted_voice import scripted_voice

    server = start(answers=Guide(hanyang), voice=scripted_voice(), metrics=True)
    with live(server) as talk:
        talk.write("국제관 몇 층이야?")
        talk.until("response.done")
    seen = told(server)
    door, outcome, writer = ("door", "voice"), ("outcome", "found"), ("writer", "template")
    assert seen["giljabi_answers_total", door, outcome, writer] == 1
