"""Pages without a script, built as trees: what is put into them is text, whatever it looks like.

ElementTree escapes text and attributes when it writes; no string of ours is pasted into HTML.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from xml.etree import ElementTree as ET

from starlette.responses import HTMLResponse

Node = ET.Element
Content = Node | str | None


def element(tag: str, *content: Content, **attributes: str) -> Node:
    """A node; `class_` and `for_` are the attributes class and for. None is left out."""
    named = {n.rstrip("_").replace("_", "-"): _visible(v) for n, v in attributes.items()}
    node = ET.Element(tag, named)
    last: Node | None = None
    for item in content:
        if isinstance(item, str):
            text = _visible(item)
            if last is None:
                node.text = (node.text or "") + text
            else:
                last.tail = (last.tail or "") + text
        elif item is not None:
            node.append(item)
            last = item
    return node


def page(
    title: str,
    lang: str,
    style: str,
    body: Sequence[Content],
    *,
    status: int = 200,
    forms: bool = False,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """A whole page with the style sheet `style` of this package inside.

    Its policy lets nothing else in; with `forms` it may send forms to this server.
    """
    css = _style(style)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", css),
    )
    tree = element("html", head, element("body", *body), lang=lang)
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    sent = "'self'" if forms else "'none'"
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action {sent}; "
        "frame-ancestors 'none'"
    )
    # "no-referrer" would make browsers send forms from "null", which the guard turns away.
    more = {"content-security-policy": policy, "referrer-policy": "same-origin", **(headers or {})}
    html = ET.tostring(tree, encoding="unicode", method="html")
    return HTMLResponse(f"<!doctype html>\n{html}\n", status, more)


@lru_cache(maxsize=8)
def _style(name: str) -> str:
    return (files("giljabi.serve") / name).read_text("utf-8")


def _visible(text: str) -> str:
    """`text` without what no page can hold: control characters and halves of surrogate pairs."""
    kept = "".join(c if c >= " " or c in "\t\n" else "\ufffd" for c in text)
    return kept.encode("utf-8", "replace").decode()
