"""The OpenAPI document against the application, by generated requests."""

from __future__ import annotations

from collections import Counter

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS, load_all_checks
from scripted import ScriptedGuide

from giljabi.answer.memory import Memory
from giljabi.serve.api import create_app
from giljabi.serve.options import ServeOptions

QR = "/v1/qr"
CHAT = "/v1/chat/completions"
app = create_app(ScriptedGuide(), Memory(), ServeOptions(public_url="http://192.168.0.10:8000"))
schema = schemathesis.openapi.from_asgi("/openapi.json", app, headers={"Host": "localhost"})
load_all_checks()
[ACCEPTS_ALL] = CHECKS.get_by_names(["positive_data_acceptance"])
seen: Counter[tuple[str, str, int]] = Counter()


@schema.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_documented(case):
    # Which paths are pages of this server no schema can say.
    excluded = [ACCEPTS_ALL] if case.path == QR else []
    if case.path == CHAT:
        # That the last message is the user's, and which models there are, no schema can say.
        excluded = [ACCEPTS_ALL]
        body = dict(case.body) if isinstance(case.body, dict) else {}
        if isinstance(body.get("model"), str) and 0 < len(body["model"]) <= 200:
            body["model"] = "giljabi"
        if isinstance(body.get("messages"), list) and 0 < len(body["messages"]) < 64:
            body["messages"] = [*body["messages"], {"role": "user", "content": "하나"}]
        case.body = body or case.body
    reply = case.call_and_validate(headers={"Host": "localhost"}, excluded_checks=excluded)
    seen[case.method, case.path, reply.status_code] += 1


def test_the_requests_above_went_deep_enough():
    for key in (
        ("POST", "/answer", 200), ("POST", "/answer", 400), ("POST", "/answer", 415),
        ("POST", CHAT, 200), ("POST", CHAT, 400), ("GET", "/v1/route", 200),
        ("GET", "/v1/places", 200), ("GET", "/print", 200), ("GET", QR, 400), ("DELETE", "/conversations/{conversation}", 200),
    ):  # fmt: skip
        assert seen[key] > 0, key
    assert not [key for key in seen if key[2] >= 429]
