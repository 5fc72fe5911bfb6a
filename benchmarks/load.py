"""1,000 mixed requests at concurrency 32 against a real server, and a kill -9 in the middle.

Every conversation has a place of its own and asks a follow-up that names none ("몇 층이야?"), so an
answer that crossed over from another conversation shows.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from giljabi.answer.memory import Memory
from giljabi.venue import folder

ROOT = Path(__file__).parents[1]
PORT = 8765
URL = f"http://127.0.0.1:{PORT}"


def start(model: str, db: Path, *extra: str) -> subprocess.Popen[bytes]:
    """A `giljabi serve` of its own, ready to answer."""
    command = [sys.executable, "-m", "giljabi.cli", "serve", "--port", str(PORT), "--model", model,
               "--memory", f"sqlite:///{db}", *extra]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    for _ in range(300):
        try:
            httpx.get(f"{URL}/healthz", timeout=1).raise_for_status()
            return process
        except httpx.HTTPError:
            time.sleep(0.2)
    raise RuntimeError("the server did not start")


def stop(process: subprocess.Popen[bytes], how: int = signal.SIGTERM) -> None:
    """End the server and wait for it."""
    os.kill(process.pid, how)
    process.wait(20)


def _places() -> list[tuple[str, str]]:
    venue = folder.load(ROOT / "venues" / "hanyang")
    return [
        (p.label("ko"), f"{p.floors.above}층") for p in venue.places if p.floors and p.floors.above
    ]


async def _conversation(client: httpx.AsyncClient, n: int, seen: list[dict[str, Any]]) -> None:
    name, floors = _PLACES[n % len(_PLACES)]
    conversation = f"load-{n}"
    turns = [(f"{name} 어디야?", name), ("몇 층이야?", floors), ("박물관 전화번호 알려줘", "자료에 없"),
             ("Where is a convenience store?", "Hanyang Plaza")]  # fmt: skip
    for question, expected in turns:
        row: dict[str, Any] = {"conversation": conversation, "question": question}
        try:
            reply = await client.post(
                "/answer", json={"prompt": question, "conversation": conversation}
            )
            row |= {"status": reply.status_code}
            if reply.status_code == 200:
                out = reply.json()
                row |= {
                    "right": expected in out["result"],
                    "by": out["written_by"],
                    "text": out["result"],
                }
        except httpx.HTTPError as error:
            row |= {"status": 0, "error": type(error).__name__}
        seen.append(row)


_PLACES = _places()


async def _drive(
    conversations: int, concurrency: int, kill: subprocess.Popen[bytes] | None
) -> list[dict[str, Any]]:
    seen: list[dict[str, Any]] = []
    gate = asyncio.Semaphore(concurrency)

    async def one(n: int) -> None:
        async with gate:
            await _conversation(client, n, seen)
            if kill is not None and n == conversations // 2:
                os.kill(kill.pid, signal.SIGKILL)

    async with httpx.AsyncClient(base_url=URL, timeout=120) as client:
        await asyncio.gather(*(one(n) for n in range(conversations)))
    return seen


def measure(model: str, requests: int = 1000, concurrency: int = 32) -> dict[str, Any]:
    """Statuses, lost and crossed answers, requests a second, and what a kill -9 left behind."""
    conversations = requests // 4
    with tempfile.TemporaryDirectory() as folder_:
        db = Path(folder_) / "memory.db"
        server = start(model, db)
        begin = time.perf_counter()
        seen = asyncio.run(_drive(conversations, concurrency, None))
        spent = time.perf_counter() - begin
        stop(server)
        killed = start(model, Path(folder_) / "killed.db")
        during = asyncio.run(_drive(min(conversations, 100), concurrency, killed))
        killed.wait(20)
        kept = _kept(Path(folder_) / "killed.db", during)
        again = start(model, Path(folder_) / "killed.db")
        # The last turn of load-0 found Hanyang Plaza (4 storeys): the memory has to know.
        body = {"prompt": "거기 몇 층이야?", "conversation": "load-0"}
        followed = "4층" in httpx.post(f"{URL}/answer", json=body, timeout=60).json()["result"]
        stop(again)
    return {
        "model": model, "requests": len(seen), "concurrency": concurrency,
        "statuses": dict(Counter(str(r["status"]) for r in seen)),
        "crossed_or_wrong": sum(not r.get("right", True) for r in seen),
        "written_by": dict(Counter(r.get("by", "") for r in seen)),
        "follow_up_after_restart": followed,
        "requests_per_second": round(len(seen) / spent, 1), **kept,
    }  # fmt: skip


def _kept(db: Path, during: list[dict[str, Any]]) -> dict[str, int]:
    """Of the turns answered before the kill, how many the database still holds word for word."""
    memory = Memory(f"sqlite:///{db}")
    answered = [r for r in during if r["status"] == 200]
    stored = {
        (r["conversation"], t.question, t.answer)
        for r in answered
        for t in memory.history(r["conversation"])
    }
    memory.close()
    still = sum((r["conversation"], r["question"], r["text"]) in stored for r in answered)
    return {"answered_before_kill": len(answered), "kept_after_kill": still}


if __name__ == "__main__":
    for name in sys.argv[1:] or ["none", "auto"]:
        print(json.dumps(measure(name), ensure_ascii=False, indent=1))
