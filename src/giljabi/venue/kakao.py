"""The Kakao local API: places by category and by keyword around a point, and addresses.

https://developers.kakao.com/docs/latest/ko/local/dev-guide (calls and fields) and
https://developers.kakao.com/docs/latest/ko/rest-api/error-code (codes). A search shows at most 45
places however many there are; where it holds back, its area is cut into quarters until every part
shows all it has or would be under 30 m wide.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from giljabi.errors import GiljabiError
from giljabi.venue.crawl import (
    Answer,
    Found,
    Request,
    Unreadable,
    Verdict,
    in_korea,
    text_of,
    usual_verdict,
)
from giljabi.venue.graph import metres_between
from giljabi.venue.place import Point

VARIABLE = "KAKAO_REST_API_KEY"
CATEGORIES = {
    "MT1": "대형마트", "CS2": "편의점", "PS3": "어린이집, 유치원", "SC4": "학교", "AC5": "학원",
    "PK6": "주차장", "OL7": "주유소, 충전소", "SW8": "지하철역", "BK9": "은행", "CT1": "문화시설",
    "AG2": "중개업소", "PO3": "공공기관", "AT4": "관광명소", "AD5": "숙박", "FD6": "음식점",
    "CE7": "카페", "HP8": "병원", "PM9": "약국",
}  # fmt: skip
"""The 18 category groups of category.json."""

PAGE, LAST_PAGE = 15, 45
FLOOR_M = 30.0
LARGEST_RADIUS_M = 20_000
_DEGREE_M = math.radians(1) * 6_371_008.8
_MARGIN = 1.005  # Kakao measures on the ellipsoid, this module on a sphere
_AGAIN = {-1, -7, -603, -9798}  # internal error, maintenance, timeout: HTTP 400 or 503
_SPENT = {-10, -11}  # the quota, the paid limit: HTTP 400


@dataclass(frozen=True, slots=True)
class KakaoKeys:
    """The REST API key of an application with the map service switched on."""

    rest_api_key: str = field(repr=False)
    base_url: str = "https://dapi.kakao.com"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self | None:
        """The key in KAKAO_REST_API_KEY, or None where it is not set."""
        key = env.get(VARIABLE, "").strip()
        return cls(key) if key else None


class Kakao:
    """The Kakao searches that cover one circle."""

    name = "kakao"
    check = f"{VARIABLE} (the REST API key) and that the application has Kakao Map switched on"

    def __init__(self, keys: KakaoKeys, centre: Point, radius_m: int) -> None:
        if not 0 < radius_m <= LARGEST_RADIUS_M:
            raise GiljabiError(f"The radius must be 1 to {LARGEST_RADIUS_M} m, not {radius_m}.")
        self._keys, self._centre, self._radius_m = keys, centre, radius_m

    @property
    def secrets(self) -> tuple[str, ...]:
        """The key."""
        return (self._keys.rest_api_key,)

    @property
    def headers(self) -> Mapping[str, str]:
        """Authorization: KakaoAK and the key."""
        return {"Authorization": f"KakaoAK {self._keys.rest_api_key}"}

    def url(self, call: str) -> str:
        """The address of category, keyword or address search."""
        return f"{self._keys.base_url.rstrip('/')}/v2/local/search/{call}.json"

    def verdict(self, status: int, body: Mapping[str, Any]) -> tuple[Verdict, str]:
        """Errors come as {errorType, message} or as {code, msg}; quota and faults share HTTP 400."""
        words = str(body.get("msg") or body.get("message") or body.get("errorType") or "")
        code = body.get("code")
        if code in _SPENT or "API limit has been exceeded" in words:
            return "spent", words
        if code in _AGAIN:
            return "again", words
        return usual_verdict(status), words

    def kept(self, call: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The documents, and how many there are and are shown."""
        meta, documents = body.get("meta"), body.get("documents")
        if not isinstance(meta, dict) or not isinstance(documents, list):
            raise Unreadable("meta or documents is missing")
        total, shown = meta.get("total_count"), meta.get("pageable_count")
        if not isinstance(total, int) or not isinstance(shown, int):
            raise Unreadable("meta.total_count or meta.pageable_count is no number")
        return {"total_count": total, "pageable_count": shown, "documents": documents}

    def searches(self, queries: Sequence[str]) -> list[Request]:
        """The first page of every category and of every keyword, in the whole circle."""
        whats = [("category", ("category_group_code", code)) for code in CATEGORIES]
        whats += [("keyword", ("query", query)) for query in queries]
        circle = (*self._xy, ("radius", str(self._radius_m)))
        return [self._search(call, what, circle, 1) for call, what in whats]

    def follow_ups(self, answer: Answer) -> list[Request]:
        """The further pages of a search that shows all it has, else the quarters of its area."""
        request, body = answer.request, answer.body
        if request.call == "address" or request.param("page") != "1":
            return []
        what = request.params[0]
        if self._held_back(answer) and (quarters := list(self._quarters(request))):
            return [
                self._search(request.call, what, (("rect", _rect(q)), *self._xy), 1)
                for q in quarters
            ]
        area = tuple(p for p in request.params[1:] if p[0] in ("x", "y", "radius", "rect"))
        pages = min(LAST_PAGE, -(-body["pageable_count"] // PAGE))
        return [self._search(request.call, what, area, n) for n in range(2, pages + 1)]

    def cut(self, answer: Answer) -> int:
        """How many places stay hidden: more than 45 in an area too small to cut further."""
        if answer.request.call == "address" or answer.request.param("page") != "1":
            return 0
        if not self._held_back(answer) or list(self._quarters(answer.request)):
            return 0
        return int(answer.body["total_count"]) - int(answer.body["pageable_count"])

    def found(self, answer: Answer, document: Any) -> Found:
        """One document as a place. Unreadable where a field is missing or the point is not in Korea."""
        what = answer.request.params[0][1]
        source = f"kakao {answer.request.call} {what} {answer.date}"
        number = text_of(document, "id", needed=True)
        name = text_of(document, "place_name", needed=True)
        if not number.isascii() or not number.isalnum() or len(number) > 60:
            raise Unreadable("a place without a usable id")
        distance = text_of(document, "distance")
        return Found(
            id=f"k{number}",
            name=name,
            kind=_kind(name, text_of(document, "category_name"))
            or text_of(document, "category_group_name")
            or "장소",
            point=_point(document),
            source=source,
            point_source=source,
            phone=text_of(document, "phone"),
            address=text_of(document, "road_address_name") or text_of(document, "address_name"),
            page=text_of(document, "place_url"),
            metres=int(distance) if distance.isdecimal() else None,
        )

    def geocode(self, address: str) -> Request:
        """The request that looks up an address."""
        return Request(self.name, "address", (("query", address), ("size", "1")))

    def located(self, answer: Answer) -> Point | None:
        """The point of a looked-up address, or None where there is none in Korea."""
        for document in answer.body["documents"]:
            try:
                return _point(document)
            except Unreadable:
                continue
        return None

    @property
    def _xy(self) -> tuple[tuple[str, str], tuple[str, str]]:
        return (("x", f"{self._centre.lon:.7f}"), ("y", f"{self._centre.lat:.7f}"))

    def _search(
        self, call: str, what: tuple[str, str], area: tuple[tuple[str, str], ...], page: int
    ) -> Request:
        paging = (("page", str(page)), ("size", str(PAGE)), ("sort", "distance"))
        return Request(self.name, call, (what, *area, *paging))

    def _held_back(self, answer: Answer) -> bool:
        return bool(answer.body["total_count"] > answer.body["pageable_count"])

    def _quarters(self, request: Request) -> Iterator[tuple[float, float, float, float]]:
        """The quarters of a request's area that touch the circle; none below the floor."""
        left, bottom, right, top = self._area(request)
        if (top - bottom) * _DEGREE_M / 2 < FLOOR_M:
            return
        mid_x, mid_y = round((left + right) / 2, 7), round((bottom + top) / 2, 7)
        for x0, x1 in ((left, mid_x), (mid_x, right)):
            for y0, y1 in ((bottom, mid_y), (mid_y, top)):
                c = self._centre
                nearest = Point(min(max(c.lat, y0), y1), min(max(c.lon, x0), x1))
                if metres_between(c, nearest) <= self._radius_m * _MARGIN:
                    yield x0, y0, x1, y1

    def _area(self, request: Request) -> tuple[float, float, float, float]:
        if rect := request.param("rect"):
            left, bottom, right, top = (float(v) for v in rect.split(","))
            return left, bottom, right, top
        up = self._radius_m * _MARGIN / _DEGREE_M
        side = up / math.cos(math.radians(self._centre.lat))
        lat, lon = self._centre.lat, self._centre.lon
        return lon - side, lat - up, lon + side, lat + up


def _rect(area: tuple[float, float, float, float]) -> str:
    return ",".join(f"{v:.7f}" for v in area)


def _point(document: Any) -> Point:
    try:
        point = in_korea(float(text_of(document, "y")), float(text_of(document, "x")))
    except ValueError:
        point = None
    if point is None:
        raise Unreadable("coordinates that are not WGS84 degrees in Korea")
    return point


def _kind(name: str, category: str) -> str:
    """The last part of "음식점 > 카페 > 커피전문점"; a chain's own name is no kind, so the part before."""
    parts = [part.strip() for part in category.split(">") if part.strip()]
    if len(parts) > 2 and name.startswith(parts[-1]):
        parts.pop()
    return parts[-1] if parts else ""
