"""Servers of this process, stopped after the test or the module."""

from __future__ import annotations

import pytest
from running import Running
from scripted import ScriptedGuide

from giljabi.answer.memory import Memory
from giljabi.serve.options import ServeOptions


@pytest.fixture
def start():
    """start(answers=…, memory=…, voice=…, operator=…, **options): a server that is stopped after the test."""
    running = []

    def begin(answers=None, memory=None, voice=None, operator=None, **options):
        server = Running(
            answers or ScriptedGuide(), memory or Memory(), ServeOptions(**options), voice, operator
        )
        running.append(server)
        return server

    yield begin
    for server in running:
        server.stop()


@pytest.fixture
def server(start):
    return start()


@pytest.fixture(scope="module")
def shared():
    """One server for all tests of a module that leave nothing behind."""
    running = Running(ScriptedGuide(), Memory(), ServeOptions())
    yield running
    running.stop()
