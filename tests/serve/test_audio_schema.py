"""The OpenAPI document of the audio routes against the application, by generated requests."""

from __future__ import annotations

from collections import Counter

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS, load_all_checks

pytest.importorskip("soxr", reason="needs the extra voice")
pytest.importorskip("python_multipart", reason="needs the extra voice")

from scripted_voice import SpokenGuide, scripted_voice, utterance, wav_file

from giljabi.answer.memory import Memory
from giljabi.serve.api import create_app

app = create_app(SpokenGuide(), Memory(), voice=scripted_voice())
schema = schemathesis.openapi.from_asgi("/openapi.json", app, headers={"Host": "localhost"})
audio = schema.include(path_regex="^/v1/audio/")
load_all_checks()
[ACCEPTS_ALL, REFUSES_ALL] = CHECKS.get_by_names(
    ["positive_data_acceptance", "negative_data_rejection"]
)
SOUND = wav_file(utterance("학생회관은?"))
seen: Counter[tuple[str, int]] = Counter()


@audio.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_documented(case):
    # Which models there are and what is a sound, no schema can say; and in a form all is text.
    excluded = [ACCEPTS_ALL, REFUSES_ALL] if "transcriptions" in case.path else [ACCEPTS_ALL]
    body = dict(case.body) if isinstance(case.body, dict) else {}
    if isinstance(body.get("model"), str) and 0 < len(body["model"]) <= 200:
        body["model"] = "giljabi"
    if "file" in body:
        body["file"] = SOUND
    case.body = body or case.body
    reply = case.call_and_validate(headers={"Host": "localhost"}, excluded_checks=excluded)
    seen[case.path.rpartition("/")[2], reply.status_code] += 1


def test_the_requests_above_went_deep_enough():
    for key in (("speech", 200), ("speech", 400), ("transcriptions", 200), ("transcriptions", 400)):
        assert seen[key] > 0, seen
    assert not [key for key in seen if key[1] >= 429]
