"""A teacher is asked within its budget, paid once, and believed in nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import teachers
from hypothesis import given
from hypothesis import strategies as st
from small import HOSPITAL, rows_of

from giljabi.build.dataset import KINDS, BuildOptions, build, forecast, summary
from giljabi.build.journal import Journal
from giljabi.build.maker import Job, Maker
from giljabi.build.taught import ask_for, examples, pairs_in
from giljabi.build.teacher import KEY_VARIABLE, Ask, Bill, Teacher, TeacherOptions
from giljabi.errors import GiljabiError
from giljabi.venue.place import Venue

HANYANG = Path(__file__).parents[2] / "venues" / "hanyang"
ONE = dict.fromkeys(KINDS, 0) | {"basic": 1}


def silent(*_: object) -> None:
    pass


@pytest.fixture
def good() -> Iterator[teachers.Teacher]:
    with teachers.Teacher() as server:
        yield server


def options(server: teachers.Teacher, **changes: object) -> TeacherOptions:
    return TeacherOptions(server.url, "teacher-1", first_wait_s=0.02, **changes)  # type: ignore[arg-type]


def asks(n: int) -> list[Ask]:
    message = {"role": "user", "content": "장소: 약국\n사실:\n- 약국은 지상 1층 건물입니다.\n"}
    return [
        Ask(f"ask-{i}", ({"role": "user", "content": f"{message['content']}({i})"},), 3)
        for i in range(n)
    ]


# ---- asking ----


def test_the_request_is_a_chat_completion_with_structured_output(
    good: teachers.Teacher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "sk-secret")
    journal = Journal(tmp_path / "teacher.jsonl")
    Teacher(options(good), journal).ask(asks(1), silent)
    body, headers = good.bodies[0], good.headers[0]
    assert body["model"] == "teacher-1"
    assert body["messages"][-1]["role"] == "user"
    assert body["response_format"]["type"] == "json_schema"
    assert body["response_format"]["json_schema"]["strict"] is True
    assert headers["Authorization"] == "Bearer sk-secret"
    assert "sk-secret" not in (tmp_path / "teacher.jsonl").read_text("utf-8")


def test_no_more_requests_at_once_than_allowed(tmp_path: Path) -> None:
    with teachers.Teacher(latency=0.05) as server:
        Teacher(options(server, concurrency=3), Journal(tmp_path / "j")).ask(asks(12), silent)
        assert server.most_busy == 3
        assert sum(server.billed.values()) == 12


def test_what_is_in_the_journal_is_not_asked_again(good: teachers.Teacher, tmp_path: Path) -> None:
    for _ in range(2):
        journal = Journal(tmp_path / "j")
        teacher = Teacher(options(good, price_in=1.0, price_out=2.0), journal)
        teacher.ask(asks(5), silent)
        spent = teacher.bill.dollars
    assert sum(good.billed.values()) == 5
    assert teacher.bill.from_journal == 5
    assert spent > 0  # what was paid before counts against the ceiling


def test_a_line_cut_off_by_a_crash_is_dropped_and_asked_again(
    good: teachers.Teacher, tmp_path: Path
) -> None:
    journal = Journal(tmp_path / "j")
    Teacher(options(good), journal).ask(asks(3), silent)
    whole = (tmp_path / "j").read_bytes()
    (tmp_path / "j").write_bytes(whole[:-20])
    journal = Journal(tmp_path / "j")
    assert len(journal.replies) == 2
    Teacher(options(good), journal).ask(asks(3), silent)
    assert len(journal.replies) == 3
    assert sum(good.billed.values()) == 4
    assert all(json.loads(line) for line in (tmp_path / "j").read_bytes().splitlines())


def test_trouble_is_retried_until_everything_is_answered(tmp_path: Path) -> None:
    with teachers.Teacher(trouble=True) as server:
        teacher = Teacher(options(server), Journal(tmp_path / "j"))
        teacher.ask(asks(60), silent)
        assert {429, 500, 502} <= set(server.statuses)
        assert len(server.billed) == 60
        assert max(server.billed.values()) == 1
        assert not teacher.bill.failed


def test_the_ceiling_is_never_passed_and_the_rest_can_be_had_later(
    good: teachers.Teacher, tmp_path: Path
) -> None:
    dear = options(good, price_in=10.0, price_out=100.0, ceiling=0.2, concurrency=1)
    journal = Journal(tmp_path / "j")
    teacher = Teacher(dear, journal)
    teacher.ask(asks(50), silent)
    assert 0 < len(journal.replies) < 50
    assert teacher.bill.dollars <= 0.2
    assert "ceiling" in teacher.bill.stopped
    journal = Journal(tmp_path / "j")
    Teacher(options(good), journal).ask(asks(50), silent)
    assert len(journal.replies) == 50
    assert sum(good.billed.values()) == 50


@pytest.mark.parametrize(
    ("status", "word"), [(401, KEY_VARIABLE), (403, KEY_VARIABLE), (404, "404"), (302, "elsewhere")]
)
def test_a_refusal_stops_at_once(serve, status: int, word: str, tmp_path: Path) -> None:
    url = serve(status, location="http://elsewhere/" if status == 302 else "")
    with pytest.raises(GiljabiError, match=word):
        Teacher(TeacherOptions(url, "m", first_wait_s=0.01), Journal(tmp_path / "j")).ask(
            asks(3), silent
        )


@pytest.mark.parametrize(
    "body",
    ['{"choices": ["x"]}', "[1]", '{"choices": [{"message": {"content": null}}]}', "[" * 5000, "<html>"],
)  # fmt: skip
def test_what_is_never_a_completion_is_not_asked_for_long(serve, body: str, tmp_path: Path) -> None:
    teacher = Teacher(
        TeacherOptions(serve(200, body), "m", first_wait_s=0.01, concurrency=1), Journal(tmp_path / "j")
    )  # fmt: skip
    with pytest.raises(GiljabiError, match="answered no request: no chat completion"):
        teacher.ask(asks(50), silent)
    assert teacher.bill.retries.total() <= 20


@pytest.mark.parametrize(
    "usage", ['{"prompt_tokens": "abc"}', '{"prompt_tokens": {}}', "[1]", '{"prompt_tokens": 1e400}', "null",
              '{"prompt_tokens": -5, "completion_tokens": -100000000}', '{"completion_tokens": true}'],
)  # fmt: skip
def test_a_ceiling_holds_whatever_is_said_of_usage(serve, usage: str, tmp_path: Path) -> None:
    said = r'"\ud800 {\"pairs\": []}" '
    body = f'{{"choices": [{{"message": {{"content": {said}}}}}], "usage": {usage}}}'
    teacher = TeacherOptions(serve(200, body), "m", price_in=10.0, price_out=10.0, ceiling=0.01, concurrency=1)  # fmt: skip
    for _ in range(2):  # what was written down is read again
        run = Teacher(teacher, Journal(tmp_path / "j"))
        run.ask(asks(20), silent)
        assert run.bill.tokens_in > 0
        assert 0 < run.bill.dollars <= 0.01
        assert "ceiling" in run.bill.stopped


@pytest.mark.parametrize(
    "bad", ["{oops", "[" * 5000, '{"id": ["a"]}', '{"id": "a"}', '{"id": "a", "content": 3, "tokens_in": 1, "tokens_out": 1}',
            '{"id": "a", "content": "", "tokens_in": "x", "tokens_out": 1}', "", "\x00"],
)  # fmt: skip
def test_a_line_that_is_no_reply_costs_no_other(
    good: teachers.Teacher, bad: str, tmp_path: Path
) -> None:
    Teacher(options(good), Journal(tmp_path / "j")).ask(asks(3), silent)
    first, *rest = (tmp_path / "j").read_text("utf-8").splitlines(keepends=True)
    text = "".join([first, bad + "\n", *rest])
    (tmp_path / "j").write_text(text, "utf-8")
    assert len(Journal(tmp_path / "j").replies) == 3
    assert (tmp_path / "j").read_text("utf-8") == text


def test_nobody_there_is_one_sentence(tmp_path: Path) -> None:
    nobody = TeacherOptions("http://127.0.0.1:9", "m", attempts=2, first_wait_s=0.01)
    with pytest.raises(GiljabiError, match="cannot be reached"):
        Teacher(nobody, Journal(tmp_path / "j")).ask(asks(1), silent)


@pytest.fixture
def serve() -> Iterator[object]:
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    servers = []

    def start(status: int, body: str = "", location: str = "") -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                if location:
                    self.send_header("location", location)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


# ---- reading what came back ----

PAIR = {"question": "약국 어디야?", "answer": "1층에 있어요."}


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (json.dumps({"pairs": [PAIR, PAIR]}), 2),
        (json.dumps([PAIR]), 1),
        ("```json\n" + json.dumps({"pairs": [PAIR]}) + "\n```", 1),
        ("네!\n```\n" + json.dumps({"pairs": [PAIR]}) + "\n```\n도움이 되었길 바랍니다.", 1),
        (json.dumps({"pairs": [PAIR, PAIR, PAIR]}, ensure_ascii=False)[:-25], 2),
        (json.dumps({"pairs": [PAIR, {"question": "", "answer": "x"}, {"q": 1}, 7]}), 1),
        ("", 0),
        ("죄송하지만 도와드릴 수 없습니다.", 0),
        (json.dumps({"pairs": None}), 0),
        ("[" * 5000, 0),
        ('{"pairs": ' * 5000, 0),
        ('{"pairs": [' + "9" * 5000 + ", " + json.dumps(PAIR) + "]}", 1),
    ],
)
def test_every_whole_pair_is_kept_whatever_surrounds_it(content: str, kept: int) -> None:
    pairs, wrong = pairs_in(content)
    assert pairs == [("약국 어디야?", "1층에 있어요.")] * kept
    assert kept == 2 or wrong or content == json.dumps([PAIR])


def test_half_a_character_is_replaced() -> None:
    pairs, _ = pairs_in(r'{"pairs": [{"question": "\ud800 약국?", "answer": "1층\udc00"}]}')
    assert pairs == [("? 약국?", "1층?")]


@given(st.integers(min_value=0, max_value=400))
def test_a_reply_cut_anywhere_loses_only_the_pair_it_was_cut_in(cut: int) -> None:
    rows = [{"question": f"질문 {{{n}}}?", "answer": f'"답" {n}.'} for n in range(6)]
    text = json.dumps({"pairs": rows}, ensure_ascii=False)[:cut]
    pairs, _ = pairs_in(text)
    assert [q for q, _ in pairs] == [r["question"] for r in rows][: len(pairs)]
    whole = sum(text.count(json.dumps(r, ensure_ascii=False)) for r in rows)
    assert len(pairs) == whole


# ---- believing it ----


def job(place: str, lang: str = "ko") -> Job:
    return Job(place, lang, 0, (), frozenset(), (), False)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("question", "answer", "kept"),
    [
        ("국제관은 몇 층인가요?", "국제관은 지상 6층 건물이에요.", True),
        ("국제관은 몇 층인가요?", "국제관은 지상 9층 건물이에요.", False),
        ("국제관 옆에 뭐가 있어요?", "국제관은 아름다운 건물이에요.", False),
        ("박물관은 몇 층인가요?", "박물관은 지상 5층 건물이에요.", False),
        ("국제관 전화번호 알려 주세요.", "02-1234-5678이에요.", False),
        ("How many floors does the International Hall have?", "It has 6 floors.", False),
        ("국제관은 몇 층인가요?", "국제관은 6층입니다. 6층 건물이에요.", False),
    ],
)
def test_a_pair_is_kept_only_when_the_guide_would_say_it(
    question: str, answer: str, kept: bool, hanyang_maker: Maker
) -> None:
    content = json.dumps({"pairs": [{"question": question, "answer": answer}]})
    found, reasons = examples(hanyang_maker, job("108"), [(content, 1)], "t")
    assert bool(found) == kept, reasons
    assert bool(reasons) != kept


def test_the_prompt_holds_the_facts_and_no_example(hanyang_maker: Maker) -> None:
    ask = ask_for(hanyang_maker, job("108"), 10, 0, "m")
    text = ask.messages[-1]["content"]
    assert "국제관" in text
    assert "6층" in text
    assert ask.messages[0]["content"].count("10쌍") == 1


def test_a_lying_teacher_in_trouble(tmp_path: Path, hanyang: Venue) -> None:
    """Truncated, fenced, short and mixed-up replies, 429, 500, 502, and three answers in ten false."""
    with teachers.Teacher(trouble=True, lies=0.3) as server:
        teacher = options(server, price_in=0.15, price_out=0.6)
        manifest = build(HANYANG, tmp_path / "d", BuildOptions(counts=ONE, teacher=teacher))
        taught = [r for r in rows_of(tmp_path / "d", "train") if r["kind"] == "teacher"]
        kept = {r["messages"][-1]["content"] for r in taught}
        false = server.told_false - server.told_true
        assert len(false) > 300
        assert len(kept & false) <= 0.01 * len(false)
        assert len(taught) == manifest["teacher"]["kept"] > 600
        assert max(server.billed.values()) == 1
        assert manifest["teacher"]["dollars"] > 0
        assert not [r for r in rows_of(tmp_path / "d", "val") if r["kind"] == "teacher"]


def test_killed_in_the_middle_nothing_is_paid_twice(tmp_path: Path) -> None:
    out = tmp_path / "d"
    with teachers.Teacher(latency=0.15) as server:
        command = [sys.executable, "-m", "giljabi.cli", "data", "build", str(HOSPITAL), "--out", str(out),
                   "--teacher", server.url, "--model", "teacher-1", "--concurrency", "2",
                   *[f"--count={k}={n}" for k, n in ONE.items()]]  # fmt: skip
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
        until = time.monotonic() + 60
        while (
            not (out / "teacher.jsonl").exists()
            or (out / "teacher.jsonl").read_bytes().count(b"\n") < 4
        ):
            assert time.monotonic() < until
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        paid = {json.loads(x)["id"] for x in (out / "teacher.jsonl").read_bytes().split(b"\n")[:-1]}
        teacher = options(server)
        build(HOSPITAL, out, BuildOptions(counts=ONE, teacher=teacher))
        again = {key for key, n in server.billed.items() if n > 1}
        assert not again & paid
        assert (
            len(again) <= 2
        )  # in flight when it was killed; asked again with the same Idempotency-Key
        build(HOSPITAL, tmp_path / "e", BuildOptions(counts=ONE, teacher=teacher))
        one, other = ((tmp_path / x / "train.jsonl").read_bytes() for x in "de")
        assert one == other


def test_what_one_model_said_is_not_anothers(hanyang_maker: Maker) -> None:
    one, other = (ask_for(hanyang_maker, job("108"), 10, 0, model) for model in ("m", "n"))
    assert one.id != other.id
    assert one.messages == other.messages


def test_requests_without_an_answer_are_told() -> None:
    bill = Bill(failed=Counter({"HTTP 500": 3})).to_json() | {"kept": 0, "rejected": {}}
    manifest = {"rows": {"train": 1, "val": 0}, "by_kind": {}, "short": {}, "teacher": bill}
    assert "HTTP 500 (3)" in summary(manifest, Path("d"))


def test_a_dry_run_says_what_it_would_cost_and_asks_nothing(
    good: teachers.Teacher, hospital: Venue
) -> None:
    teacher = options(good, price_in=1.0, price_out=2.0)
    text = forecast(hospital, BuildOptions(teacher=teacher))
    assert "14 requests" in text
    assert "$" in text
    assert not good.bodies


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "127.0.0.1"},
        {"url": "http://"},
        {"url": "http://[::1"},
        {"url": "ftp://host"},
        {"model": ""},
        {"pairs": 0},
        {"ceiling": 1.0},
        {"concurrency": 0},
        {"price_in": -1.0},
        {"price_out": float("nan")},
        {"price_in": 1.0, "ceiling": float("nan")},
        {"price_in": 1.0, "ceiling": -1.0},
        {"price_in": float("inf"), "ceiling": 1.0},
    ],
)
def test_options_that_make_no_sense_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(GiljabiError):
        TeacherOptions(**({"url": "http://127.0.0.1:1", "model": "m"} | changes)).check()  # type: ignore[arg-type]
