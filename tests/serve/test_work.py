from __future__ import annotations

import asyncio
import threading
import time

import pytest
from running import until

from giljabi.serve.work import BusyError, Workers


@pytest.fixture
def workers():
    made = []

    def make(size=1, waiting=8):
        made.append(Workers(size, waiting))
        return made[-1]

    yield make
    for each in made:
        each.close()


def items_of(n):
    return lambda cancel: iter(range(n))


async def read(job):
    return [item async for item in job]


def forever(ended):
    def make(cancel):
        try:
            while not cancel():
                time.sleep(0.005)
                yield 0
        finally:
            ended.append(threading.current_thread().name)

    return make


def test_a_job_gives_its_items_in_order(workers):
    async def main():
        pool = workers()
        jobs = [pool.submit(items_of(n)) for n in (0, 3, 100)]
        return [await read(job) for job in jobs]

    assert asyncio.run(main()) == [[], [0, 1, 2], list(range(100))]


def test_an_error_reaches_the_reader_after_the_items_before_it(workers):
    def make(cancel):
        yield 1
        raise ValueError("no")

    async def main():
        job = workers().submit(make)
        seen = [await anext(job)]
        with pytest.raises(ValueError, match="no"):
            await anext(job)
        return seen

    assert asyncio.run(main()) == [1]


def test_a_full_queue_is_said_at_once_and_empties_again(workers):
    async def main():
        pool, ended = workers(2, 3), []
        jobs = [pool.submit(forever(ended)) for _ in range(5)]
        began = time.monotonic()
        with pytest.raises(BusyError):
            pool.submit(items_of(1))
        assert time.monotonic() - began < 0.1
        await asyncio.to_thread(until, lambda: (pool.running, pool.waiting) == (2, 3))
        for job in reversed(jobs):  # those that wait first: a worker set free would begin one
            job.cancel()
        await asyncio.to_thread(until, lambda: (pool.running, pool.waiting) == (0, 0))
        assert len(ended) == 2  # the other three never began
        return await read(pool.submit(items_of(1)))

    assert asyncio.run(main()) == [0]


def test_a_waiting_job_that_is_cancelled_gives_its_place_back(workers):
    async def main():
        pool, ended = workers(1, 1), []
        running = pool.submit(forever(ended))
        await asyncio.to_thread(until, lambda: pool.running == 1)
        waiting = pool.submit(items_of(1))
        waiting.cancel()
        assert await read(waiting) == []
        other = pool.submit(items_of(1))
        running.cancel()
        return await read(other)

    assert asyncio.run(main()) == [0]


def test_cancelling_one_leaves_the_other_alone(workers):
    async def main():
        pool, ended = workers(2), []
        one, other = pool.submit(forever(ended), "a"), pool.submit(items_of(50), "b")
        pool.cancel_key("a")
        assert await read(one) == []
        return await read(other)

    assert asyncio.run(main()) == list(range(50))


def test_a_worker_runs_only_a_little_ahead_of_a_slow_reader(workers):
    made = []

    def make(cancel):
        for n in range(1000):
            made.append(n)
            yield n

    async def main():
        job = workers().submit(make)
        await asyncio.to_thread(until, lambda: len(made) >= 17)
        await asyncio.sleep(0.3)
        assert len(made) <= 18
        job.cancel()

    asyncio.run(main())
    assert len(made) <= 18


def test_a_cancelled_iterator_is_closed(workers):
    closed = threading.Event()

    def make(cancel):
        try:
            yield from range(10_000)
        finally:
            closed.set()

    async def main():
        job = workers().submit(make)
        await anext(job)
        job.cancel()
        with pytest.raises(StopAsyncIteration):
            await anext(job)

    asyncio.run(main())
    assert closed.wait(5)


def test_a_closed_pool_takes_nothing_and_its_threads_end(workers):
    async def main():
        pool, ended = workers(2), []
        job = pool.submit(forever(ended))
        await anext(job)
        pool.close()
        assert await read(job) == []
        with pytest.raises(BusyError):
            pool.submit(items_of(1))
        pool.open()
        assert await read(pool.submit(items_of(2))) == [0, 1]
        pool.close()

    before = set(threading.enumerate())
    asyncio.run(main())
    until(lambda: not [t for t in set(threading.enumerate()) - before if "giljabi" in t.name])


def test_a_reader_that_is_gone_does_not_break_the_worker(workers):
    pool, ended = workers(1), []

    async def main():
        pool.submit(forever(ended))
        await asyncio.to_thread(until, lambda: pool.running == 1)

    asyncio.run(main())  # the loop is closed now, the job still runs
    pool.close()
    until(lambda: pool.running == 0)
    assert len(ended) == 1
