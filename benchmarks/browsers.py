"""30 kiosks at one server: each loads the page, looks at the places, asks, follows up, asks a way.

HTTP clients that do what the page does, each with connections and a conversation of its own and time
to think in between. All must be served, none much later than the others, and memory must stay.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import ssl
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from load import URL, start, stop

from giljabi.answer.guide import Guide
from giljabi.venue import folder

VENUE = folder.load(Path(__file__).parents[1] / "venues" / "hanyang")
THINK_S = (0.3, 1.5)
_CONTEXT = ssl.create_default_context()
_ASSET = re.compile(r"""(?:src|href)="(/?[^":]+\.(?:js|css|svg|png|woff2|json))\"""")


@dataclass
class Kiosk:
    """One client: what it saw, by kind of request."""

    number: int
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: Counter[str] = field(default_factory=Counter)
    writers: Counter[str] = field(default_factory=Counter)
    wrong: int = 0
    failed: int = 0

    async def visit(self, until: float, places: list[tuple[str, str]]) -> None:
        """Visitors one after the other until the time is over."""
        rng = random.Random(self.number)
        await asyncio.sleep(rng.uniform(0, 1))  # kiosks are not switched on in the same moment
        # The context is of no use on http and takes 20 ms to make, which others would wait for.
        async with httpx.AsyncClient(base_url=URL, timeout=60, verify=_CONTEXT) as http:
            page = await self._do(http, "page", "GET", "/", headers={"accept": "text/html"})
            for asset in dict.fromkeys(_ASSET.findall(page.text if page else "")):
                await self._do(http, "asset", "GET", asset if asset[0] == "/" else f"/{asset}")
            visitor = 0
            while time.monotonic() < until:
                visitor += 1
                await self._visitor(http, rng, f"k{self.number}-{visitor}", rng.choice(places))

    async def _visitor(
        self, http: httpx.AsyncClient, rng: random.Random, ident: str, place: tuple[str, str]
    ) -> None:
        key, name = place
        await self._do(http, "places", "GET", "/v1/places?limit=1000")
        await asyncio.sleep(rng.uniform(*THINK_S))
        for question in (f"{name} 어디야?", "거기 몇 층이야?"):
            body = {"prompt": question, "conversation": ident}
            reply = await self._do(http, "answer", "POST", "/answer", json=body)
            if reply is not None and reply.status_code == 200:
                told = reply.json()
                self.writers[told["written_by"]] += 1
                self.wrong += key not in told["places"]
            await asyncio.sleep(rng.uniform(*THINK_S))
        way = {"from": "애지문", "to": name, "step_free": rng.choice(("true", "false"))}
        await self._do(http, "route", "GET", "/v1/route", params=way)
        await asyncio.sleep(rng.uniform(*THINK_S))
        await self._do(http, "wipe", "DELETE", f"/conversations/{ident}")

    async def _do(
        self, http: httpx.AsyncClient, kind: str, method: str, path: str, **more: Any
    ) -> httpx.Response | None:
        """The reply; who is turned away comes again when told to."""
        while True:
            began = time.perf_counter()
            try:
                reply = await http.request(method, path, **more)
            except httpx.HTTPError:
                self.failed += 1
                return None
            self.seconds[kind].append(time.perf_counter() - began)
            self.statuses[f"{kind} {reply.status_code}"] += 1
            if reply.status_code != 429:
                return reply
            await asyncio.sleep(float(reply.headers["retry-after"]))


def _known() -> list[tuple[str, str]]:
    """(id, name) of places with floors that the guide finds by that name alone."""
    guide = Guide(VENUE)
    tall = [(p.id, p.label("ko")) for p in VENUE.places if p.floors and p.floors.above]
    return [(i, name) for i, name in tall if guide.answer(f"{name} 어디야?").places == (i,)]


def _memory(pid: int) -> dict[str, float]:
    """Resident memory of a process now and at its highest, MiB."""
    rows = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {k: round(int(rows[v].split()[0]) / 1024, 1) for k, v in
            (("now", "VmRSS"), ("highest", "VmHWM"))}  # fmt: skip


def _spent(values: list[float]) -> dict[str, float]:
    """Milliseconds."""
    p95 = (
        statistics.quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]
    )
    return {
        "n": len(values), "p50": round(statistics.median(values) * 1e3, 1),
        "p95": round(p95 * 1e3, 1), "max": round(max(values) * 1e3, 1),
    }  # fmt: skip


async def _open(kiosks: list[Kiosk], seconds: float, places: list[tuple[str, str]]) -> None:
    until = time.monotonic() + seconds
    await asyncio.gather(*(kiosk.visit(until, places) for kiosk in kiosks))


def measure(
    model: str, clients: int = 30, seconds: float = 20.0, queue: int = 64
) -> dict[str, Any]:
    """What `clients` kiosks saw of one server in `seconds`, and what it took."""
    places = _known()
    kiosks = [Kiosk(n) for n in range(clients)]
    with tempfile.TemporaryDirectory() as where:
        server = start(model, Path(where) / "memory.db", "--metrics", "--queue", str(queue))
        before = _memory(server.pid)
        begin = time.perf_counter()
        asyncio.run(_open(kiosks, seconds, places))
        spent = time.perf_counter() - begin
        after = _memory(server.pid)
        told = httpx.get(f"{URL}/metrics").text
        turned_away = re.search(r"^giljabi_turned_away_total ([\d.]+)", told, re.M)
        stop(server)
    by_kind: dict[str, list[float]] = defaultdict(list)
    for kiosk in kiosks:
        for kind, values in kiosk.seconds.items():
            by_kind[kind] += values
    slowest = sorted(_spent(k.seconds["answer"])["p95"] for k in kiosks if k.seconds["answer"])
    answers = sorted(len(k.seconds["answer"]) for k in kiosks)
    return {
        "model": model, "clients": clients, "queue": queue, "seconds": round(spent, 1),
        "statuses": dict(sorted(sum((k.statuses for k in kiosks), Counter[str]()).items())),
        "failed": sum(k.failed for k in kiosks), "wrong": sum(k.wrong for k in kiosks),
        "turned_away": float(turned_away[1]) if turned_away else None,
        "written_by": dict(sum((k.writers for k in kiosks), Counter[str]())),
        "ms": {kind: _spent(values) for kind, values in sorted(by_kind.items())},
        "answer_p95_of_a_client_ms": {
            "least": slowest[0], "median": statistics.median(slowest), "most": slowest[-1],
        },
        "answers_of_a_client": {"least": answers[0], "most": answers[-1]},
        "memory_mib": {"before": before["now"], "after": after["now"], "highest": after["highest"]},
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=["none", "auto"])
    parser.add_argument("--clients", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--queue", type=int, default=64)
    chosen = parser.parse_args()
    for name in chosen.models:
        figures = measure(name, chosen.clients, chosen.seconds, chosen.queue)
        print(json.dumps(figures, ensure_ascii=False, indent=1), flush=True)
