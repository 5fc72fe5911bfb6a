"""Many visitors at once at the shipped venue: nobody is turned away, lost, or given another's answer.

Each conversation is about a place of its own and asks a follow-up that names none. What a
kill -9 leaves behind stands in test_run.py.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from giljabi.answer.guide import Guide
from giljabi.answer.memory import Memory
from giljabi.venue import folder

VENUE = folder.load(Path(__file__).parents[2] / "venues" / "hanyang")
CONVERSATIONS = 50
CONCURRENCY = 32


def tall_places():
    """(id, Korean name, English name) of places that are found by name and have floors."""
    guide = Guide(VENUE)
    names = ((p, p.label("ko"), p.label("en")) for p in VENUE.places if p.floors and p.floors.above)
    return [
        (p.id, ko, en)
        for p, ko, en in names
        if all(guide.answer(f"{name}?").places == (p.id,) for name in (ko, en))
    ]


def turns(number, place):
    """(question, the place its answer must be about or None) of one conversation."""
    one, ko, en = place
    if number % 2:
        about = [
            (f"Where is {en}?", one), ("What about its number of floors?", one),
            ("Where is Seoul National University?", None), (f"How many floors does {en} have?", one),
        ]  # fmt: skip
    else:
        about = [
            (f"{ko} 어디야?", one), ("거기 몇 층이야?", one),
            ("서울대 중앙도서관 어디야?", None), (f"애지문에서 {ko}까지 어떻게 가?", one),
        ]  # fmt: skip
    return about


@pytest.fixture(scope="module")
def places():
    found = tall_places()
    assert len(found) >= 16  # enough that two visitors seldom share one
    return found


def test_200_requests_32_at_once_are_all_answered_and_none_crosses(start, tmp_path, places):
    memory = Memory(f"sqlite:///{tmp_path / 'turns.db'}")
    server = start(answers=Guide(VENUE), memory=memory)

    def visit(number):
        heard = []
        for question, place in turns(number, places[number % len(places)]):
            reply = server.ask(question, conversation=f"c{number}")
            heard.append((question, place, reply))
        return heard

    with ThreadPoolExecutor(CONCURRENCY) as crowd:
        visits = list(crowd.map(visit, range(CONVERSATIONS)))

    replies = [one for heard in visits for one in heard]
    assert Counter(reply.status_code for _, _, reply in replies) == {200: 4 * CONVERSATIONS}
    for number, heard in enumerate(visits):
        for question, place, reply in heard:
            body = reply.json()
            assert body["conversation"] == f"c{number}"
            if place is None:
                assert body["outcome"] == "no_such_place", (question, body["result"])
            else:
                assert place in body["places"], (question, body["result"])
        kept = [(t.question, t.answer) for t in memory.history(f"c{number}")]
        assert kept == [(question, reply.json()["result"]) for question, _, reply in heard]
