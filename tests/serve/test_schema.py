"""The OpenAPI document against the application, by generated requests."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from scripted import ScriptedGuide

from giljabi.answer.memory import Memory
from giljabi.serve.api import create_app
from giljabi.serve.options import ServeOptions

app = create_app(ScriptedGuide(), Memory(), ServeOptions())
schema = schemathesis.openapi.from_asgi("/openapi.json", app)


@schema.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True,
          suppress_health_check=list(HealthCheck))  # fmt: skip
def test_every_answer_is_as_documented(case):
    case.call_and_validate(headers={"Host": "localhost"})
