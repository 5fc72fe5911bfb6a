"""Markdown as blocks: rendered by markdown-it and read as the page it makes."""

from __future__ import annotations

import re
from pathlib import Path

from markdown_it import MarkdownIt

from giljabi.documents import html
from giljabi.documents.cleaning import cleaned
from giljabi.documents.dating import iso_day
from giljabi.documents.encoding import decoded
from giljabi.documents.headings import rule_heading
from giljabi.documents.passage import Document

_FRONT = re.compile(
    r"\A---[ \t]*\r?\n(?P<body>.*?)\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL
)
_FIELD = re.compile(r"^(?P<key>[A-Za-z_가-힣]+)[ \t]*:[ \t]*(?P<value>.*?)[ \t]*$", re.MULTILINE)


def read(path: Path) -> Document:
    """The Markdown file at `path`: CommonMark with tables; YAML front matter gives title and date."""
    text = decoded(path)
    front: dict[str, str] = {}
    if found := _FRONT.match(text):
        front = {m["key"].lower(): m["value"].strip("\"'") for m in _FIELD.finditer(found["body"])}
        text = text[found.end() :]
    renderer = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    made = html.page(renderer.render(_rules_apart(text)), path)
    date = next((day for key in _DATES if (day := iso_day(front.get(key, "")))), made.date)
    return Document(
        cleaned(front.get("title", front.get("제목", ""))) or made.title, made.blocks, date
    )


_DATES = ("시행일", "effective", "date", "updated", "개정일", "작성일")


def _rules_apart(text: str) -> str:
    # A rule pasted into Markdown has one article a line, which Markdown would join.
    lines = (f"\n{s}\n" if rule_heading(cleaned(s)) else s for s in text.splitlines())
    return "\n".join(lines)
