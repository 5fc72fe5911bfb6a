"""A measuring run from contestants to the page: on a small hospital, by real processes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from fakes import row as question_row
from fakes import write_lines
from hypothesis import given
from hypothesis import strategies as st

from giljabi.answer.generator import Message
from giljabi.answer.guide import Guide
from giljabi.answer.memory import Turn
from giljabi.errors import GiljabiError
from giljabi.measure import html_report, judge, meter, pictures, writing
from giljabi.measure.candidates import gather
from giljabi.measure.contestants import Contestant, Kind, Model, abstains, claimed, parse
from giljabi.measure.figures import Beside, figures
from giljabi.measure.measured import Item, Measured, ask, read_items, read_rows
from giljabi.measure.measurements import of_run
from giljabi.measure.plan import Entry, Plan
from giljabi.measure.questions import Question
from giljabi.measure.results import read_run
from giljabi.measure.run import again, measure
from giljabi.measure.similarity import Encoder
from giljabi.measure.writing import Prompt
from giljabi.venue.place import Venue

HOSPITAL = Path(__file__).parents[1] / "venues" / "hospital"
QUESTIONS = (
    question_row(id="floor", turns=["내과는 몇 층이야?"], must_contain_any=[["2층"]]),
    question_row(id="way", turns=["내과 가는 길 알려줘"], slot="route", must_contain_any=[["중앙계단"]]),
    question_row(id="en", lang="en", turns=["Where is the pharmacy?"], must_contain_any=[["floor 1"]]),
    question_row(id="then", turns=["약국은 어디야?", "거기 몇 층이야?"], must_contain_any=[["1층"]]),
    question_row(id="none", turns=["제8공학관은 어디야?"], must_contain_any=[["모르"]], expect="abstain"),
    question_row(id="no", turns=["내과는 몇 층이야?"], must_contain_any=[["9층"]]),
)  # fmt: skip


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "questions.jsonl", QUESTIONS)


def plan(questions: Path, *entries: Entry, **more: Any) -> Plan:
    return Plan(str(questions), str(HOSPITAL), entries or (Entry("template", "template"),), **more)


class Scripted:
    """A generator that says what it is told to and remembers what it was shown."""

    name, tuned = "scripted", False

    def __init__(self, text: str, *, tokens: int = 5) -> None:
        self.text, self.tokens = text, tokens
        self.shown: list[list[Message]] = []
        self.timings: dict[str, float] = {}

    def stream(self, messages: Sequence[Message], **options: Any) -> Iterator[str]:
        self.shown.append(list(messages))
        yield from self.text.partition(" ")
        self.timings = {"predicted_n": self.tokens, "predicted_ms": 100.0}


def asked(venue: Venue, kind: Kind, text: str, question: str, *earlier: str, **more: Any) -> Any:
    """(what was measured, what the generator was shown)."""
    model = Scripted(text, **more)
    item = Item(Question("q", "ko", (*earlier, question), "s", (), (), (), "answer"))
    return ask(Contestant(kind, venue, model, tokens=50), item), model.shown


# ---- contestants as they are typed ----


@pytest.mark.parametrize(
    ("text", "model", "adapter", "served"),
    [
        ("guide", "", "shipped", ""),
        ("guide:+none", "", "none", ""),
        ("facts:gemma3-270m", "gemma3-270m", "shipped", ""),
        ("alone:gemma3-270m+none", "gemma3-270m", "none", ""),
        ("guide:runs/a+b.gguf+c/d.gguf", "runs/a+b.gguf", "c/d.gguf", ""),
        ("alone:http://box:11434/v1@qwen2.5:3b", "http://box:11434/v1", "none", "qwen2.5:3b"),
    ],
)
def test_a_contestant_is_a_kind_and_a_model(
    text: str, model: str, adapter: str, served: str
) -> None:
    spec = parse(text)
    assert (spec.kind, spec.model) == (text.partition(":")[0], model)
    assert (spec.adapter, spec.served_name) == (adapter, served)


def test_a_plus_in_a_file_name_is_no_adapter(tmp_path: Path) -> None:
    file = tmp_path / "a+b.gguf"
    file.touch()
    assert parse(f"guide:{file}").model == str(file)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("teacher", "no contestant 'teacher'; known: template, guide, facts, alone, chat"),
        ("template:gemma3-270m", "template is the guide without a model"),
        ("alone:http://box/v1", "what that server calls the model, as in alone:URL@NAME"),
        ("alone:http://@x", "what that server calls the model"),
    ],
)
def test_a_slip_in_a_contestant_is_named(text: str, sentence: str) -> None:
    with pytest.raises(GiljabiError, match=re.escape(sentence)):
        parse(text)


# ---- what each contestant is shown, and what becomes of its text ----


def test_facts_shows_the_guides_own_prompt_and_lets_the_text_pass_unchecked(
    hospital: Venue,
) -> None:
    lie = "내과는 9층에 있어요."
    found, shown = asked(hospital, "facts", lie, "내과는 몇 층이야?")
    checked, by_guide = asked(hospital, "guide", lie, "내과는 몇 층이야?")
    assert shown[0] == by_guide[0]
    assert "[정보] 내과는 2층에 있습니다." in shown[0][-1]["content"]
    assert (found.answer, found.written_by, found.verified) == (lie, "model", False)
    assert ("9층", "a number that the facts do not give here") in found.problems
    assert found.facts == ("inside · 내과 · 2 · level (survey)",)
    assert (checked.answer, checked.written_by) == ("내과는 2층에 있어요.", "template")
    assert checked.verified
    assert lie in [said for said, _ in checked.dropped]


def test_alone_shows_the_same_prompt_without_any_facts(hospital: Venue) -> None:
    found, shown = asked(hospital, "alone", "2층이에요.", "거기 몇 층이야?", "내과는 어디야?")
    text = json.dumps(shown, ensure_ascii=False)
    assert "[정보]" not in text
    assert "내과는 2층" not in text
    assert [one["role"] for one in shown[1][-3:]] == ["user", "assistant", "user"]
    assert [one["content"] for one in shown[1][-3:-1]] == ["내과는 어디야?", "2층이에요."]
    assert "거기 몇 층이야?" in shown[1][-1]["content"]
    assert shown[1][0]["role"] == "system"
    assert found.verified  # true by chance is still true


def test_a_tuned_model_alone_is_shown_the_bare_question(hospital: Venue) -> None:
    model = Scripted("몰라요.")
    model.tuned = True
    Contestant("alone", hospital, model).answer("내과는 몇 층이야?")
    assert [one["content"] for one in model.shown[0][1:]] == ["내과는 몇 층이야?"]


def test_saying_that_one_does_not_know_claims_nothing_but_what_follows_does(
    hospital: Venue,
) -> None:
    honest, _ = asked(hospital, "alone", "죄송하지만 잘 모르겠습니다.", "내과는 몇 층이야?")
    assert (honest.verified, honest.abstained) == (True, True)
    both, _ = asked(hospital, "alone", "잘 모르겠습니다. 내과는 9층이에요.", "내과는 몇 층이야?")
    assert (both.verified, both.abstained) == (False, True)
    assert claimed("모르겠습니다. 내과는 9층이에요.") == "내과는 9층이에요."


def test_the_guides_refusals_read_as_not_knowing_and_its_answers_do_not(
    hospital_guide: Guide,
) -> None:
    refused = ["제8공학관은 어디야?", "내과 주차비는 얼마야?", "Where is the museum?",
               "How much is parking at the pharmacy?", "오늘 날씨 어때?"]  # fmt: skip
    known = ["내과는 몇 층이야?", "약국 어디야?", "내과 가는 길 알려줘", "Where is the pharmacy?"]
    said = [hospital_guide.answer(question) for question in refused]
    assert {one.outcome for one in said} >= {"no_such_place", "not_in_data", "outside"}
    assert [one.text for one in said if not abstains(one.text)] == []
    said = [hospital_guide.answer(question) for question in known]
    assert {one.outcome for one in said} == {"found"}
    assert [one.text for one in said if abstains(one.text)] == []


def test_a_text_that_the_budget_ended_never_stopped(hospital: Venue) -> None:
    ended, _ = asked(hospital, "facts", "내과는 2층에 있어요.", "내과는 몇 층이야?", tokens=49)
    endless, _ = asked(hospital, "facts", "내과는 2층에", "내과는 몇 층이야?", tokens=50)
    assert (ended.capped, endless.capped) == (False, True)
    assert (ended.tokens, ended.decode_ms) == (49, 100)
    assert ended.first_token_ms is not None


def test_chat_shows_the_system_text_and_what_was_said_and_is_checked_all_the_same(
    hospital: Venue,
) -> None:
    model = Scripted("내과는 9층이에요.")
    contestant = Contestant("chat", hospital, model, system="친절하게.")
    found = ask(
        contestant,
        Item(Question("q", "ko", ("약국은?", "내과는 몇 층이야?"), "s", (), (), (), "answer")),
    )
    assert [(one["role"], one["content"]) for one in model.shown[1]] == [
        ("system", "친절하게."), ("user", "약국은?"), ("assistant", "내과는 9층이에요."),
        ("user", "내과는 몇 층이야?"),
    ]  # fmt: skip
    assert (found.verified, found.written_by) == (False, "model")


def test_a_text_to_write_is_asked_as_it_stands_and_not_held_against_facts(hospital: Venue) -> None:
    model = Scripted("바람이 불어요.")
    prompt = Prompt("p", "poem", "바람에 대해 써 줘.", None, {})
    item = Item(Question("p", "ko", (prompt.prompt,), "poem", (), (), (), "answer"), prompt=prompt)
    found = ask(Contestant("chat", hospital, model), item)
    assert [one["content"] for one in model.shown[0]] == ["바람에 대해 써 줘."]
    assert (found.answer, found.verified, found.facts) == ("바람이 불어요.", None, ())
    assert figures([found])["unsupported"] is None
    with pytest.raises(GiljabiError, match="writing is asked of chat:MODEL"):
        ask(Contestant("alone", hospital, model), item)


def test_a_kind_without_its_model_is_refused(hospital: Venue) -> None:
    with pytest.raises(GiljabiError, match="alone needs a model"):
        Contestant("alone", hospital)
    with pytest.raises(GiljabiError, match="template is measured without a model"):
        Contestant("template", hospital, Scripted(""))


# ---- questions ----


def test_built_rows_are_asked_as_a_visitor_asked_and_keep_their_answer(tmp_path: Path) -> None:
    built = {
        "id": "ko-1", "lang": "ko", "slot": "floors", "outcome": "no_such_place",
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "[질문] [정보]"},
                     {"role": "assistant", "content": "자료에 없어요."}],
        "conversation": [{"role": "user", "content": "가?"}, {"role": "assistant", "content": "나."},
                         {"role": "user", "content": "다?"}, {"role": "assistant", "content": "라."}],
    }  # fmt: skip
    item = read_items(write_lines(tmp_path / "val.jsonl", [built]))[0]
    assert (item.question.turns, item.reference) == (("가?", "다?"), "라.")
    assert (item.question.expect, item.question.slot) == ("abstain", "floors")
    bare = tmp_path / "val_campus_messages.json"
    bare.write_text(json.dumps([{"messages": built["messages"][1:]}, {"messages": [
        {"role": "user", "content": "Where?"}, {"role": "assistant", "content": "Here."}]}]), "utf-8")  # fmt: skip
    items = read_items(bare)
    assert [one.question.id for one in items] == ["row-1", "row-2"]
    assert [one.question.lang for one in items] == ["ko", "en"]
    assert [one.question.expect for one in items] == ["abstain", "answer"]


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.jsonl", "", "holds no question"),
        ("a.jsonl", '{"id": "a"}', "field 'lang' is missing"),
        ("a.jsonl", '{"messages": [{"role": "user", "content": "?"}]}', "must read user, assistant"),
        ("a.jsonl", '{"messages": [{"role": "user", "content": "?"}, {"role": "assistant", '
         '"content": " "}]}', "nothing of it empty"),
        ("a.json", "[1]", "must be a list of objects"),
        ("a.json", "{", "cannot be read as JSON"),
        ("a.json", "[]", "holds no question"),
    ],
)  # fmt: skip
def test_a_fault_in_the_questions_is_named(
    tmp_path: Path, name: str, text: str, sentence: str
) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(GiljabiError, match=sentence):
        read_items(tmp_path / name)


# ---- figures ----


def made(n: int, answer: str, **more: Any) -> Measured:
    values = {"lang": "ko", "slot": "s", "expect": "answer", "turns": ("?",), "right": True,
              "gold": False, "verified": True}  # fmt: skip
    return Measured(id=f"q{n}", answer=answer, **{**values, **more})


def test_figures_are_shares_of_what_they_are_about() -> None:
    rows = [
        made(1, "내과는 2층이에요.", gold=True, for_model=True, written_by="model"),
        made(2, "내과는 9층이에요.", gold=True, right=False, verified=False, for_model=True,
             written_by="model", problems=[("9층", "a number")], capped=True),
        made(3, "모르겠습니다.", abstained=True, for_model=True, written_by="model", capped=False),
        made(6, "2층이에요. 색은 모르겠습니다.", gold=True, abstained=True),
        made(4, "모르겠습니다.", expect="abstain", abstained=True),
        made(5, "가나다", expect="abstain", verified=False),
    ]  # fmt: skip
    found = figures(rows)
    counts = {name: (found[name]["count"], found[name]["of"]) for name in (
        "right", "declined", "declined_wrongly", "declined_beside", "unsupported", "own_words",
        "never_stopped")}  # fmt: skip
    assert counts == {
        "right": (2, 3), "declined": (1, 2), "declined_wrongly": (1, 4),
        "declined_beside": (1, 3), "unsupported": (2, 6),
        "own_words": (1, 3), "never_stopped": (1, 2),
    }  # fmt: skip
    assert found["objections"] == {"a number": 1}
    assert found["references"] is None
    assert found["form"]["ended"]["count"] == 5


def test_texts_are_put_beside_their_references_by_language() -> None:
    import numpy as np

    encoder = Encoder(
        "letters",
        "1",
        "abc",
        lambda texts: np.array([[len(t), 1.0] for t in texts], dtype="float32"),
    )
    rows = [
        made(1, "내과는 2층이에요.", reference="내과는 2층이에요."),
        made(2, "", reference="It is on floor 2.", lang="en"),
        made(3, "근거 없음"),
    ]
    found = figures(rows, Beside(encoder))["references"]
    assert found["rows"] == 2
    assert found["bleu"]["ko"]["score"] == pytest.approx(100)
    assert found["bleu"]["en"]["score"] == 0
    assert found["bleu"]["ko"]["signature"].startswith("nrefs:1")
    assert set(found["similarity"]["rows"]) == {"q1", "q2"}
    assert found["similarity"]["rows"]["q1"] == pytest.approx(1)
    assert found["similarity"]["encoder"] == "letters"


def test_nothing_told_is_nothing_and_not_zero() -> None:
    system = figures([made(1, "가.")])["system"]
    assert {name for name, value in system.items() if value is None} == {
        "tokens_per_s", "load_s", "peak_mb", "joules_an_answer",
    }  # fmt: skip
    assert system["first_token_ms"] == {"p50": None, "p95": None}


# ---- a run ----


def test_a_run_says_what_it_found_and_how_to_repeat_it(questions: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    out = tmp_path / "run"
    run = measure(
        plan(questions), out, command=["giljabi", "measure", "template"],
        progress=lambda *said: told.append(said),
    )  # fmt: skip
    found = run.results[0].figures
    assert (found["right"]["count"], found["right"]["of"]) == (5, 6)
    assert (found["declined"]["count"], found["declined"]["of"]) == (1, 1)
    assert found["right_by_lang"]["en"] == {"count": 1, "of": 1, "share": 1}
    assert found["unsupported"]["count"] == 0
    assert found["system"]["peak_mb"] > 10
    assert told == [("template", n, 6) for n in range(7)]
    assert {path.name for path in out.iterdir()} == {
        "run.json", "rows", "report.json", "report.md", "report.html", "manifest.json",
    }  # fmt: skip
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert manifest["command"] == ["giljabi", "measure", "template"]
    assert manifest["identity"]["venue"]["name"] == "hospital"
    assert len(manifest["identity"]["questions"]["sha256"]) == 64
    assert manifest["versions"]["giljabi"]
    assert manifest["machine"]["energy"]
    assert "| right | 5 of 6 (83.3%) |" in (out / "report.md").read_text("utf-8")
    assert read_run(out).results[0].rows == run.results[0].rows


def test_measured_again_from_its_manifest_the_figures_are_equal(
    questions: Path, tmp_path: Path
) -> None:
    before = measure(plan(questions, limit=4), tmp_path / "a").results[0].figures
    repeated = again(tmp_path / "a" / "manifest.json")
    after = measure(repeated, tmp_path / "b").results[0].figures
    assert {**before, "system": 0} == {**after, "system": 0}
    assert before["asked"] == 4
    with questions.open("a", encoding="utf-8") as file:
        file.write("\n")
    with pytest.raises(GiljabiError, match="its questions changed since, so that run cannot be"):
        again(tmp_path / "a")


def test_a_killed_run_goes_on_with_the_rows_that_are_whole(questions: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    measure(plan(questions), out)
    rows = out / "rows" / "1-template.jsonl"
    whole = rows.read_bytes()
    cut = whole.splitlines(keepends=True)
    marked = cut[0].replace(
        b"\xec\xb8\xb5\xec\x97\x90", b"\xec\xb8\xb5\xec\x95\x88"
    )  # 층에 -> 층안
    assert marked != cut[0]
    rows.write_bytes(marked + cut[1] + cut[2][:40])
    (out / "manifest.json").unlink()
    with pytest.raises(GiljabiError, match="no finished measuring run"):
        read_run(out)
    told: list[int] = []
    run = measure(plan(questions), out, progress=lambda _, n, __: told.append(n))
    assert told == [2, 3, 4, 5, 6]
    assert rows.read_bytes().startswith(marked + cut[1])
    assert [row.id for row in run.results[0].rows] == [row["id"] for row in QUESTIONS]
    assert "층안" in run.results[0].rows[0].answer
    assert len(read_rows(rows)) == 6


class Slow(BaseHTTPRequestHandler):
    """An OpenAI-compatible server that takes its time."""

    def log_message(self, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        time.sleep(0.5)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        data = json.dumps({"choices": [{"index": 0, "delta": {"content": "2층이에요."}}]})
        self.wfile.write(f"data: {data}\n\ndata: [DONE]\n\n".encode())


def test_after_kill_9_nobody_goes_on_writing_and_a_second_start_finishes(
    questions: Path, tmp_path: Path, serve: Callable[[type[BaseHTTPRequestHandler]], str]
) -> None:
    model = Model(f"{serve(Slow)}/v1", adapter="none", served_name="slow")
    slow, out = plan(questions, Entry("alone", "alone", model)), tmp_path / "run"
    rows = out / "rows" / "1-alone.jsonl"
    code = (
        "import json, sys; from pathlib import Path; from giljabi.measure import run; "
        "run.measure(run.plan_of(json.loads(sys.argv[1])), Path(sys.argv[2]))"
    )
    killed = subprocess.Popen([sys.executable, "-c", code, json.dumps(asdict(slow)), str(out)])
    until = time.monotonic() + 60
    while time.monotonic() < until and not (rows.exists() and rows.read_bytes().count(b"\n") >= 2):
        time.sleep(0.02)
    killed.kill()
    killed.wait()
    left = rows.read_bytes()
    time.sleep(1.5)  # longer than the answer that was on its way
    assert rows.read_bytes() == left
    assert 2 <= left.count(b"\n") < len(QUESTIONS)
    run = measure(slow, out)
    assert rows.read_bytes().startswith(left)
    assert [row.id for row in run.results[0].rows] == [row["id"] for row in QUESTIONS]


def test_a_folder_with_something_else_in_it_is_left_alone(questions: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    measure(plan(questions), out)
    with pytest.raises(GiljabiError, match=r"another run \(its limit differ"):
        measure(plan(questions, limit=2), out)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(GiljabiError, match="holds something else"):
        measure(plan(questions), tmp_path / "mine")


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ((), "name at least one contestant"),
        ((Entry("a", "template"), Entry("a", "template")), "a is named twice"),
        ((Entry("a", "alone", Model("nowhere.gguf")),), "There is no model file nowhere.gguf"),
        (
            (Entry("a", "alone", Model("http://127.0.0.1:9/v1", served_name="x")),),
            "a: No answer from http",
        ),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(
    questions: Path, tmp_path: Path, entries: tuple[Entry, ...], sentence: str
) -> None:
    with pytest.raises(GiljabiError, match=sentence):
        measure(replace(plan(questions), entries=entries), tmp_path / "run")
    assert not (tmp_path / "run" / "manifest.json").exists()


def test_an_encoder_that_is_not_there_is_said_before_anybody_is_asked(tmp_path: Path) -> None:
    rows = [{"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}]}]
    asked = plan(write_lines(tmp_path / "val.jsonl", rows), encoder=str(tmp_path / "nowhere"))
    with pytest.raises(GiljabiError, match="encoder"):
        measure(asked, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_writing_is_asked_of_chat_alone(tmp_path: Path) -> None:
    asked = plan(writing.SHIPPED, Entry("guide", "guide", Model("x")))
    with pytest.raises(GiljabiError, match="guide answers about a venue; writing is asked of chat"):
        measure(asked, tmp_path / "run")


# ---- a judge ----


@given(st.text())
def test_a_mark_is_a_number_of_one_to_five_or_none(text: str) -> None:
    assert judge.mark(text) in {None, 1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("4", 4),
        ("점수: 5점", 5),
        (" 3.", 3),
        ("10", None),
        ("0", None),
        ("좋아요", None),
        ("", None),
    ],
)
def test_a_mark_is_read_where_one_was_given(text: str, found: int | None) -> None:
    assert judge.mark(text) == found


def test_a_judge_is_shown_question_facts_and_answer_and_goes_on_after_a_kill(
    tmp_path: Path,
) -> None:
    rows = [
        made(1, "내과는 2층이에요.", turns=("내과는 몇 층이야?",), facts=("inside · 내과 · 2",)),
        made(2, "몰라요."),
    ]
    out = tmp_path / "marks.jsonl"
    out.write_text('{"id": "q1", "mark": 2}\n{"id": "q', "utf-8")
    model, counted = Scripted("점수는 4"), list[int]()
    assert judge.marks(model, rows, out, counted.append) == {"q1": 2, "q2": 4}
    assert (len(model.shown), counted) == (1, [1, 2])
    shown = judge.messages(rows[0])[0]["content"]
    for part in ("내과는 몇 층이야?", "inside · 내과 · 2", "내과는 2층이에요."):
        assert part in shown
    assert figures(rows, Beside(marks={"q1": 2, "q2": None}))["judge"] == {
        "mean": 2, "given": 1, "of": 2, "rows": {"q1": 2, "q2": None},
    }  # fmt: skip


# ---- a model behind a URL, in its own process ----

SCRIPT = "<script>alert('내과는 9층')</script><img src=http://evil.example/x.png>"


class Liar(BaseHTTPRequestHandler):
    """An OpenAI-compatible server that answers everything with the same lie."""

    said = SCRIPT

    def log_message(self, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        data = json.dumps({"choices": [{"index": 0, "delta": {"content": self.said}}]})
        self.wfile.write(f"data: {data}\n\ndata: [DONE]\n\n".encode())


class Tags(HTMLParser):
    """Every tag and attribute of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_a_lie_is_measured_and_cannot_run_on_the_page(
    serve: Callable[[type[BaseHTTPRequestHandler]], str], tmp_path: Path
) -> None:
    rows = [
        {"id": "<b>1</b>", "outcome": "found", "slot": "</style>",
         "messages": [{"role": "user", "content": "내과는 몇 층이야?<script>"},
                      {"role": "assistant", "content": "<i>2층</i>이에요."}]},
    ]  # fmt: skip
    questions = write_lines(tmp_path / "<q>.jsonl", rows)
    model = Model(f"{serve(Liar)}/v1", adapter="none", served_name="liar")
    entries = (Entry("template", "template"), Entry("alone:<x>", "alone", model))
    run = measure(plan(questions, *entries, encoder="none"), tmp_path / "run")
    template, liar = (one.figures for one in run.results)
    assert liar["unsupported"] == {"count": 1, "of": 1, "share": 1}
    assert template["unsupported"]["count"] == 0
    assert liar["right"] is None
    assert liar["never_stopped"] is None
    assert liar["references"]["chrf"]["ko"]["score"] < template["references"]["chrf"]["ko"]["score"]
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    found = Tags(page).tags
    assert {"script", "img", "b", "i", "link", "iframe"}.isdisjoint(tag for tag, _ in found)
    assert "&lt;script&gt;alert(" in page
    assert "The worst answers of alone:&lt;x&gt;" in page
    outside = [attrs for _, attrs in found if {"src", "href", "action", "data"} & attrs.keys()]
    assert outside == []
    assert "@import" not in page
    assert "url(" not in page
    policy = next(attrs for tag, attrs in found if "http-equiv" in attrs)
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"


def test_a_judge_behind_a_url_is_a_column_and_texts_are_not_read_by_a_url(
    serve: Callable[[type[BaseHTTPRequestHandler]], str], questions: Path, tmp_path: Path
) -> None:
    class Three(Liar):
        said = "3"

    texts = tmp_path / "texts.txt"
    texts.write_text("박물관은 언덕 위에 있다.", "utf-8")
    model = Model(f"{serve(Three)}/v1", adapter="none", served_name="three")
    entries = (Entry("template", "template"), Entry("chat", "chat", model))
    run = measure(plan(questions, *entries, texts=str(texts), judge=model), tmp_path / "run")
    for one in run.results:
        assert (one.figures["judge"]["mean"], one.figures["judge"]["of"]) == (3, len(QUESTIONS))
        assert one.figures["likelihood"] is None
    assert "a judge's mark, 1 to 5 | 3.00 (6 of 6 marked)" in (
        tmp_path / "run" / "report.md"
    ).read_text("utf-8")
    texts.write_text("다른 글.", "utf-8")
    with pytest.raises(GiljabiError, match="its texts changed since"):
        again(tmp_path / "run")


# ---- the page ----


def test_the_page_shows_every_answer_side_by_side_and_the_curves(
    questions: Path, tmp_path: Path
) -> None:
    measure(plan(questions), tmp_path / "a", command=["giljabi", "measure", "template"])
    measure(plan(questions, limit=3), tmp_path / "b")
    (tmp_path / "tuned").mkdir()
    history = write_lines(
        tmp_path / "tuned" / "history.jsonl",
        [{"step": 1, "loss": 2.5}, {"step": 2, "loss": 1.5, "eval_loss": 1.25, "seconds": 3}],
    )
    curves = {"tuned": pictures.read_history(tmp_path / "tuned")}
    assert curves["tuned"] == pictures.read_history(history)
    page = html_report.page([read_run(tmp_path / "a"), read_run(tmp_path / "b")], curves)
    assert "Side by side (3 questions)" in page
    assert page.count("내과는 2층에 있어요.") >= 2
    assert "loss 1.500, eval_loss 1.250" in page
    assert page.count("<polyline") == 2
    assert "giljabi measure template" in page
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
    assert "lacks one of 9층" in page
    assert page.count("<rect") > 2


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([{"loss": 1}], "field 'step' is missing"),
        ([], "holds no step"),
        (None, "no tuning history"),
    ],
)
def test_a_history_that_is_none_is_named(
    tmp_path: Path, lines: list[Any] | None, sentence: str
) -> None:
    path = tmp_path / "history.jsonl"
    if lines is not None:
        write_lines(path, lines)
    with pytest.raises(GiljabiError, match=sentence):
        pictures.read_history(path)


def test_the_worst_answer_comes_first() -> None:
    wrong = made(1, "9층", gold=True, right=False, verified=False)
    odd = made(2, "2층 근처", verified=False)
    fine = made(3, "2층이에요.", gold=True)
    scores = [html_report.badness(row) for row in (wrong, odd, fine)]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] == 0
    assert html_report.badness(fine, similarity=0.1) > 0


def test_a_histogram_counts_every_value_once() -> None:
    picture = pictures.histogram([0, 1, 1, 5, 99], low=0, high=10, title="<t>", unit="ms")
    counts = [int(n) for n in re.findall(r"ms: (\d+)</title>", picture)]
    assert sum(counts) == 5
    assert "<t>" not in picture


# ---- what the machine tells ----


def test_energy_is_read_from_package_counters_over_their_end(tmp_path: Path) -> None:
    zone = tmp_path / "class" / "powercap" / "intel-rapl:0"
    part = tmp_path / "class" / "powercap" / "intel-rapl:0:0"
    for folder in (zone, part):
        folder.mkdir(parents=True)
        (folder / "max_energy_range_uj").write_text("10000000")
        (folder / "energy_uj").write_text("9000000")
    energy = meter.Energy(tmp_path)
    assert energy.source == "RAPL, processor packages"
    assert energy.joules() == 0
    (zone / "energy_uj").write_text("9500000")
    assert energy.joules() == pytest.approx(0.5)
    (zone / "energy_uj").write_text("1000000")
    assert energy.joules() == pytest.approx(2.0)


def test_energy_of_a_jetson_is_its_input_rail_over_time(tmp_path: Path) -> None:
    rail = tmp_path / "class" / "hwmon" / "hwmon3"
    rail.mkdir(parents=True)
    for name, text in (("in1_label", "VDD_IN"), ("in1_input", "5000"), ("curr1_input", "2000"),
                       ("in2_label", "VDD_SOC"), ("in2_input", "9000")):  # fmt: skip
        (rail / name).write_text(text)
    energy = meter.Energy(tmp_path)
    start = time.monotonic()
    while not energy.joules() and time.monotonic() < start + 10:
        time.sleep(0.02)
    energy.close()
    spent, seconds = energy.joules(), time.monotonic() - start
    assert energy.source.startswith("INA3221")
    assert 0 < spent <= 10 * (seconds + 0.2)  # 5 V at 2 A


def test_a_machine_that_tells_nothing_says_nothing(tmp_path: Path) -> None:
    energy = meter.Energy(tmp_path)
    assert (energy.source, energy.joules()) == ("", None)


# ---- the real thing ----


@pytest.mark.model
def test_the_packaged_model_with_and_without_facts(questions: Path, tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    base = Model("gemma3-270m", adapter="none")
    entries = [Entry("template", "template")]
    entries += [Entry(kind, kind, base) for kind in ("guide", "facts", "alone")]
    short = plan(questions, *entries, limit=1, tokens=24)
    run = measure(short, tmp_path / "a")
    template, *models = (one.figures for one in run.results)
    guide, facts, alone = (one.rows[0] for one in run.results[1:])
    assert (guide.right, guide.verified) == (True, True)
    assert facts.written_by == alone.written_by == "model"
    assert not alone.right  # it cannot know where this hospital has anything
    for found in models:
        assert found["system"]["tokens_per_s"] > 0
        assert found["system"]["first_token_ms"]["p50"] > 0
        assert found["system"]["load_s"] > 0
        assert found["system"]["peak_mb"] > template["system"]["peak_mb"] + 100
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text("utf-8"))
    assert manifest["identity"]["contestants"]["guide"]["model"]["gemma-3-270m-q4_k_m.gguf"]
    repeated = measure(again(tmp_path / "a"), tmp_path / "b")
    assert [{**asdict(one), "figures": 0, "rows": [row.answer for row in one.rows]}
            for one in repeated.results] == [
        {**asdict(one), "figures": 0, "rows": [row.answer for row in one.rows]}
        for one in run.results
    ]  # fmt: skip
    for before, after in zip(run.results, repeated.results, strict=True):
        assert {**before.figures, "system": 0} == {**after.figures, "system": 0}


@pytest.mark.model
@pytest.mark.slow
def test_the_packaged_base_reads_writes_and_is_a_candidate(tmp_path: Path) -> None:
    """One run on references, one on prompts; the first says what the base is worth."""
    pytest.importorskip("xllamacpp")
    rows = [{"id": "a", "outcome": "found", "slot": "floors", "messages": [
        {"role": "user", "content": "내과는 몇 층이야?"}, {"role": "assistant", "content": "내과는 2층에 있어요."}]}]  # fmt: skip
    texts = tmp_path / "texts.txt"
    texts.write_text("박물관은 언덕 위에 있다.\nThe museum is on the hill.", "utf-8")
    base = Model("gemma3-270m", adapter="none")
    entries = [Entry(kind, kind, base) for kind in ("facts", "alone")]
    questions = write_lines(tmp_path / "val.jsonl", rows)
    short = plan(questions, *entries, tokens=8, encoder="none", texts=str(texts))
    run = measure(short, tmp_path / "run")
    facts, alone = (one.figures["likelihood"] for one in run.results)
    assert facts["texts, ko"] == alone["texts, ko"]
    assert facts["texts, ko"]["bytes"] == len("박물관은 언덕 위에 있다.".encode())
    known, guessed = (one["references, ko"]["bits_per_byte"] for one in (facts, alone))
    assert known < guessed  # the floor stands in the prompt of one of them
    (row,) = of_run(run).rows
    assert row.name == "gemma3-270m"
    assert row.figures["bits_per_byte_ko"] == facts["texts, ko"]["bits_per_byte"]
    named = gather(None, runs=[of_run(run)], only=["gemma3-270m"])
    assert named[0].figures["tokens_per_second"] > 0
    prompts = tmp_path / "p.toml"
    prompts.write_text('[[prompt]]\nid = "p"\nkind = "poem"\nprompt = "바람에 대해 한 문장 써 줘."\nsentences = 1\n', "utf-8")  # fmt: skip
    wrote = measure(plan(prompts, Entry("chat", "chat", base), tokens=8), tmp_path / "wrote")
    assert wrote.results[0].figures["writing"]["texts"] == 1
    assert "바람에 대해 한 문장 써 줘." in (tmp_path / "wrote" / "writing.html").read_text("utf-8")


def test_what_an_adapter_does_is_no_property_of_a_base(questions: Path, tmp_path: Path) -> None:
    run = measure(plan(questions), tmp_path / "run")
    with pytest.raises(GiljabiError, match="measured no base by itself; measure facts:NAME"):
        of_run(run)


def test_history_reaches_the_contestant(hospital: Venue) -> None:
    contestant = Contestant("template", hospital)
    followed = contestant.answer("거기 몇 층이야?", (Turn("약국은 어디야?", "약국이에요."),))
    assert "1층" in followed.text
    assert contestant.told == ("inside · 약국 · 1 · level (survey)",)
