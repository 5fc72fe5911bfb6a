from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giljabi.build.charts import FONTS, bars, histogram

NS = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [t.text or "" for t in ET.fromstring(svg).iter(f"{NS}text")]


def shares(svg: str) -> list[int]:
    """The count of each range, as its tooltip says it."""
    return [int(t.text.rsplit(" ", 1)[1]) for t in ET.fromstring(svg).iter(f"{NS}title")]


def test_a_histogram_counts_every_value_once():
    svg = histogram([1, 1, 2, 9.5, 10], title="길이", unit="토큰", bins=3)
    assert shares(svg) == [3, 0, 2]
    assert {"길이", "토큰"} <= set(texts(svg))
    assert ET.fromstring(svg).get("font-family") == FONTS


def test_marks_stand_on_the_axis_even_beyond_the_values():
    svg = histogram([10, 20], title="t", unit="u", marks=[("한도", 100)])
    assert "한도" in texts(svg)
    lines = [float(x.get("x1")) for x in ET.fromstring(svg).iter(f"{NS}line")]
    assert max(lines) <= 720
    assert sum(shares(svg)) == 2


@pytest.mark.parametrize("values", [[], [5], [5, 5, 5], [float("nan"), 3], [0, 0.001], [1e9, 2e9]])
def test_odd_values_still_give_a_picture(values):
    ET.fromstring(histogram(values, title="t", unit="u"))


def test_bars_are_as_long_as_their_values():
    svg = bars([("참값 그대로", 40), ("거절", 10)], title="수", unit="문항")
    boxes = [r for r in ET.fromstring(svg).iter(f"{NS}rect") if r.find(f"{NS}title") is not None]
    long, short = (float(b.get("width")) for b in boxes)
    assert long == pytest.approx(4 * short, rel=0.01)
    assert {"참값 그대로", "거절", "40", "10", "문항"} <= set(texts(svg))


def test_a_bar_cannot_be_negative():
    with pytest.raises(ValueError, match="zero or more"):
        bars([("a", -1)], title="t", unit="u")


@given(st.text(), st.text(), st.lists(st.floats(0, 1e12), max_size=20))
def test_whatever_it_is_called_the_picture_is_well_formed(title, unit, values):
    for svg in (
        histogram(values, title=title, unit=unit, marks=[(title, 5.0)]),
        bars([(title, v) for v in values], title=title, unit=unit),
    ):
        root = ET.fromstring(svg)
        assert not re.search(r"\{|nan|inf", "".join(r.get("width") for r in root.iter(f"{NS}rect")))
