"""A local OpenAI-compatible endpoint that plays a teacher, good and bad, for tests and benchmarks.

It words the facts it is shown, so what it says of its own accord is true by construction, and what
is planted in it is false by construction. Run as a program it prints its address and serves until
killed: python teachers.py [--trouble] [--latency SECONDS].
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_ASKS = {
    "ko": [("{p} 몇 층이에요?", "층 건물"), ("{p}까지 걸어서 얼마나 걸리나요?", "걸어서"), ("{p} 옆에는 뭐가 있나요?", "[쪽옆처래]에 .*있습니다"),
           ("{p} 건물 번호가 뭐예요?", "건물번호"), ("{p}에 대해 알려 주세요.", "걸어서|번호|층 건물"), ("{p} 정보 좀 알려 주실래요?", "번호|층 건물|걸어서"),
           ("{p}까지 도보로 몇 분이에요?", "걸어서"), ("{p}까지 대중교통으로 어떻게 가요?", "타고"), ("{p} 주변에 어떤 건물이 있어요?", "[쪽옆처래]에 .*있습니다"),
           ("{p}까지 시간이 얼마나 걸려요?", "걸어서")],
    "en": [("How many floors are there in {p}?", "floors"), ("How long is the walk to {p}?", "on foot"), ("What stands next to {p}?", " (?:next to|above|below|behind|of) the "),
           ("What is the building number of {p}?", "building number"), ("Could you tell me about {p}?", "on foot|number|floors"), ("How many minutes is it to {p} on foot?", "on foot"),
           ("What is near {p}?", " (?:next to|above|below|behind|of) the "), ("How do I reach {p} by public transport?", "take (?:bus|subway)"),
           ("What is the walking time to {p}?", "on foot"), ("What do you know about {p}?", "on foot|number|floors")],
}  # fmt: skip
_FLIPS = [("왼쪽", "오른쪽"), ("오른쪽", "왼쪽"), ("위쪽", "아래쪽"), ("아래쪽", "위쪽"), ("앞쪽", "뒤쪽"), ("뒤쪽", "앞쪽"),
          ("to the left of", "to the right of"), ("to the right of", "to the left of"), ("above", "below"), ("below", "above")]  # fmt: skip


class Teacher(ThreadingHTTPServer):
    """The server; `trouble` makes it misbehave in the ways real ones do, `lies` plants falsehoods."""

    daemon_threads = True

    def __init__(self, *, trouble: bool = False, lies: float = 0.0, latency: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.trouble, self.lies, self.latency = trouble, lies, latency
        self.lock = threading.Lock()
        self.statuses: Counter[int] = Counter()
        self.billed: Counter[str] = Counter()
        self.tries: Counter[str] = Counter()
        self.told_true: set[str] = set()
        self.told_false: set[str] = set()
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.busy = self.most_busy = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def __enter__(self) -> Teacher:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: Teacher
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        s = self.server
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key = self.headers.get("idempotency-key", "")
        with s.lock:
            s.bodies.append(body)
            s.headers.append(dict(self.headers))
            s.tries[key] += 1
            tries = s.tries[key]
            s.busy += 1
            s.most_busy = max(s.most_busy, s.busy)
        try:
            time.sleep(s.latency)
            status, reply, extra = self._reply(body, key, tries)
        finally:
            with s.lock:
                s.busy -= 1
        with s.lock:
            s.statuses[status] += 1
            if status == 200:
                s.billed[key] += 1
        data = reply if isinstance(reply, bytes) else json.dumps(reply, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        for name, value in extra.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def _reply(self, body: dict[str, Any], key: str, tries: int) -> tuple[int, Any, dict[str, str]]:
        rng = random.Random(hashlib.sha256(json.dumps(body["messages"]).encode()).digest())
        trouble = rng.random() if self.server.trouble else 1.0
        if trouble < 0.10 and tries == 1:
            return (
                429,
                {
                    "error": {
                        "message": "Rate limit reached",
                        "type": "requests",
                        "code": "rate_limit_exceeded",
                    }
                },
                {"retry-after": "0"},
            )
        if trouble < 0.20 and tries == 1:
            return (
                500,
                {"error": {"message": "The server had an error", "type": "server_error"}},
                {},
            )
        if trouble < 0.24 and tries == 1:
            return 502, b"<html>bad gateway</html>", {}
        pairs = self._pairs(body, rng)
        text = json.dumps({"pairs": pairs}, ensure_ascii=False)
        finish = "stop"
        if self.server.trouble and trouble < 0.34:
            text, finish = text[: int(len(text) * rng.uniform(0.5, 0.95))], "length"
        elif trouble < 0.44:
            text = f"물론이죠! 요청하신 질문입니다.\n```json\n{text}\n```"
        elif trouble < 0.54:
            text = json.dumps({"pairs": pairs[:-3]}, ensure_ascii=False)
        elif trouble < 0.60:
            text = json.dumps(
                [*pairs, {"question": "", "answer": ""}, {"q": "?"}], ensure_ascii=False
            )
        said = sum(len(m["content"]) for m in body["messages"])
        return 200, {
            "id": f"chatcmpl-{key[:8]}", "object": "chat.completion", "model": body["model"],
            "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}],
            "usage": {"prompt_tokens": said // 2, "completion_tokens": len(text) // 2, "total_tokens": (said + len(text)) // 2},
        }, {}  # fmt: skip

    def _pairs(self, body: dict[str, Any], rng: random.Random) -> list[dict[str, str]]:
        """One question for each fact in the prompt, answered with the fact, or with its opposite."""
        prompt = body["messages"][-1]["content"]
        ko = "장소:" in prompt
        name = re.search(r"(?:장소|Place): ([^,\n]+)", prompt)[1]  # type: ignore[index]
        facts = re.findall(r"^- (.+)$", prompt, re.M)
        out = []
        for ask, suits in rng.sample(_ASKS["ko" if ko else "en"], 10):
            fitting = [f for f in facts if re.search(suits, f)]
            fact = rng.choice(fitting or facts)
            answer = self._polite(fact) if ko else fact
            false = rng.random() < self.server.lies and (lie := _lie(answer, rng)) != answer
            if false:
                answer = lie
            with self.server.lock:
                (self.server.told_false if false else self.server.told_true).add(answer)
            out.append({"question": ask.format(p=name), "answer": answer})
        return out

    def _polite(self, fact: str) -> str:
        return re.sub(
            r"있습니다\.$",
            "있어요.",
            re.sub(r"걸립니다\.$", "걸려요.", re.sub(r"건물입니다\.$", "건물이에요.", fact)),
        )


def _lie(text: str, rng: random.Random) -> str:
    """The text with a figure or a direction made false."""
    for a, b in _FLIPS:
        if a in text and rng.random() < 0.6:
            return text.replace(a, b, 1)
    numbers = list(re.finditer(r"(?<![\d.])\d+(?=층|분| floors| minutes|번|km)", text))
    if numbers:
        m = rng.choice(numbers)
        return text[: m.start()] + str(int(m[0]) + rng.choice((1, 2, 3, 5))) + text[m.end() :]
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trouble", action="store_true")
    parser.add_argument("--latency", type=float, default=0.0)
    options = parser.parse_args()
    server = Teacher(trouble=options.trouble, latency=options.latency)
    print(server.url, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
