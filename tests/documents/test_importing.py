"""`giljabi venue import` of documents: what is kept, what is told, and that nothing is lost."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from giljabi.cli import main
from giljabi.documents import confined
from giljabi.documents.importing import import_documents
from giljabi.documents.library import Library
from giljabi.documents.passage import Document
from giljabi.documents.readers import FORMATS
from giljabi.errors import GiljabiError


@pytest.fixture
def venue(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    (folder / "documents" / "rules").mkdir(parents=True)
    (folder / "venue.toml").write_text("format = 1\n", "utf-8")
    (folder / "documents" / "hours.md").write_text("# 이용 시간\n\n평일 09:00~22:00\n", "utf-8")
    rules = "도서관 규정\n\n제1조(목적) 정한다.\n제2조(대출) 14일이다.\n시행일: 2026-03-01\n"
    (folder / "documents" / "rules" / "loans.txt").write_text(rules, "utf-8")
    return folder


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["venue", "import", *map(str, words)])


def kept(venue: Path) -> dict[str, list[str]]:
    with Library(venue / "documents.db") as library:
        return {s.path: [p.text for p in library.passages(s.path)] for s in library.sources()}


def test_a_folder_is_imported_and_only_what_changed_again(venue: Path) -> None:
    result = run(venue / "documents")
    assert (result.exit_code, result.stdout) == (
        0, "hours.md: 1 passage\nrules/loans.txt: 2 passages, 2026-03-01\n",
    )  # fmt: skip
    assert kept(venue) == {
        "hours.md": ["평일 09:00~22:00"],
        "rules/loans.txt": ["정한다.", "14일이다.\n시행일: 2026-03-01"],
    }
    with Library(venue / "documents.db") as library:
        source = library.sources()[1]
        passage = next(library.passages("rules/loans.txt"))
    assert (source.title, source.date, len(source.sha256)) == ("도서관 규정", "2026-03-01", 64)
    assert (passage.place, passage.date) == ("도서관 규정 › 제1조(목적)", "2026-03-01")
    (venue / "documents" / "hours.md").write_text("# 이용 시간\n\n쉬는 날\n", "utf-8")
    assert (
        run(venue / "documents", "--into", venue).stdout
        == "hours.md: 1 passage\nrules/loans.txt: unchanged\n"
    )
    assert kept(venue)["hours.md"] == ["쉬는 날"]


def test_what_is_gone_goes_with_prune_only(venue: Path) -> None:
    run(venue / "documents")
    (venue / "documents" / "rules" / "loans.txt").unlink()
    assert "rules/loans.txt: no longer in the folder" in run(venue / "documents").stdout
    assert set(kept(venue)) == {"hours.md", "rules/loans.txt"}
    assert "rules/loans.txt: removed" in run(venue / "documents", "--prune").stdout
    assert set(kept(venue)) == {"hours.md"}


def test_pruning_a_folder_leaves_the_others(venue: Path) -> None:
    run(venue / "documents")
    (venue / "documents" / "hours.md").unlink()
    assert run(venue / "documents" / "rules", "--prune").stdout == "rules/loans.txt: unchanged\n"
    assert set(kept(venue)) == {"hours.md", "rules/loans.txt"}


def test_bad_files_cost_one_sentence_each_and_nothing_else(venue: Path) -> None:
    documents = venue / "documents"
    run(documents)
    before = kept(venue)
    with (documents / "huge.pdf").open("wb") as file:
        file.truncate(2 << 30)
    with zipfile.ZipFile(documents / "bomb.docx", "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("word/document.xml", b"\0" * (100 << 20))
    (documents / "empty.md").touch()
    (documents / "hours.md").write_bytes(b"\0\1\2" * 99)
    (documents / "new.md").write_text("새 글", "utf-8")
    (documents / "picture.png").write_bytes(b"\x89PNG")
    (documents / ".hidden.md").write_text("숨은 글", "utf-8")
    result = run(documents)
    assert result.exit_code == 2
    lines = [x for x in result.stderr.splitlines() if x.startswith("giljabi:")]
    assert [
        any(word in x for x in lines)
        for word in ("would expand", "is empty", "binary data", "2,048 MB")
    ] == [True] * 4
    assert len(lines) == 4
    assert "Traceback" not in result.output
    assert "picture.png: left out" in result.stdout
    assert kept(venue) == {**before, "new.md": ["새 글"]}


def test_a_file_from_elsewhere_keeps_its_name(venue: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "notice.md").write_text(f"{folder} 알림", "utf-8")
    assert run(tmp_path / "a" / "notice.md", "--into", venue).exit_code == 0
    assert kept(venue) == {"notice.md": ["a 알림"]}
    result = run(tmp_path / "a" / "notice.md", tmp_path / "b" / "notice.md", "--into", venue)
    assert result.exit_code == 2
    assert "would both be kept as notice.md" in result.stderr
    assert kept(venue) == {"notice.md": ["a 알림"]}


def test_a_link_in_a_folder_is_not_followed(venue: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("비밀", "utf-8")
    (venue / "documents" / "link.txt").symlink_to(tmp_path / "secret.txt")
    assert "link.txt: left out" in run(venue / "documents").stdout
    assert "link.txt" not in kept(venue)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{notice}"], "Missing option '--into'"),
        (["{notice}", "--into", "{tmp}"], "is not a venue folder"),
        (["{notice}", "{map}", "--into", "{venue}"], "Documents go into a venue by themselves"),
        (
            ["{notice}", "--into", "{venue}", "--name", "x"],
            "Documents go into a venue by themselves",
        ),
        (["{map}", "--into", "{venue}"], "is a venue already"),
        (["{old}", "--into", "{venue}"], "save it as HWPX"),
    ],
)
def test_a_user_s_mistake_in_importing_is_exit_code_2(
    venue: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    names = {"notice": tmp_path / "n.md", "map": tmp_path / "m.geojson", "old": tmp_path / "o.hwp"}
    for path in names.values():
        path.write_text("글", "utf-8")
    result = run(*(w.format(tmp=tmp_path, venue=venue, **names) for w in words))
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (venue / "documents.db").exists() or kept(venue) == {}


def test_an_interruption_keeps_what_was_imported(venue: Path) -> None:
    def told(outcome: object, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_documents([venue / "documents"], venue, told=told)
    assert set(kept(venue)) == {"hours.md"}
    assert run(venue / "documents").stdout.splitlines()[0] == "hours.md: unchanged"


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory hold on Linux only")
def test_a_file_that_eats_memory_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    path.write_text("글" * 15_000_000, "utf-8")
    with pytest.raises(GiljabiError, match="more than 100 MB of memory"):
        confined.read(path, confined.Limits(memory=100 << 20))


def test_a_file_that_takes_too_long_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "slow.html"
    path.write_text("<p>글</p>" * 1_000_000, "utf-8")
    with pytest.raises(GiljabiError, match="more than 1 s to read"):
        confined.read(path, confined.Limits(seconds=1))


def test_a_pdf_that_makes_its_parser_spin_is_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("pypdfium2", reason="the [documents] extra is not installed")
    # Forty forms, each drawing the next one twice: 2 to the 40th letters.
    objects = ["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>"]
    font = "/Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
    objects.append(
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>"
    )
    objects.append("<</Length 5>>stream\n/X Do\nendstream ")
    for n in range(6, 46):
        drawn = "/X Do /X Do" if n < 45 else "BT /F1 9 Tf (a) Tj ET"
        objects.append(
            f"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X {n} 0 R>>{font}>>"
            f"/Length {len(drawn)}>>stream\n{drawn}\nendstream "
        )
    body = "".join(f"{n} 0 obj{text}endobj\n" for n, text in enumerate(objects, 1))
    (tmp_path / "spin.pdf").write_text(f"%PDF-1.4\n{body}trailer<</Root 1 0 R>>\n%%EOF")
    with pytest.raises(GiljabiError, match="more than 3 s to read"):
        confined.read(tmp_path / "spin.pdf", confined.Limits(seconds=3))


def test_what_the_child_reads_is_what_is_read_here(venue: Path) -> None:
    from giljabi.documents.readers import read

    path = venue / "documents" / "rules" / "loans.txt"
    document = confined.read(path)
    assert isinstance(document, Document)
    assert document == read(path)


def test_a_fifo_is_no_file(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no FIFOs on this system")
    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(GiljabiError, match="is no file"):
        confined.read(tmp_path / "a.txt")


def test_show_counts_documents(tmp_path: Path) -> None:
    venue = Path(__file__).parents[1] / "venues" / "hospital"
    copy = tmp_path / "hospital"
    copy.mkdir()
    for part in venue.iterdir():
        if part.is_file() and part.suffix != ".db":
            (copy / part.name).write_bytes(part.read_bytes())
    (tmp_path / "n.md").write_text("# 알림\n\n글", "utf-8")
    assert run(tmp_path / "n.md", "--into", copy).exit_code == 0
    shown = CliRunner().invoke(main, ["venue", "show", "--venue", str(copy)]).stdout
    assert "documents: 1, passages: 1" in shown


def test_the_verb_s_help_names_the_formats() -> None:
    text = run("--help").stdout
    assert all(word in text for word in ("Markdown", "PDF", "DOCX", "HWPX"))
    assert len(FORMATS) == 8
