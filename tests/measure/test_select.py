"""Which base to take: both published decisions from their inputs, and what else those say."""

from __future__ import annotations

import csv
import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giljabi.errors import GiljabiError
from giljabi.measure import candidates, leaderboard
from giljabi.measure.limits import Limits
from giljabi.measure.ranking import Weight, first, rank, weights
from giljabi.measure.readings import Reading
from giljabi.measure.select import Selection, select
from giljabi.measure.texts import read_texts
from giljabi.measure.training_cost import Gpu, Job, cost, parameters
from giljabi.model import store
from giljabi.model.boards import Board, boards, known_shape
from giljabi.model.shape import Shape, Tensor, quantised

SYNATRA = "synatra-42dot-1.3b"
DAVINCI = "jungyuko/DAVinCI-42dot_LLM-PLM-1.3B-v1.5.3"
LLAMA, QWEN = "llama-3.2-3b-instruct", "qwen2.5-3b-instruct"


ANYTHING = Limits()


def chosen(
    by: str, limits: Limits = ANYTHING, figures: dict[str, dict[str, float]] | None = None,
    only: tuple[str, ...] = (), table: leaderboard.Table | None = None,
) -> Selection:  # fmt: skip
    rows = tuple(leaderboard.Row(n, f"row of {n}", own) for n, own in (figures or {}).items())
    columns = tuple(dict.fromkeys(c for own in (figures or {}).values() for c in own))
    measured = [leaderboard.Table("given", rows, columns)] if rows else []
    gathered = candidates.gather(table, measured, only)
    return select(gathered, weights(by), limits, board=table, measurements=measured)


def reading(of: Selection, kind: str, what: str) -> Reading:
    return next(r for r in of.other if r.kind == kind and r.what.startswith(what))


# ---- the first published decision: the 1.3 B Korean model by the leaderboard's average ----


@pytest.fixture(scope="module")
def by_average() -> Selection:
    return chosen("average", table=leaderboard.shipped())


def test_the_shipped_table_is_the_one_the_field_used(shared: Path) -> None:
    with (shared / "leaderboard.csv").open(encoding="utf-8") as file:
        theirs = list(csv.DictReader(file))
    ours = leaderboard.shipped()
    assert [row.name for row in ours.rows] == [row["model"] for row in theirs]
    for row, other in zip(ours.rows, theirs, strict=True):
        assert row.figures == {k: float(v) for k, v in other.items() if k != "model"}


def test_the_shipped_table_says_when_and_where_it_is_from() -> None:
    table = leaderboard.shipped()
    assert table.about["date"].startswith("2025")
    assert "open-ko-llm-leaderboard" in table.about["source"]
    assert len(table.rows) == 10


def test_the_average_chooses_the_korean_model_of_1_3_b(by_average: Selection) -> None:
    assert by_average.first == (SYNATRA,)
    assert [s.place for s in by_average.standings] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 9]


def test_bases_without_an_average_are_not_ranked_and_named(by_average: Selection) -> None:
    assert LLAMA in by_average.without["average"]
    assert LLAMA not in {s.name for s in by_average.standings}


def test_each_column_alone_would_have_chosen(by_average: Selection) -> None:
    alone = {r.what: r.first for r in by_average.other if r.kind == "by one column"}
    assert alone == {
        "ko_gpqa": (DAVINCI,),
        "ko_winogrande": (SYNATRA,),
        "ko_gsm8k": (SYNATRA,),
        "ko_eq_bench": ("Qwen/Qwen2.5-0.5B-Instruct",),
        "ko_ifeval": ("Leejy0-0/gemma-2b-it-sum-ko",),
        "kornat_cka": (DAVINCI,),
        "kornat_sva": (
            "DILAB-HYU/koquality-polyglot-1.3b", "DooDooHyun/AIFT-42dot_LLM-PLM-1.3B-v1.51",
            "heegyu/42dot_LLM-PLM-1.3B-mt", DAVINCI, SYNATRA,
        ),
        "ko_harmlessness": ("cpm-ai/gemma-ko-v01",),
    }  # fmt: skip


def test_the_first_place_hangs_on_two_of_the_columns(by_average: Selection) -> None:
    without = {r.what: r.first for r in by_average.other if r.kind == "without one column"}
    assert len(without) == 8
    assert {what: leads for what, leads in without.items() if leads != (SYNATRA,)} == {
        "ko_ifeval": (DAVINCI,),
        "kornat_cka": ("Qwen/Qwen2.5-0.5B-Instruct",),
    }


def test_the_columns_shown_average_to_another_choice(by_average: Selection) -> None:
    # The published average is over nine tasks, and the ninth has no column.
    mean = reading(by_average, "by the mean", "the 8 columns shown (average is over 9)")
    assert mean.first == (DAVINCI,)
    assert mean.said[DAVINCI] == pytest.approx(30.489, abs=1e-3)
    assert mean.said[SYNATRA] == pytest.approx(30.4525, abs=1e-3)


def test_nobody_in_the_shipped_table_is_dominated(by_average: Selection) -> None:
    assert by_average.dominated == {}
    assert by_average.compared == 8


def test_its_licence_excludes_that_choice_from_commercial_use() -> None:
    found = chosen("average", Limits(commercial=True), table=leaderboard.shipped())
    (why,) = (f.why for f in found.of(SYNATRA).broken)
    assert why == "its licence is CC BY-NC 4.0 (no commercial use), which forbids commercial use"
    assert found.first == ("DILAB-HYU/koquality-polyglot-1.3b",)
    assert [f.why for f in found.of(found.first[0]).unknown] == ["its licence is not known"]
    assert reading(found, "without one limit", "licence").first == (SYNATRA,)


# ---- the second: Llama 3.2 3B against Qwen 2.5 3B by context-question similarity ----
# Its figures are not public; only which was higher is. So every pair of figures is tried.

figure = st.floats(0, 1, allow_nan=False)


@given(figure, figure)
def test_the_higher_similarity_chooses_between_llama_and_qwen(llama: float, qwen: float) -> None:
    found = chosen("similarity", figures={LLAMA: {"similarity": llama}, QWEN: {"similarity": qwen}},
                   only=(LLAMA, QWEN))  # fmt: skip
    wanted = (LLAMA,) if llama > qwen else (QWEN,) if qwen > llama else (LLAMA, QWEN)
    assert found.first == wanted


LONG_DATA = Limits(longest=131_072, mean=36_000)


def test_data_of_36_k_on_average_and_128_k_at_most_excludes_every_model_of_8_k_and_32_k() -> None:
    found = chosen("", LONG_DATA)
    assert {one.candidate.context for one in found.excluded} >= {8192, 32_768}
    assert LLAMA in {one.name for one in found.left}
    assert all(one.candidate.context >= 131_072 for one in found.left)
    (why,) = (f.why for f in found.of(QWEN).broken)
    assert why == (
        "its context of 32,768 tokens is shorter than the data's longest example of 131,072, and "
        "also than the mean of 36,000"
    )


@given(figure, figure)
def test_with_that_data_similarity_has_no_say_and_the_report_shows_what_it_would_say(
    llama: float, qwen: float
) -> None:
    figures = {LLAMA: {"similarity": llama}, QWEN: {"similarity": qwen}}
    found = chosen("similarity", LONG_DATA, figures, (LLAMA, QWEN))
    assert found.first == (LLAMA,)
    free = reading(found, "without one limit", "context")
    assert (free.first == (QWEN,)) == (qwen > llama)


def test_that_data_does_not_fit_a_board_of_8_gb_beside_any_candidate() -> None:
    board = boards()["orin-nano-8gb"]
    found = chosen("", Limits(longest=131_072, mean=36_000, board=board), only=(LLAMA,))
    assert found.left == ()
    assert [f.limit for f in found.of(LLAMA).broken] == ["board"]


# ---- limits ----


def test_what_is_not_known_neither_excludes_nor_counts_as_kept() -> None:
    asked = Limits(longest=1000, commercial=True, board=boards()["agx-orin"], gpu=Gpu(24))
    found = chosen("average", asked, table=leaderboard.shipped())
    verdicts = {f.limit: f.verdict for f in found.of(DAVINCI).findings}
    assert verdicts == dict.fromkeys(("context", "licence", "board", "training"), "not known")


def test_a_licence_is_found_by_a_part_of_its_name() -> None:
    found = chosen("", Limits(licences=("apache", "gemma")))
    names = {one.name: one.candidate.licence.lower() for one in (*found.left, *found.excluded)}
    assert {one.name for one in found.left} == {
        name for name, licence in names.items() if "apache" in licence or "gemma" in licence
    }
    assert "gemma-2-2b-it" in {one.name for one in found.left}
    assert LLAMA in {one.name for one in found.excluded}


@pytest.mark.parametrize("licence", ["cc-by-nc-4.0", "Non-Commercial", "X Research License"])
def test_a_name_that_forbids_commercial_use_is_heard(tmp_path: Path, licence: str) -> None:
    file = tmp_path / "own.csv"
    file.write_text(f"model,licence,score\nours/one,{licence},1\n", "utf-8")
    gathered = candidates.gather(leaderboard.read(file), only=["ours/one"])
    assert select(gathered, (), Limits(commercial=True)).left == ()
    assert len(select(gathered, (), Limits()).left) == 1


def test_a_smaller_board_only_ever_excludes_more() -> None:
    left = [
        {one.name for one in chosen("", Limits(board=Board("box", gb, 50.0))).left}
        for gb in (0.5, 1, 2, 4, 8)
    ]
    assert all(few <= more for few, more in pairwise(left))
    assert left[0] == set()
    assert left[-1] == set(store.bases())


def test_training_is_judged_by_memory_and_by_hours() -> None:
    job = Job("lora", tokens=10_000_000, longest=1024)
    by_memory = chosen("", Limits(gpu=Gpu(8), job=job))
    assert "gemma3-270m" in {one.name for one in by_memory.left}
    assert LLAMA in {one.name for one in by_memory.excluded}
    by_hours = chosen("", Limits(gpu=Gpu(80, 100), job=job, hours=1))
    assert "(estimated)" in by_hours.of(LLAMA).broken[0].why
    assert by_hours.of("gemma3-270m").broken == ()
    too_small_but_quick = chosen("", Limits(gpu=Gpu(2, 100), job=job, hours=100))
    assert "gemma3-270m" in {one.name for one in too_small_but_quick.excluded}


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"mean": 5, "longest": 4}, "The data's mean of 5 tokens is above its longest of 4"),
        ({"longest": -1}, "No number of tokens or hours is negative"),
        ({"hours": 3}, "Hours follow from the GPU's memory and TFLOPS and from the tokens"),
    ],
)
def test_limits_that_make_no_sense_are_refused(asked: dict[str, int], sentence: str) -> None:
    with pytest.raises(GiljabiError, match=sentence):
        Limits(**asked)


def test_to_lift_one_limit_brings_nobody_back_whom_another_excludes() -> None:
    figures = {LLAMA: {"x": 1}, QWEN: {"x": 3}, "gemma-2-2b-it": {"x": 2}}
    found = chosen("x", Limits(longest=40_000, commercial=True), figures)
    assert found.first == (LLAMA,)
    # Qwen 2.5 3B breaks both limits, Gemma 2 only the one on context.
    assert reading(found, "without one limit", "context").first == ("gemma-2-2b-it",)
    assert reading(found, "without one limit", "licence").first == (LLAMA,)


# ---- ranks ----

METRICS = ("a", "b", "c")
BY = (Weight("a"), Weight("b", 2.0), Weight("c", 0.5))
value = st.integers(-1000, 1000).map(lambda n: n / 10)
many = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=4),
    st.fixed_dictionaries(dict.fromkeys(METRICS, value)),
    min_size=1,
    max_size=8,
)
some_by = st.sampled_from([BY, BY[:1], BY[1:]])
some_lower = st.sampled_from([frozenset(), frozenset("b"), frozenset(METRICS)])


@given(many, some_by, some_lower, st.randoms(use_true_random=False))
def test_a_rank_does_not_depend_on_the_order_of_the_candidates(figures, by, lower, rng) -> None:
    shuffled = list(figures.items())
    rng.shuffle(shuffled)
    assert rank(dict(shuffled), by, lower) == rank(figures, by, lower)


@given(many, some_by, some_lower, st.data())
def test_a_better_figure_never_costs_a_place(figures, by, lower, data) -> None:
    name = data.draw(st.sampled_from(sorted(figures)))
    metric = data.draw(st.sampled_from(METRICS))
    gain = data.draw(st.integers(0, 3000)) / 10 * (-1 if metric in lower else 1)
    better = figures | {name: figures[name] | {metric: figures[name][metric] + gain}}

    def place(of) -> int:
        return next(s.place for s in rank(of, by, lower) if s.name == name)

    assert place(better) <= place(figures)


@given(many, some_by, st.integers(1, 50))
def test_only_the_proportion_of_weights_counts(figures, by, times) -> None:
    scaled = tuple(Weight(w.metric, w.weight * times) for w in by)
    assert [(s.name, s.place) for s in rank(figures, scaled)] == [
        (s.name, s.place) for s in rank(figures, by)
    ]


@given(many)
def test_equal_figures_share_a_place(figures) -> None:
    twin = figures | {"twin": dict(next(iter(figures.values())))}
    places = {s.name: s.place for s in rank(twin, BY)}
    assert places["twin"] == places[next(iter(figures))]


def test_a_metric_of_which_less_is_better_turns_the_rank_round() -> None:
    figures = {"quick": {"latency_ms": 10.0, "ms": 10.0}, "slow": {"latency_ms": 90.0, "ms": 90.0}}
    assert first(rank(figures, weights("latency_ms"))) == ("quick",)
    assert first(rank(figures, weights("ms"))) == ("slow",)
    assert first(rank(figures, weights("ms"), {"ms"})) == ("quick",)


def test_weights_decide_between_two_metrics() -> None:
    figures = {LLAMA: {"similarity": 0.8, "tokens_per_second": 10},
               QWEN: {"similarity": 0.6, "tokens_per_second": 30}}  # fmt: skip
    assert chosen("similarity:2,tokens_per_second", figures=figures).first == (LLAMA,)
    found = chosen("similarity,tokens_per_second:2", figures=figures)
    assert found.first == (QWEN,)
    assert reading(found, "without one column", "tokens_per_second").first == (LLAMA,)


def test_popularity_is_read_and_does_not_rank() -> None:
    figures = {
        LLAMA: {"similarity": 0.8, "downloads": 1},
        QWEN: {"similarity": 0.6, "downloads": 9},
    }
    found = chosen("similarity", figures=figures)
    assert found.first == (LLAMA,)
    assert reading(found, "popularity", "downloads").first == (QWEN,)
    assert found.dominated == {}, "one column is none to dominate in"


@pytest.mark.parametrize(
    ("by", "sentence"),
    [
        ("downloads", "downloads is popularity: it is shown and does not rank"),
        ("Likes", "likes is popularity"),
        ("a:0", "'a:0' is not METRIC or METRIC:WEIGHT with a weight above 0"),
        ("a:-1", "weight above 0"),
        ("a:nan", "weight above 0"),
        ("a:b", "weight above 0"),
        ("a,b,A", "names 'a' twice"),
    ],
)
def test_what_cannot_rank_is_refused(by: str, sentence: str) -> None:
    with pytest.raises(GiljabiError, match=sentence):
        weights(by)


def test_a_metric_nobody_has_is_refused_with_those_there_are() -> None:
    with pytest.raises(GiljabiError, match=r"--by similarty: .* there are similarity, and --meas"):
        chosen("similarty", figures={LLAMA: {"similarity": 0.5}})


def test_who_is_nowhere_better_is_said_to_be_dominated() -> None:
    figures = {LLAMA: {"x": 2, "y": 2, "latency_ms": 5}, QWEN: {"x": 1, "y": 2, "latency_ms": 5},
               "gemma-2-2b-it": {"x": 1, "y": 3, "latency_ms": 9}}  # fmt: skip
    assert chosen("x", figures=figures).dominated == {QWEN: (LLAMA, 3)}


def test_to_be_small_dominates_nobody_where_no_answer_was_measured() -> None:
    assert chosen("", Limits(board=boards()["agx-orin"], gpu=Gpu(80))).dominated == {}


# ---- tables ----


def test_a_candidate_may_go_by_either_name_and_measurements_join_the_leaderboard(
    tmp_path: Path,
) -> None:
    file = tmp_path / "m.json"
    file.write_text(json.dumps([{"candidate": "Qwen/qwen2.5-3b-INSTRUCT", "Fact-Accuracy": 0.5, "bleu": None},
                                {"model": SYNATRA, "fact_accuracy": 0.25}]), "utf-8")  # fmt: skip
    found = {
        one.name: one for one in candidates.gather(leaderboard.shipped(), [leaderboard.read(file)])
    }
    assert found[QWEN].figures == {"fact_accuracy": 0.5}
    assert found[SYNATRA].figures["fact_accuracy"] == 0.25
    assert found[SYNATRA].figures["average"] == 31.66
    assert len(found) == len(store.bases()) + 9, "Synatra is a base and a row, and one candidate"


def test_a_leaderboard_of_your_own_brings_candidates_with_licence_and_context(
    tmp_path: Path,
) -> None:
    file = tmp_path / "own.csv"
    file.write_text("# title: ours\n# mean: all of 2\nmodel,licence,context,all,x,y\n"
                    'ours/small,"MIT, really",4096,1.5,1,2\nours/big,,,2.5,3,2\n', "utf-8")  # fmt: skip
    table = leaderboard.read(file)
    found = chosen("all", Limits(longest=5000), table=table)
    assert found.first == ("ours/big",)
    assert found.of("ours/small").broken[0].limit == "context"
    assert found.of("ours/big").unknown[0].why == "its context length is not known"
    assert found.of("ours/small").candidate.licence == "MIT, really"


HEADER = "candidate,similarity\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty; it needs a header"),
        (HEADER, "holds no candidate"),
        ("name,similarity\nx,1\n", r"line 1: needs one column candidate or model"),
        ("candidate,model\nx,y\n", r"line 1: needs one column candidate or model"),
        ("candidate,a,A\nx,1,2\n", r"line 1: column 'a' is there twice"),
        ("candidate,,a\nx,1,2\n", r"line 1: column 2 has no name"),
        (HEADER + "x,1\n\ny,1,2\n", r"line 4: has 3 cells and the header 2"),
        (HEADER + "x,high\n", r"line 2, column 'similarity': 'high' is not a number; leave it empty"),
        (HEADER + "x,nan\n", r"line 2, column 'similarity': 'nan' is not a number"),
        (HEADER + " ,1\n", r"line 2: the candidate has no name"),
        (HEADER + "x,1\nX,2\n", r"line 3: X has figures at .*line 2 already"),
        (HEADER + '"x,1\n', r"line 2: not valid CSV"),
        ("# colour: red\n" + HEADER + "x,1\n", r"line 1: a # line is '# KEY: VALUE'"),
        ("# mean: similarity of many\n" + HEADER + "x,1\n", "must be '# mean: COLUMN of COUNT'"),
        ("candidate,context\nx,1.5\n", r"line 2, column 'context': 1.5 is no number of tokens"),
    ],
)  # fmt: skip
def test_a_bad_table_is_named_by_row_and_column(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(text, "utf-8")
    with pytest.raises(GiljabiError, match=sentence) as raised:
        leaderboard.read(file)
    assert str(file) in str(raised.value)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ({"candidate": "x"}, "must be a list of objects"),
        ([{"similarity": 1}], r"row 1: needs one column candidate or model"),
        (
            [{"candidate": "x"}, {"candidate": "y", "a": "b"}],
            r"row 2, column 'a': 'b' is not a num",
        ),
        ([{"candidate": "x", "a": True}], r"row 1, column 'a': True is not a number"),
        ([{"candidate": "x", "licence": 3}], r"row 1, column 'licence': 3 is no text"),
        ([{"candidate": 7}], r"row 1: the candidate has no name"),
    ],
)
def test_bad_json_is_named_by_row_and_key(tmp_path: Path, found: object, sentence: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(found), "utf-8")
    with pytest.raises(GiljabiError, match=sentence):
        leaderboard.read(file)


def test_figures_of_nobody_and_figures_that_differ_are_refused(tmp_path: Path) -> None:
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    one.write_text(HEADER + f"{LLAMA},0.5\n", "utf-8")
    other.write_text(HEADER + f"{LLAMA},0.6\n", "utf-8")
    with pytest.raises(
        GiljabiError, match=r"other.csv, line 2, column 'similarity': .* 0.6 here and 0.5"
    ):
        candidates.gather(None, [leaderboard.read(one), leaderboard.read(other)])
    other.write_text(HEADER + "lama,0.6\n", "utf-8")
    with pytest.raises(GiljabiError, match=r"other.csv, line 2: There is no candidate 'lama'"):
        candidates.gather(None, [leaderboard.read(other)])
    with pytest.raises(GiljabiError, match="There is no candidate 'lama'; a base or a row"):
        candidates.gather(None, only=["lama"])


# ---- the user's own data ----


def test_korean_characters_per_token_and_lengths_are_counted_where_the_tokenizer_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"?": 0}, unk_token="?"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    folder = tmp_path / "hub" / "models--Qwen--Qwen2.5-3B-Instruct" / "snapshots" / "1"
    folder.mkdir(parents=True)
    words.save(str(folder / "tokenizer.json"))
    monkeypatch.setenv("GILJABI_CACHE", str(tmp_path))
    data = tmp_path / "data.jsonl"
    rows = [
        {"text": "박물관은 어디에 있나요"},
        {"messages": [{"content": "one two"}, {"content": "three four"}]},
    ]
    data.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    texts = read_texts(data)
    here, absent = candidates.in_tokens(candidates.gather(None, only=[QWEN, LLAMA]), texts)[::-1]
    assert (here.name, absent.name) == (QWEN, LLAMA)
    assert here.lengths == candidates.Lengths(4, 3.5)
    assert here.figures == {"chars_per_token": 4.0}, "12 characters in 3 words, English left out"
    assert absent.lengths is None
    found = select((here, absent), (), Limits(longest=200_000, mean=1, counted=True))
    assert found.of(QWEN).broken == (), "its own count goes before what was stated"
    assert [f.limit for f in found.of(LLAMA).broken] == ["context"]
    unknown = select((here, absent), (), Limits(counted=True)).of(LLAMA).unknown
    assert [f.why for f in unknown] == [
        "the data's length in its tokens is not known (its tokenizer is not here)"
    ]


def test_a_row_without_text_is_named(tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text('{"text": "하나"}\n{"question": "둘"}\n', "utf-8")
    with pytest.raises(
        GiljabiError, match=r"data.jsonl, line 2: has neither 'text' nor 'messages'"
    ):
        read_texts(data)


# ---- what training takes ----

# Llama 2 7B by its public config.json.
SEVEN_B = quantised(
    Shape("llama-2-7b", "F16", 32, 4096, 11008, 32, 32, 128, 128, 32_000,
          tensors=(Tensor("output.weight", 0, 32_000, 0),)), "F16",
)  # fmt: skip


@pytest.mark.parametrize(
    ("base", "billions"),
    [(LLAMA, 3.21), (QWEN, 3.09), ("qwen2.5-1.5b-instruct", 1.54), ("gemma-2-2b-it", 2.61)],
)
def test_weights_are_counted_as_the_model_cards_do(base: str, billions: float) -> None:
    assert parameters(known_shape(base, "F16")) / 1e9 == pytest.approx(billions, rel=0.01)


@pytest.mark.parametrize(("method", "gb"), [("full", 120), ("lora", 16), ("qlora", 6)])
def test_memory_is_near_what_llama_factory_publishes_for_7_b(method: str, gb: float) -> None:
    assert cost(SEVEN_B, Job(method), Gpu(80)).gb == pytest.approx(gb, rel=0.12)


def test_hours_follow_from_operations_and_the_assumed_share_of_the_gpu() -> None:
    # 6.6 B weights are multiplied with, a million tokens, 8 operations each, 30 % of 100 TFLOPS.
    found = cost(SEVEN_B, Job("full", 1_000_000, longest=1), Gpu(80, 100)).hours
    assert found == pytest.approx(6.607e9 * 1e6 * 8 / 30e12 / 3600, rel=0.001)
    assert cost(SEVEN_B, Job("full", 0), Gpu(80, 100)).hours is None
    assert cost(SEVEN_B, Job("full", 1_000_000), Gpu(80)).hours is None


def test_long_examples_cost_memory_and_time_for_attention() -> None:
    shape = known_shape(LLAMA, "F16")
    short = cost(shape, Job(tokens=1_000_000, longest=1024), Gpu(80, 100))
    long = cost(shape, Job(tokens=1_000_000, longest=131_072, mean=36_000), Gpu(80, 100))
    assert long.bytes["activations"] == pytest.approx(128 * short.bytes["activations"])
    assert short.hours is not None
    assert long.hours is not None
    assert long.hours > 2 * short.hours
