from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giljabi.documents.library import Library
from giljabi.documents.passage import Passage, Source
from giljabi.documents.vectors import Vectors, part_key
from giljabi.errors import GiljabiError


def passages(path: str, *texts: str) -> list[Passage]:
    return [
        Passage(f"{path}#{n}", path, ("규정", f"제{n}조"), text, page=n, date="2026-03-01")
        for n, text in enumerate(texts, 1)
    ]


RULES = Source("rules.md", "도서관 규정", "aa", "2026-03-01", "2026-11-22T01:00:00Z", 2)
HOURS = Source("hours.md", "운영 안내", "bb")
LENDING = passages("rules.md", "대출 기간은 14일로 한다.", "연체료는 하루 100원으로 한다.")
OPENING = passages("hours.md", "휴관일은 매주 월요일이다.")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "documents.db"


@pytest.fixture
def library(path: Path):
    with Library(path, create=True) as held:
        held.put(RULES, LENDING)
        held.put(HOURS, OPENING)
        yield held


def found(library: Library, *words: str, within=None) -> list[str]:
    return [id for id, _ in library.match(words, 10, within)]


def test_what_was_put_is_there_in_the_order_of_reading(library: Library) -> None:
    assert library.sources() == (HOURS, RULES)
    assert list(library.passages()) == OPENING + LENDING
    assert list(library.passages("rules.md")) == LENDING
    assert library.passage("rules.md#2") == LENDING[1]


def test_a_passage_is_found_by_its_text_and_by_its_titles(library: Library) -> None:
    assert found(library, "기간") == ["rules.md#1"]
    assert found(library, "규정", "월요") == ["hours.md#1", "rules.md#1", "rules.md#2"]
    assert found(library, "규정", within=["rules.md"]) == ["rules.md#1", "rules.md#2"]
    assert found(library, "규정", within=[]) == found(library, "박물") == found(library) == []


def test_quotes_and_fts_words_are_only_terms(library: Library) -> None:
    assert found(library, '"', "OR", "NEAR(", "*", "titles:", "기간") == ["rules.md#1"]


def test_putting_again_replaces_that_source_and_no_other(library: Library) -> None:
    new = passages("rules.md", "대출은 한 달까지 할 수 있다.")
    library.put(RULES, new)
    assert list(library.passages()) == OPENING + new
    assert found(library, "기간") == found(library, "연체") == []
    assert found(library, "대출") == ["rules.md#1"]
    assert found(library, "월요") == ["hours.md#1"]


def test_a_removed_source_is_gone(library: Library) -> None:
    library.remove("rules.md")
    assert library.sources() == (HOURS,)
    assert found(library, "대출") == []
    with pytest.raises(GiljabiError, match=r"no source 'rules.md'"):
        library.remove("rules.md")


def test_the_hash_is_of_what_the_documents_hold(library: Library, tmp_path: Path) -> None:
    before, changes = library.hash, library.changes
    library.put(HOURS, passages("hours.md", "휴관일은 매주 화요일이다."))
    assert library.hash != before
    assert library.changes > changes
    later = Source("hours.md", "운영 안내", "bb", imported="2027-01-01T00:00:00Z")
    library.put(later, OPENING)
    assert library.hash == before
    with Library(tmp_path / "other.db", create=True) as other:
        other.put(HOURS, OPENING)
        other.put(RULES, LENDING)
        assert other.hash == before


texts = st.lists(st.text("가나다라 1a.\n", min_size=1, max_size=20), max_size=4)


@given(st.lists(st.tuples(st.sampled_from(["a.md", "b.md"]), texts), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_after_any_changes_the_index_is_that_of_a_fresh_library(tmp_path_factory, steps) -> None:
    folder = tmp_path_factory.mktemp("libraries")
    last = dict(steps)
    with (
        Library(folder / "changed.db", create=True) as changed,
        Library(folder / "fresh.db", create=True) as fresh,
    ):
        for path, held in steps:
            changed.put(Source(path, path, ""), passages(path, *held))
        for path, held in last.items():
            fresh.put(Source(path, path, ""), passages(path, *held))
        for words in (["가나"], ["1"], ["a", "나다", "제"]):
            assert sorted(changed.match(words, 99)) == sorted(fresh.match(words, 99))
    with sqlite3.connect(folder / "changed.db") as raw:
        raw.execute("INSERT INTO term (term) VALUES ('integrity-check')")
    raw.close()


def test_a_passage_of_another_source_is_refused_and_nothing_changes(library: Library) -> None:
    with pytest.raises(GiljabiError, match=r"hours.md#1 is not of the source rules.md"):
        library.put(RULES, [*LENDING, *OPENING])
    with pytest.raises(GiljabiError, match="UNIQUE"):
        library.put(RULES, [LENDING[0], LENDING[0]])
    assert list(library.passages("rules.md")) == LENDING
    assert found(library, "기간") == ["rules.md#1"]


def test_an_unknown_passage_is_one_sentence(library: Library) -> None:
    with pytest.raises(GiljabiError, match=r"no passage 'rules\.md#9'"):
        library.passage("rules.md#9")


# ---- the file ----


def test_reading_needs_a_library_and_changes_nothing(library: Library, path: Path) -> None:
    with Library(path) as read:
        assert found(read, "대출") == ["rules.md#1"]
        with pytest.raises(GiljabiError, match="for reading only"):
            read.put(HOURS, [])
        with pytest.raises(GiljabiError, match="for reading only"):
            read.remove("hours.md")


def test_a_file_that_nobody_may_write_is_read(library: Library, path: Path) -> None:
    library.close()
    path.chmod(0o400)
    with Library(path) as read:
        assert read.sources() == (HOURS, RULES)


def test_no_file_another_file_and_another_format_are_one_sentence_each(path: Path) -> None:
    with pytest.raises(GiljabiError, match="There is no library"):
        Library(path)
    assert not path.exists()
    path.write_text("no database " * 100)
    for create in (False, True):
        with pytest.raises(GiljabiError, match="file is not a database"):
            Library(path, create=create)
    path.write_bytes(b"")
    with pytest.raises(GiljabiError, match="is not a library of documents"):
        Library(path)
    path.unlink()
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE turns (a)")
    raw.close()
    with pytest.raises(GiljabiError, match="is not a library of documents"):
        Library(path, create=True)


def test_a_library_of_an_older_format_says_what_to_do(library: Library, path: Path) -> None:
    library.close()
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(GiljabiError, match=r"is of format 99, not \d+: delete it"):
        Library(path)


def test_threads_read_while_another_imports(library: Library, path: Path) -> None:
    """A reader sees a source before its change or after it, never between."""
    wholes = [passages("rules.md", *[f"대출 {n}회"] * size) for n, size in enumerate([3, 5, 8])]
    library.put(RULES, wholes[0])
    with Library(path) as read, ThreadPoolExecutor(6) as pool:

        def sizes() -> set[int]:
            return {len(list(read.passages("rules.md"))) for _ in range(100)}

        reading = [pool.submit(sizes) for _ in range(5)]
        for n in range(60):
            library.put(RULES, wholes[n % 3])
        seen = set().union(*(r.result() for r in reading))
    assert seen <= {3, 5, 8}


IMPORTER = """
import sys
from pathlib import Path
from giljabi.documents.library import Library
from giljabi.documents.passage import Passage, Source

with Library(Path(sys.argv[1]), create=True) as held:
    for turn in range(1000):
        text = f"새 규정 {turn}회 " * 20
        new = [Passage(f"rules.md#{n}", "rules.md", ("규정",), text) for n in range(1000)]
        print("begins", flush=True)
        held.put(Source("rules.md", "규정", str(turn)), new)
"""


def test_an_import_killed_at_any_moment_leaves_the_old_state_or_the_new(
    library: Library, path: Path
) -> None:
    library.close()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    for killed in range(6):
        with subprocess.Popen(
            [sys.executable, "-c", IMPORTER, path],
            env=environment, stdout=subprocess.PIPE, text=True,
        ) as child:  # fmt: skip
            assert child.stdout is not None
            for _ in range(1 + killed % 3):
                assert child.stdout.readline() == "begins\n"
            time.sleep(0.02 * killed)
            child.send_signal(signal.SIGKILL)
        with Library(path) as read:
            held = list(read.passages("rules.md"))
            assert held == LENDING or (len(held) == 1000 and len({p.text for p in held}) == 1)
            assert list(read.passages("hours.md")) == OPENING
            assert len(read.match(["규정"], 5000)) == len(held) + 1
        with sqlite3.connect(path) as raw:
            raw.execute("INSERT INTO term (term) VALUES ('integrity-check')")
        raw.close()


def test_a_change_cut_off_while_it_was_written_down_is_undone_by_the_next_reader(
    library: Library, path: Path
) -> None:
    """The state a killed writer leaves when its pages had begun to reach the file."""
    library.close()
    code = (
        "import os, sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('PRAGMA cache_size = 1')\n"
        "db.execute('BEGIN IMMEDIATE')\n"
        "db.execute('DELETE FROM passage')\n"
        "db.execute('CREATE TABLE big (a)')\n"
        "db.executemany('INSERT INTO big VALUES (?)', [('x' * 900,)] * 900)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, path], check=False)
    assert path.with_name("documents.db-journal").exists()
    with Library(path) as read:
        assert list(read.passages()) == OPENING + LENDING


# ---- vectors ----


class Lengths:
    """An encoder: how long a text is, and how many spaces it has."""

    def __init__(self, sha256: str = "11") -> None:
        self.sha256 = sha256
        self.asked: list[str] = []

    def passages(self, texts):
        np = pytest.importorskip("numpy")
        self.asked += texts
        found = np.array([[len(t), t.count(" ")] for t in texts], dtype=np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def question(self, text):
        return self.passages([text])[0]


def test_vectors_are_made_once_and_only_for_what_is_new(library: Library) -> None:
    pytest.importorskip("numpy")
    encoder = Lengths()
    assert Vectors(library).embed(encoder) == 3
    assert Vectors(library).embed(encoder) == 0
    library.put(HOURS, OPENING)
    assert Vectors(library).missing(encoder) == 1
    assert Vectors(library).embed(encoder) == 1
    assert Vectors(library).missing(encoder) == 0
    assert len(encoder.asked) == 4
    ids, sources, vectors = Vectors(library).of_passages(encoder)
    assert sorted(zip(ids, sources, strict=True)) == [
        ("hours.md#1", "hours.md"), ("rules.md#1", "rules.md"), ("rules.md#2", "rules.md"),
    ]  # fmt: skip
    assert vectors.shape == (3, 2)
    assert vectors.dtype == "float16"


def test_another_encoder_takes_the_place_of_the_first(library: Library) -> None:
    pytest.importorskip("numpy")
    first, second = Lengths("11"), Lengths("22")
    Vectors(library).embed(first)
    assert Vectors(library).embed(second) == 3
    assert Vectors(library).of_passages(first)[0] == []
    assert len(Vectors(library).of_passages(second)[0]) == 3


def test_vectors_of_parts_go_with_their_passage(library: Library) -> None:
    pytest.importorskip("numpy")
    encoder = Lengths()

    def lines(passage: Passage) -> list[str]:
        return passage.text.split("\n")

    assert Vectors(library).near == ""
    assert Vectors(library).embed_parts(encoder, lines) == 3
    assert Vectors(library).embed_parts(encoder, lines) == 0
    assert Vectors(library).near == encoder.sha256
    every = {p.id: p for p in library.passages()}
    held = Vectors(library).of_parts(encoder, ["rules.md#1"])
    assert set(held) == {part_key(line) for line in lines(every["rules.md#1"])}
    library.put(HOURS, OPENING)
    assert Vectors(library).of_parts(encoder, ["hours.md#1"]) == {}
    assert Vectors(library).embed_parts(encoder, lines) == 1
    assert Vectors(library).embed_parts(Lengths("22"), lines) == 3
    assert Vectors(library).of_parts(encoder, list(every)) == {}
