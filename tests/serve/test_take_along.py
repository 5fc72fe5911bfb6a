"""QR codes and the printable way: what a phone reads from the code, and what stands on the page."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import parse_qs, quote, urlsplit

import numpy as np
import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st
from scripted import FACT, VENUE, Answer, ScriptedGuide

from giljabi.answer.guide import Guide
from giljabi.errors import GiljabiError
from giljabi.serve import qr
from giljabi.serve.options import ServeOptions
from giljabi.venue.place import Place, Text

PHONE = "http://192.168.0.10:8000"
NASTY = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'


def read(svg: str) -> str:
    """What a scanner reads from the drawn code: its strokes painted into pixels, zxing looks."""
    size = int(re.search(r'viewBox="0 0 (\d+) \1"', svg)[1]) // 8
    dark = np.full((size, size), 255, np.uint8)
    strokes = re.search(r'class="qrline"[^>]* d="([^"]+)"', svg)[1]
    x = y = 0.0
    for act, numbers in re.findall(r"([Mmh])([-\d. ]+)", strokes):
        values = [float(v) for v in re.findall(r"-?[\d.]+", numbers)]
        if act == "M":
            x, y = values
        elif act == "m":
            x, y = x + values[0], y + values[1]
        else:
            dark[int(y), int(x) : int(x + values[0])] = 0
            x += values[0]
    [found] = zxingcpp.read_barcodes(np.kron(dark, np.ones((4, 4), np.uint8)))
    return found.text


class Page(HTMLParser):
    """Tags and texts of a page as a browser would have them."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.texts, self._open = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        if data.strip():
            self.texts.append((self._open[-1] if self._open else "", data.strip()))

    def of(self, tag):
        return [text for where, text in self.texts if where == tag]


def test_without_a_public_url_there_is_no_code_and_one_sentence_says_why(shared):
    reply = shared.http.get("/v1/qr", params={"path": "/"})
    assert reply.status_code == 404
    assert "--public-url" in reply.json()["error"]["message"]
    page = shared.http.get("/print", params={"from": "애지문", "to": "도서관"}).text
    assert "<svg" not in page


@pytest.mark.parametrize("path", ["/", "/?to=도서관&lang=ko#way", "/print?from=a%20b&to=%EA%B0%80"])
def test_a_phone_reads_the_same_page_from_the_code(start, path):
    reply = start(public_url=PHONE).http.get(
        "/v1/qr", params={"path": path}, headers={"Host": "localhost"}
    )
    assert reply.headers["content-type"] == "image/svg+xml"
    url = read(reply.text)
    assert url == PHONE + quote(path, safe="/?#&=%")
    assert url.isascii()


def test_the_host_header_never_names_the_host_of_a_code(start):
    server = start(public_url=PHONE, hosts=("evil.example",))
    reply = server.http.get("/v1/qr?path=/", headers={"Host": "evil.example"})
    assert read(reply.text) == f"{PHONE}/"


def test_phones_may_call_under_the_public_name(start):
    assert start(public_url=PHONE).http.get("/", headers={"Host": "192.168.0.10:8000"}).is_success


@pytest.mark.parametrize("path", [
    "//evil.example/", "/\\evil.example", "https://evil.example/", "javascript:alert(1)", "evil",
    "/admin", "/healthz", "/print/../admin", "/%2e%2e/admin", "/\n/evil.example", "/?a=\x00",
    "@evil.example/", "/print@evil", "/?q=" + "가" * 200,
])  # fmt: skip
def test_no_code_leads_anywhere_else(start, path):
    reply = start(public_url=PHONE).http.get("/v1/qr", params={"path": path})
    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == "bad_request"


_PARTS = st.sampled_from(
    [
        "/",
        "//",
        "\\",
        "?",
        "#",
        "@",
        ":",
        "http://evil.example",
        "print",
        "..",
        "%2f",
        "\t",
        "\n",
        ";",
    ]
)


@given(st.lists(_PARTS | st.text(max_size=8), max_size=8).map("".join), st.booleans())
def test_whatever_is_asked_for_a_code_stays_on_this_server(text, slash):
    path = f"/{text}" if slash else text
    try:
        url = qr.target(PHONE, path)
    except GiljabiError:
        return
    assert len(url) <= qr.LONGEST
    assert url.isascii()
    assert url.isprintable()
    at = urlsplit(url)
    assert (at.scheme, at.netloc) == ("http", "192.168.0.10:8000")
    assert at.path in qr.PAGES
    assert urlsplit(path).path == at.path


@pytest.mark.parametrize("url", ["192.168.0.10", "http://a/b", "ftp://a", "http://a b", "HTTP://A"])
def test_a_public_url_is_an_origin_and_nothing_more(url):
    with pytest.raises(GiljabiError, match="public URL"):
        ServeOptions(public_url=url)


def test_a_way_is_printed_as_a_list_and_its_estimated_steps_say_so(start, hanyang):
    server = start(answers=Guide(hanyang), public_url=PHONE)
    query = {"from": "제1공학관", "to": "국제관", "lang": "en"}
    reply = server.http.get("/print", params=query)
    page = Page(reply.text)
    assert reply.status_code == 200
    assert ("html", {"lang": "en"}) in page.tags
    assert page.of("h1") == ["From Engineering Building 1 to International Hall"]
    steps = [text for text in page.of("li") if text.startswith("From")]
    assert len(steps) == sum(tag == "li" for tag, _ in page.tags) >= 2
    assert page.of("mark") == ["estimated"] * len(steps)
    assert any("about 5 minutes" in text for text in page.of("p"))
    opened = urlsplit(read(reply.text))
    assert f"{opened.scheme}://{opened.netloc}{opened.path}" == f"{PHONE}/print"
    assert {k: v[0] for k, v in parse_qs(opened.query).items()} == query


def test_a_recorded_way_is_not_called_estimated(start, hanyang):
    reply = start(answers=Guide(hanyang)).http.get(
        "/print", params={"from": "애지문", "to": "국제관"}
    )
    page = Page(reply.text)
    assert "한양대학교 서울캠퍼스" in page.of("p")
    assert not page.of("mark")
    assert len(page.of("li")) == 3


def test_where_there_is_no_way_the_page_says_so_in_the_guides_words(start, hanyang):
    server = start(answers=Guide(hanyang), public_url=PHONE)
    reply = server.http.get(
        "/print", params={"from": "제1공학관", "to": "국제관", "step_free": "true"}
    )
    page = Page(reply.text)
    assert reply.status_code == 404
    assert any("계단 없는 길" in text and "모르겠습니다" in text for text in page.of("p"))
    assert "<svg" not in reply.text


def test_a_page_loads_nothing_and_runs_nothing(start):
    reply = start(public_url=PHONE).http.get("/print", params={"from": "a", "to": "b"})
    policy = reply.headers["content-security-policy"]
    style = re.search(r"<style>(.*?)</style>", reply.text, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in Page(reply.text).tags}
    assert "@media print" in style


class NastyGuide(ScriptedGuide):
    """A venue and a visitor that both write HTML."""

    def route(self, a, b, *, step_free=False, lang="auto"):
        step = replace(FACT, kind="step", value=f"{NASTY} 쪽으로 가세요.", unit="1.1")
        goal = replace(FACT, object="evil", source=NASTY)
        return Answer(f"{step.value} {a} {b}", facts=(step, goal), places=("evil",))


def test_names_and_questions_that_are_html_are_text_on_the_page(start):
    evil = Place("evil", Text(NASTY, NASTY), Text("곳", "place"), "campus")
    venue = replace(VENUE, name=Text(NASTY, NASTY), places=(*VENUE.places, evil))
    server = start(answers=NastyGuide(venue), public_url=PHONE)
    reply = server.http.get("/print", params={"from": NASTY, "to": f"b{NASTY}"})
    page = Page(reply.text)
    assert reply.status_code == 200
    assert {tag for tag, _ in page.tags} <= {
        "html", "head", "meta", "title", "style", "body", "header", "p", "h1", "h2", "main", "ol",
        "li", "mark", "section", "svg", "g", "path", "strong", "br", "footer",
    }  # fmt: skip
    assert NASTY in page.of("h1")[0]
    assert any(NASTY in text for text in page.of("li"))


@given(st.text(max_size=40))
def test_any_text_comes_back_from_a_page_as_it_was(text):
    from giljabi.serve.markup import element, page

    reply = page("t", "ko", "take_along.css", [element("p", f"[{text}]", title=text)])
    read_back = Page(reply.body.decode())
    [shown] = [attrs for tag, attrs in read_back.tags if tag == "p"]
    said = "".join(read_back.of("p"))
    assert {tag for tag, _ in read_back.tags} == {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "p",
    }
    plain = "".join(c for c in text if c.isprintable() and c != "\r")
    assert "".join(c for c in said if c.isprintable() and c != "\ufffd") == f"[{plain}]".replace(
        "\ufffd", ""
    )
    assert shown["title"].replace("\ufffd", "") == "".join(
        c for c in text if c >= " " or c in "\t\n"
    ).encode("utf-8", "ignore").decode().replace("\ufffd", "")
