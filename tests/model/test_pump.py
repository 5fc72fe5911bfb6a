import threading
import time

import pytest

from giljabi.model.pump import pump


def test_yields_while_the_work_still_runs():
    go_on = threading.Event()

    def work(emit, stopped):
        emit("하나")
        assert go_on.wait(5)
        emit("둘")

    pieces = pump(work)
    assert next(pieces) == "하나"
    go_on.set()
    assert list(pieces) == ["둘"]


def test_an_exception_of_the_work_reaches_the_consumer():
    def work(emit, stopped):
        emit("a")
        raise ValueError("broken")

    pieces = pump(work)
    assert next(pieces) == "a"
    with pytest.raises(ValueError, match="broken"):
        next(pieces)


@pytest.mark.parametrize("how", ["cancel", "close"])
def test_leaving_stops_the_work_at_once(how):
    done, aborted, leave = threading.Event(), [], threading.Event()

    def work(emit, stopped):
        emit("a")
        assert stopped.wait(5)
        done.set()

    pieces = pump(work, cancel=leave.is_set, abort=lambda: aborted.append(1))
    assert next(pieces) == "a"
    began = time.monotonic()
    if how == "cancel":
        leave.set()
        assert list(pieces) == []
    else:
        pieces.close()
    assert time.monotonic() - began < 0.5
    assert done.wait(5)
    assert aborted == [1]


def test_a_finished_work_is_not_aborted():
    aborted = []
    assert list(pump(lambda emit, _: emit("a"), abort=lambda: aborted.append(1))) == ["a"]
    assert aborted == []
