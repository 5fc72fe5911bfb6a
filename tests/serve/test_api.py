from __future__ import annotations

import logging
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from running import until
from scripted import ScriptedGuide, ScriptedTalk

from giljabi.answer.memory import Memory, Turn
from giljabi.errors import GiljabiError


def test_the_greeting_names_the_venue_in_both_languages(server):
    message = server.http.get("/").json()["message"]
    assert "장난감 캠퍼스" in message
    assert "Toy Campus" in message


def test_health_says_what_is_served(server):
    health = server.http.get("/healthz").json()
    assert health["status"] == "ok"
    assert (health["venue"], health["venue_hash"]) == ("toy", "abc")
    assert (health["running"], health["waiting"]) == (0, 0)


def test_an_answer_has_text_conversation_and_structure(server):
    reply = server.ask("도서관 어디?").json()
    assert reply["result"].startswith("질문은 도서관 어디?")
    assert re.fullmatch(r"[A-Za-z0-9_-]{24}", reply["conversation"])
    assert reply["outcome"] == "found"
    assert reply["facts"][0]["value"] == 7
    assert reply["verdict"] == {"ok": True, "claims": []}
    assert "answer" not in reply


def test_a_conversation_is_remembered_under_its_id(server):
    first = server.ask("하나").json()["conversation"]
    second = server.ask("둘", conversation=first).json()
    assert second["conversation"] == first
    assert "['하나']" in second["result"]
    assert [t.question for t in server.memory.history(first)] == ["하나", "둘"]
    assert "[]" in server.ask("셋").json()["result"]


def test_two_conversations_never_cross(start):
    server = start(workers=4, queue=64)
    rounds = 6

    def visitor(n):
        for turn in range(rounds):
            asked = [f"방문객{n}의 {t}번째" for t in range(turn)]
            reply = server.ask(f"방문객{n}의 {turn}번째", conversation=f"visitor-{n}")
            assert reply.status_code == 200, reply.text
            assert reply.json()["result"].endswith(f"앞선 질문은 {asked}입니다.")
        return n

    with ThreadPoolExecutor(32) as pool:
        assert list(pool.map(visitor, range(32))) == list(range(32))
    for n in range(32):
        kept = [t.question for t in server.memory.history(f"visitor-{n}")]
        assert kept == [f"방문객{n}의 {t}번째" for t in range(rounds)]


def test_a_wiped_conversation_is_gone(server):
    key = server.ask("하나").json()["conversation"]
    assert server.http.delete(f"/conversations/{key}").json() == {
        "conversation": key, "wiped": True
    }  # fmt: skip
    assert server.http.delete(f"/conversations/{key}").json()["wiped"] is False
    assert "[]" in server.ask("둘", conversation=key).json()["result"]


def test_wiping_calls_off_the_answer_being_made(server):
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(server.ask, "느리게", conversation="c")
        until(lambda: server.guide.started == 1)
        server.http.delete("/conversations/c")
        assert reply.result().status_code == 409
        assert reply.result().json()["error"]["code"] == "called_off"
    until(lambda: server.guide.cancelled == 1)
    assert server.memory.history("c") == ()


@pytest.mark.parametrize(
    "body",
    [
        {}, {"prompt": ""}, {"prompt": "  \n"}, {"prompt": "가" * 1001}, {"prompt": 3},
        {"prompt": "a", "conversation": "a b"}, {"prompt": "a", "conversation": "a" * 65},
        {"prompt": "a", "lang": "fr"}, {"prompt": "a", "other": 1}, [], "a", None,
    ],
)  # fmt: skip
def test_a_bad_question_is_a_400(server, body):
    reply = server.http.post("/answer", json=body)
    assert reply.status_code == 400
    assert set(reply.json()["error"]) == {"message", "type", "code"}
    assert server.guide.started == 0


@pytest.mark.parametrize("raw", [b"{", b'{"prompt": "\\ud800"}', b"\xff", b'{"prompt": NaN}'])
def test_bytes_that_are_no_question_are_a_400(server, raw):
    reply = server.http.post("/answer", content=raw, headers={"content-type": "application/json"})
    assert reply.status_code == 400


def test_a_question_may_have_a_thousand_characters(server):
    assert server.ask("가" * 1000).status_code == 200


def test_a_known_failure_is_a_400_with_its_sentence(server):
    reply = server.ask("거절")
    assert reply.status_code == 400
    assert reply.json()["error"]["message"] == "The model is not there."


def test_a_bug_is_a_500_without_a_traceback_and_without_words_in_the_log(server, caplog):
    caplog.set_level(logging.DEBUG)
    reply = server.ask("고장난 비밀")
    assert reply.status_code == 500
    assert reply.json()["error"] == {
        "message": "Something went wrong inside the server.",
        "type": "server_error",
        "code": "internal_error",
    }
    log = logged(caplog, "giljabi", "uvicorn")
    assert "RuntimeError" in log
    assert "비밀" not in log


def logged(caplog, *names):
    format_ = logging.Formatter().format
    return "\n".join(format_(r) for r in caplog.records if r.name.startswith(names))


def test_no_question_and_no_conversation_reaches_the_log(server, caplog):
    caplog.set_level(logging.DEBUG)
    server.ask("비밀스러운 질문", conversation="secretid")
    server.http.get("/v1/places", params={"q": "비밀장소"})
    server.http.get("/v1/route", params={"from": "비밀출발", "to": "비밀도착"})
    server.http.delete("/conversations/secretid")
    server.http.post("/v1/chat/completions", json={
        "model": "giljabi", "messages": [{"role": "user", "content": "비밀"}]
    })  # fmt: skip
    until(lambda: logged(caplog, "giljabi").count(" ms") == 5)
    log = logged(caplog, "giljabi", "uvicorn", "asyncio")
    assert "POST /answer 200" in log
    assert "비밀" not in log
    assert "%EB%B9%84" not in log
    assert "secretid" not in log


def test_unknown_paths_and_methods_are_json(server):
    missing = server.http.get("/nope")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")
    wrong = server.http.get("/answer")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert wrong.json()["error"]["code"] == "method_not_allowed"


def test_the_interactive_pages_that_need_a_cdn_do_not_exist(server):
    for path in ("/docs", "/redoc", "/docs/oauth2-redirect"):
        assert server.http.get(path).status_code == 404
    assert server.http.get("/openapi.json").status_code == 200


class BrokenMemory(Memory):
    def history(self, conversation):
        raise GiljabiError("The disk is full.")

    wipe = history


def test_a_broken_memory_is_the_servers_fault(start):
    server = start(memory=BrokenMemory())
    for reply in (server.ask("하나"), server.http.delete("/conversations/a")):
        assert reply.status_code == 503
        assert reply.json()["error"]["code"] == "memory_unavailable"


def test_old_turns_are_forgotten_while_the_server_runs(start):
    memory = Memory(ttl_s=0.2)
    expired = []
    expire = memory.expire
    memory.expire = lambda: expired.append(expire()) or expired[-1]
    start(memory=memory, expire_every_s=0.05)
    memory.add("a", "q", "a")
    until(lambda: sum(expired) == 1)


def test_the_clean_up_survives_a_broken_memory(start, caplog):
    memory = Memory()
    calls = []

    def expire():
        calls.append(1)
        raise GiljabiError("The disk is full.")

    memory.expire = expire
    start(memory=memory, expire_every_s=0.02)
    until(lambda: len(calls) >= 2)
    assert "The disk is full." in caplog.text


def test_plain_chat_has_text_and_memory_and_no_venue(start):
    server = start(answers=ScriptedTalk())
    assert server.http.get("/").json()["message"].startswith("안녕하세요")
    reply = server.ask("하나").json()
    assert set(reply) == {"result", "conversation"}
    assert reply["result"] == "[기본] 하나"
    assert server.memory.history(reply["conversation"]) == (Turn("하나", "[기본] 하나"),)
    assert server.http.get("/v1/places").status_code == 404
    assert server.http.get("/healthz").json()["venue"] is None
    assert "/v1/route" not in server.http.get("/openapi.json").json()["paths"]


def test_an_answer_that_takes_too_long_is_given_up(start):
    server = start(answers=ScriptedGuide(), answer_s=0.3)
    reply = server.ask("느리게")
    assert reply.status_code == 503
    assert reply.json()["error"]["code"] == "too_slow"
    until(lambda: server.guide.cancelled == 1)
