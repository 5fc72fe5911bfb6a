from __future__ import annotations

import pytest

from giljabi.errors import GiljabiError
from giljabi.serve.options import ServeOptions, host_name


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("localhost", "localhost"), ("LocalHost:8000", "localhost"),
        ("127.0.0.1:1", "127.0.0.1"), ("[::1]", "::1"), ("[::1]:8000", "::1"),
        ("[0:0:0:0:0:0:0:1]:80", "::1"), ("::1", "::1"), ("kiosk-1.local", "kiosk-1.local"),
        ("", None), ("localhost:", None), ("localhost:x", None), ("localhost:99999", None),
        ("a b", None), ("a@b", None), ("a/b", None), ("[::1", None), ("::1]", None),
        ("[localhost]", None), ("localhost:8000:1", None), ("localhost\n", None),
        ("한양.kr", None), ("localhost,evil", None), ("localhost:８０", None),
    ],
)  # fmt: skip
def test_the_host_of_a_header(value, name):
    assert host_name(value) == name


def test_the_bind_address_is_allowed_but_a_wildcard_is_nobodys_name():
    assert ServeOptions().allowed_hosts == {"localhost", "127.0.0.1", "::1"}
    assert "192.168.0.7" in ServeOptions(host="192.168.0.7").allowed_hosts
    for wildcard in ("0.0.0.0", "::"):
        assert wildcard not in ServeOptions(host=wildcard).allowed_hosts
    assert "kiosk.local" in ServeOptions(host="0.0.0.0", hosts=("Kiosk.local",)).allowed_hosts


@pytest.mark.parametrize(
    "bad",
    [
        {"workers": 0}, {"queue": -1}, {"port": 70000}, {"models": ()}, {"host": "a b"},
        {"hosts": ("*",)}, {"origins": ("*",)}, {"origins": ("null",)},
        {"origins": ("https://a.b/",)}, {"origins": ("https://A.b",)}, {"origins": ("a.b",)},
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(bad):
    with pytest.raises(GiljabiError):
        ServeOptions(**bad)
