"""A local stand-in for Kakao's and Naver's search APIs, over an invented town.

It speaks the documented protocols over real HTTP: keys in headers, page and size limits with the
documented errors, 45 shown results at Kakao, 5 at Naver. It counts every request, and can be told to
answer chosen ones with an error, a malformed body or silence.
"""

from __future__ import annotations

import json
import math
import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from giljabi.venue.graph import metres_between
from giljabi.venue.place import Point

CENTRE = Point(37.5563, 127.0446)
KAKAO_KEY = "0123456789abcdef-kakao-rest-key"
NAVER_ID, NAVER_SECRET = "naver-id-abcdef", "naver-secret-abcdef"
MAPS_ID, MAPS_KEY = "maps-id-abcdef", "maps-key-abcdef"

_KINDS = (
    ("FD6", "음식점", "음식점 > 한식 > 국밥", "음식점>한식", 120), ("CE7", "카페", "음식점 > 카페 > 커피전문점", "카페,디저트>카페", 60),
    ("CS2", "편의점", "가정,생활 > 편의점 > 씨유", "생활,편의>편의점", 30), ("HP8", "병원", "의료,건강 > 병원 > 내과", "병원,의원>내과", 25),
    ("PM9", "약국", "의료,건강 > 약국", "건강,의료>약국", 20), ("BK9", "은행", "금융,보험 > 금융서비스 > 은행", "금융,보험>은행", 20),
    ("PK6", "주차장", "교통,수송 > 교통시설 > 주차장", "교통시설>주차장", 15), ("SC4", "학교", "교육,학문 > 학교 > 초등학교", "교육>초등학교", 10),
)  # fmt: skip


@dataclass(frozen=True)
class Spot:
    """A place of the town; `naver` is its title there, or None where only Kakao has it."""

    number: int
    name: str
    code: str
    group: str
    category: str
    naver_category: str
    point: Point
    naver: str | None = None
    katec: bool = False

    @property
    def road(self) -> str:
        return f"서울 성동구 해달로 {self.number}"

    def document(self, centre: Point | None) -> dict[str, str]:
        return {
            "id": str(900_000 + self.number), "place_name": self.name, "category_name": self.category,
            "category_group_code": self.code, "category_group_name": self.group,
            "phone": f"02-2220-{self.number:04}", "address_name": f"서울 성동구 해달동 {self.number}",
            "road_address_name": self.road, "x": str(self.point.lon), "y": str(self.point.lat),
            "place_url": f"http://place.map.kakao.com/{900_000 + self.number}",
            "distance": str(round(metres_between(centre, self.point))) if centre else "",
        }  # fmt: skip

    def item(self) -> dict[str, str]:
        x, y = (
            (310_277, 552_097) if self.katec else (self.point.lon * 1e7 + 900, self.point.lat * 1e7)
        )
        return {
            "title": self.naver or "", "link": f"https://haedal.example/{self.number}" if self.number % 3 else "",
            "category": self.naver_category, "description": "", "telephone": "",
            "address": f"서울특별시 성동구 해달동 {self.number}", "roadAddress": self.road,
            "mapx": str(int(x)), "mapy": str(int(y)),
        }  # fmt: skip


def town() -> list[Spot]:
    """300 places: a dense middle, a thin rim beyond 1 km, and some that both services know."""
    chance = random.Random(20261121)
    spots: list[Spot] = []
    for code, group, category, naver_category, count in _KINDS:
        for i in range(count):
            metres, angle = 1300 * chance.random() ** 1.5, chance.uniform(0, math.tau)
            lat = CENTRE.lat + metres * math.sin(angle) / 111_195
            lon = CENTRE.lon + metres * math.cos(angle) / (
                111_195 * math.cos(math.radians(CENTRE.lat))
            )
            n = len(spots) + 1
            name = f"해달{group} {n}호점" if code != "CS2" else f"씨유 해달{n}호점"
            head, _, branch = name.partition(" ")
            known = {0: f"<b>{head}</b>({branch})", 1: f"{name} &amp; 벗"}.get(i % 3)
            point = Point(round(lat, 7), round(lon, 7))
            spots.append(Spot(n, name, code, group, category, naver_category, point, known, n == 2))
    return spots


def crowd(count: int) -> list[Spot]:
    """More places on one spot than a search can ever show."""
    return [
        Spot(n, f"푸드코트 {n}호", "FD6", "음식점", "음식점 > 한식", "음식점>한식", CENTRE) for n in range(1, count + 1)
    ]  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """An answer out of the ordinary; `stall` is silence instead of an answer, in seconds."""

    status: int = 200
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    stall: float = 0.0


SLOW_DOWN = Fault(
    429, '{"errorMessage":"Rate limit exceeded","errorCode":"012"}', (("Retry-After", "1"),)
)
KAKAO_SPENT = Fault(400, '{"code":-10,"msg":"API limit has been exceeded."}')
NAVER_SPENT = Fault(429, '{"errorMessage":"Query limit exceeded","errorCode":"010"}')
BROKEN = Fault(500, '{"errorMessage":"System Error","errorCode":"SE99"}')
HTML = Fault(200, "<html><body>점검 중입니다</body></html>", (("Content-Type", "text/html"),))
HALF = Fault(200, '{"meta": {"total_count": 3}}')


@dataclass
class MapServices:
    """The running stand-in. `faults` is by request number from 1; `fault_from` from one on."""

    spots: Sequence[Spot]
    url: str = ""
    asked: list[str] = field(default_factory=list)
    answered: Counter[str] = field(default_factory=Counter)
    faults: dict[int, Fault] = field(default_factory=dict)
    fault_from: tuple[int, Fault] | None = None
    connections: int = 0
    stalled: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, target: str) -> Fault | None:
        with self.lock:
            self.asked.append(target)
            n = len(self.asked)
        if self.fault_from and n >= self.fault_from[0]:
            return self.fault_from[1]
        return self.faults.get(n)

    def answer(self, path: str, params: dict[str, str], headers: Any) -> tuple[int, dict[str, Any]]:
        if path.startswith("/v2/local/search/"):
            return self._kakao(path, params, headers.get("Authorization", ""))
        if path in ("/v1/search/local.json", "/search/v1/local"):
            names = ("X-Naver-Client-Id", "X-Naver-Client-Secret")
            if path.startswith("/search"):
                names = ("x-ncp-apigw-api-key-id", "x-ncp-apigw-api-key")
            if tuple(headers.get(n) for n in names) != (NAVER_ID, NAVER_SECRET):
                words = (
                    "NID AUTH Result Invalid (1000) : Authentication failed. (인증에 실패했습니다.)"
                )
                return 401, {"errorMessage": words, "errorCode": "024"}
            return self._naver(params)
        if path == "/map-geocode/v2/geocode":
            keys = (headers.get("x-ncp-apigw-api-key-id"), headers.get("x-ncp-apigw-api-key"))
            if keys != (MAPS_ID, MAPS_KEY):
                return 401, {"error": {"errorCode": "200", "message": "Authentication Failed"}}
            found = [s for s in self.spots if s.road == params.get("query")]
            addresses = [
                {"roadAddress": s.road, "jibunAddress": "", "x": str(s.point.lon), "y": str(s.point.lat)} for s in found
            ]  # fmt: skip
            return 200, {"status": "OK", "addresses": addresses, "errorMessage": ""}
        return 404, {
            "errorMessage": "Invalid search api (존재하지 않는 검색 api 입니다.)",
            "errorCode": "SE05",
        }

    def _kakao(
        self, path: str, p: dict[str, str], authorization: str
    ) -> tuple[int, dict[str, Any]]:
        if authorization != f"KakaoAK {KAKAO_KEY}":
            given = authorization.removeprefix("KakaoAK ")
            return 401, {
                "errorType": "AccessDeniedError",
                "message": f"wrong appKey({given}) format",
            }
        page, size = int(p.get("page", "1")), int(p.get("size", "15"))
        if (
            not 1 <= page <= 45
            or not 1 <= size <= 15
            or not 0 <= int(p.get("radius", "0")) <= 20_000
        ):
            return 400, {
                "errorType": "InvalidArgument",
                "message": "page, size or radius is out of range",
            }
        call = path.removeprefix("/v2/local/search/")
        centre = Point(float(p["y"]), float(p["x"])) if "x" in p and "y" in p else None
        if call == "address.json":
            found = [s for s in self.spots if s.road == p.get("query")]
        elif call == "category.json":
            if "rect" not in p and not ("radius" in p and centre):
                return 400, {
                    "errorType": "MissingParameter",
                    "message": "x, y, radius or rect is required",
                }
            found = [s for s in self.spots if s.code == p.get("category_group_code")]
        else:
            found = [
                s for s in self.spots if _matches(p.get("query", ""), s.name + s.category + s.road)
            ]
        found = [s for s in found if _within(s.point, centre, p)]
        if p.get("sort") == "distance" and centre:
            found.sort(key=lambda s: metres_between(centre, s.point))
        shown = found[:45]
        meta = {
            "total_count": len(found), "pageable_count": len(shown), "is_end": page * size >= len(shown),
            "same_name": {"region": [], "keyword": p.get("query", ""), "selected_region": ""},
        }  # fmt: skip
        part = shown[(page - 1) * size : page * size]
        return 200, {"meta": meta, "documents": [s.document(centre) for s in part]}

    def _naver(self, p: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if not p.get("query"):
            return 400, {
                "errorMessage": "Incorrect query request (잘못된 쿼리요청입니다.)",
                "errorCode": "SE01",
            }
        if not 1 <= int(p.get("display", "1")) <= 5:
            return 400, {
                "errorMessage": "Invalid display value (부적절한 display 값입니다.)",
                "errorCode": "SE02",
            }
        if p.get("start", "1") != "1":
            return 400, {
                "errorMessage": "Invalid start value (부적절한 start 값입니다.)",
                "errorCode": "SE03",
            }
        if p.get("sort", "random") not in ("random", "comment"):
            return 400, {
                "errorMessage": "Invalid sort value (부적절한 sort 값입니다.)",
                "errorCode": "SE04",
            }
        found = [
            s
            for s in self.spots
            if s.naver and _matches(p["query"], s.name + s.naver_category + s.road)
        ]
        found.sort(key=lambda s: s.number, reverse=p.get("sort") == "comment")
        items = [s.item() for s in found[: int(p.get("display", "1"))]]
        return 200, {
            "lastBuildDate": "Sat, 21 Nov 2026 10:00:00 +0900", "total": len(items), "start": 1,
            "display": len(items), "items": items,
        }  # fmt: skip


def _matches(query: str, text: str) -> bool:
    return all(word in text for word in query.split())


def _within(point: Point, centre: Point | None, p: dict[str, str]) -> bool:
    if "rect" in p:
        left, bottom, right, top = (float(v) for v in p["rect"].split(","))
        return left <= point.lon <= right and bottom <= point.lat <= top
    return centre is None or "radius" not in p or metres_between(centre, point) <= int(p["radius"])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    services: MapServices

    def process_request(self, request: Any, client_address: Any) -> None:
        self.services.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed leaves a broken pipe: expected here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        services = self.server.services  # type: ignore[attr-defined]
        split = urlsplit(self.path)
        params = dict(parse_qsl(split.query, keep_blank_values=True))
        target = split.path + "?" + "&".join(f"{k}={v}" for k, v in sorted(params.items()))
        fault = services.fault(target)
        if fault and fault.stall:
            services.stalled.set()
            services.released.wait(fault.stall)
            self.close_connection = True
            return
        if fault:
            self._reply(fault.status, fault.body.encode(), dict(fault.headers))
            return
        status, body = services.answer(split.path, params, self.headers)
        if status == 200:
            services.answered[target] += 1
        self._reply(status, json.dumps(body, ensure_ascii=False).encode(), {})

    def _reply(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json;charset=UTF-8"} | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: pytest shows what matters."""


@contextmanager
def serve(spots: Sequence[Spot]) -> Iterator[MapServices]:
    """The stand-in, listening until the block ends."""
    services = MapServices(spots)
    server = _Server(("127.0.0.1", 0), _Handler)
    server.services = services
    services.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield services
    finally:
        services.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
