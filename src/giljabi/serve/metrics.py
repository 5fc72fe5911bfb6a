"""`/metrics` for Prometheus: how many answers, how fast, by whom, and how much is waiting.

Counts only. No label has more values than the code names; nothing of a question is among them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from giljabi import __version__
from giljabi.answer.guide import MODEL_BUSY
from giljabi.serve.current_guide import Given
from giljabi.serve.work import Workers

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """What Prometheus is told. `note` is told of every answer, from any thread."""

    def __init__(self, workers: Workers) -> None:
        # Here and not above: a server without --metrics does without it.
        import prometheus_client as client  # noqa: PLC0415
        from prometheus_client import core  # noqa: PLC0415

        self._expose = client.generate_latest
        self.content_type = client.CONTENT_TYPE_LATEST
        self._registry = client.CollectorRegistry()
        client.ProcessCollector(registry=self._registry)
        known: Any = {"registry": self._registry}
        self._answers = client.Counter(
            "giljabi_answers", "Answers given.", ("outcome", "writer", "door"), **known
        )
        self._seconds = client.Histogram(
            "giljabi_answer_seconds", "From the question to the whole answer, queue left out.",
            ("writer",), buckets=_SECONDS, **known,
        )  # fmt: skip
        self._waits = client.Histogram(
            "giljabi_model_wait_seconds", "How long an answer waited for the model.",
            buckets=_SECONDS, **known,
        )  # fmt: skip
        self._busy = client.Counter(
            "giljabi_model_busy", "Answers the template gave because the model was busy.", **known
        )
        self._failed = client.Counter(
            "giljabi_checks_failed", "Sentences of the model that did not pass the check.", **known
        )
        client.Info("giljabi_build", "What runs here.", **known).info({"version": __version__})
        self._registry.register(_Queue(workers, core))

    def note(self, given: Given) -> None:
        """Count one answer."""
        answer = given.answer
        self._answers.labels(answer.outcome, answer.written_by, given.door).inc()
        self._seconds.labels(answer.written_by).observe(given.seconds)
        if (wait := answer.timings.get("wait")) is not None:
            self._waits.observe(wait / 1e3)
        for sentence, reason in answer.dropped:
            if sentence:
                self._failed.inc()
            elif reason == MODEL_BUSY:
                self._busy.inc()

    def text(self) -> bytes:
        """Everything, in the Prometheus text format."""
        return self._expose(self._registry)


class _Queue:
    """The workers as they are when Prometheus looks."""

    def __init__(self, workers: Workers, core: Any) -> None:
        self._workers = workers
        self._core = core

    def collect(self) -> Iterator[Any]:
        """The figures of the moment."""
        workers = self._workers
        yield self._core.GaugeMetricFamily(
            "giljabi_answers_running", "Answers being made.", workers.running
        )
        yield self._core.GaugeMetricFamily(
            "giljabi_answers_waiting", "Questions in the queue.", workers.waiting
        )
        yield self._core.CounterMetricFamily(
            "giljabi_turned_away", "Questions turned away with 429.", workers.turned_away
        )
