"""The door of `/metrics`: open where there is no operator's token, else only with it."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.responses import Response

from giljabi.serve.gate import Gate
from giljabi.serve.metrics import Metrics


class MetricsRoute:
    """`GET /metrics`."""

    def __init__(self, metrics: Metrics, gate: Gate | None) -> None:
        self.metrics = metrics
        self.gate = gate

    def add_to(self, app: FastAPI) -> None:
        """Register the route."""
        app.add_api_route("/metrics", self.tell, include_in_schema=False)

    async def tell(self, request: Request) -> Response:
        """The figures, in the Prometheus text format."""
        if self.gate is not None:
            self.gate.require(request)
        return Response(self.metrics.text(), media_type=self.metrics.content_type)
