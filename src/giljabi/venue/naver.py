"""Naver's local search, at either of its two doors, and the geocoder of Naver Cloud Maps.

https://developers.naver.com/docs/serviceapi/search/local/local.md (openapi.naver.com; no new keys
since 2026-07-31 and closed on 2027-06-30) and its successor with the same answers,
https://api.ncloud-docs.com/docs/naver-api-hub-search-local (NAVER API HUB). Geocoding:
https://api.ncloud-docs.com/docs/application-maps-geocoding. A search shows at most 5 places and
has no second page and no area, so coverage comes from many queries: area names × kinds of place.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Mapping, Sequence
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
from giljabi.venue.place import Point

ID, SECRET = "NAVER_CLIENT_ID", "NAVER_CLIENT_SECRET"
HUB_ID, HUB_SECRET = "NAVER_API_HUB_CLIENT_ID", "NAVER_API_HUB_CLIENT_SECRET"
MAPS_ID, MAPS_KEY = "NAVER_MAPS_KEY_ID", "NAVER_MAPS_KEY"
SHOWN = 5
WORDS = (
    "카페", "음식점", "편의점", "은행", "약국", "병원", "주차장", "지하철역", "버스정류장", "우체국",
    "주민센터", "학교", "도서관", "서점", "문구점", "마트", "숙박", "공원", "영화관", "미용실",
)  # fmt: skip
"""Kinds of place worth asking for in every area."""

_MARKUP = re.compile(r"</?b>", re.IGNORECASE)


def queries_for(areas: Sequence[str], words: Sequence[str] = WORDS) -> list[str]:
    """Every area name with every kind of place: ["왕십리 카페", "왕십리 음식점", …]."""
    return [f"{area} {word}" for area in areas for word in words]


@dataclass(frozen=True, slots=True)
class NaverKeys:
    """A client id and secret for the search (`hub`: of NAVER API HUB), and keys for the maps."""

    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    hub: bool = False
    maps_key_id: str | None = field(default=None, repr=False)
    maps_key: str | None = field(default=None, repr=False)
    base_url: str = "https://openapi.naver.com"
    hub_url: str = "https://naverapihub.apigw.ntruss.com"
    maps_url: str = "https://maps.apigw.ntruss.com"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self | None:
        """The keys in the environment, the hub's first; None where there are none.

        GiljabiError names the variable that is missing where only one of a pair is set.
        """
        hub, plain = _pair(env, HUB_ID, HUB_SECRET), _pair(env, ID, SECRET)
        maps = _pair(env, MAPS_ID, MAPS_KEY) or (None, None)
        search = hub or plain
        return None if search is None else cls(*search, hub is not None, *maps)


def _pair(env: Mapping[str, str], first: str, second: str) -> tuple[str, str] | None:
    a, b = env.get(first, "").strip(), env.get(second, "").strip()
    if bool(a) != bool(b):
        missing, there = (second, first) if a else (first, second)
        raise GiljabiError(f"{missing} is not set, though {there} is: both are needed.")
    return (a, b) if a else None


class Naver:
    """The local search."""

    name = "naver"

    def __init__(self, keys: NaverKeys) -> None:
        self._keys = keys

    @property
    def check(self) -> str:
        """The two variables of the door in use."""
        names = f"{HUB_ID} and {HUB_SECRET}" if self._keys.hub else f"{ID} and {SECRET}"
        return f"{names}, and that the application has the search API added"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The client id and secret."""
        return (self._keys.client_secret, self._keys.client_id)

    @property
    def headers(self) -> Mapping[str, str]:
        """The pair of headers of the door in use."""
        if self._keys.hub:
            return _cloud_headers(self._keys.client_id, self._keys.client_secret)
        return {
            "X-Naver-Client-Id": self._keys.client_id,
            "X-Naver-Client-Secret": self._keys.client_secret,
        }

    def url(self, call: str) -> str:
        """The address of the local search at the door in use."""
        if self._keys.hub:
            return f"{self._keys.hub_url.rstrip('/')}/search/v1/{call}"
        return f"{self._keys.base_url.rstrip('/')}/v1/search/{call}.json"

    def verdict(self, status: int, body: Mapping[str, Any]) -> tuple[Verdict, str]:
        """Errors come as {errorMessage, errorCode}; 010 is the day's quota, 012 the speed."""
        if self._keys.hub or "error" in body:
            return _cloud_verdict(status, body)
        code, words = str(body.get("errorCode", "")), str(body.get("errorMessage", ""))
        words = f"{words} [{code}]" if code else words
        if code == "010":
            return "spent", words
        return usual_verdict(status), words

    def kept(self, call: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The items and the total."""
        total, items = body.get("total"), body.get("items")
        if not isinstance(total, int) or not isinstance(items, list):
            raise Unreadable("total or items is missing")
        return {"total": total, "items": items}

    def searches(self, queries: Sequence[str]) -> list[Request]:
        """The five best matches of every query."""
        return [self._search(query, "random") for query in queries]

    def follow_ups(self, answer: Answer) -> list[Request]:
        """Where a query is full, its five most reviewed places as well: often other ones."""
        if answer.request.param("sort") != "random" or not self.full(answer):
            return []
        return [self._search(str(answer.request.param("query")), "comment")]

    def full(self, answer: Answer) -> bool:
        """Whether the answer shows as many places as one can, so that there may be more."""
        return len(answer.body["items"]) >= SHOWN

    def found(self, answer: Answer, item: Any, located: Mapping[str, tuple[Point, str]]) -> Found:
        """One item as a place; its point from `located` (address -> point, source) if it has none.

        Unreadable where a field is missing or there is no point in WGS84 degrees.
        """
        name = title(item)
        source = f"naver {answer.request.call} {answer.request.param('query')} {answer.date}"
        address = address_of(item)
        point, point_source = point_of(item), source
        if point is None:
            if address not in located:
                raise Unreadable("coordinates that are not WGS84 × 10⁷ in Korea")
            point, point_source = located[address]
        mark = hashlib.sha256(f"{name}\n{address}".encode()).hexdigest()[:12]
        parts = [p.strip() for p in text_of(item, "category").split(">") if p.strip()]
        return Found(
            id=f"v{mark}",
            name=name,
            kind=parts[-1] if parts else "장소",
            point=point,
            source=source,
            point_source=point_source,
            phone=text_of(item, "telephone"),
            address=address,
            website=text_of(item, "link"),
        )

    def _search(self, query: str, sort: str) -> Request:
        paging = (("display", str(SHOWN)), ("start", "1"), ("sort", sort))
        return Request(self.name, "local", (("query", query), *paging))


def title(item: Any) -> str:
    """The name of an item, without the <b> around matched words and with entities read."""
    name = html.unescape(_MARKUP.sub("", text_of(item, "title", needed=True))).strip()
    if not name:
        raise Unreadable("a place without a usable title")
    return name


def address_of(item: Any) -> str:
    """The road address of an item, or else the one by lot."""
    return html.unescape(text_of(item, "roadAddress") or text_of(item, "address"))


def point_of(item: Any) -> Point | None:
    """The point of an item, from WGS84 × 10⁷; None for the KATEC metres of before 2023 or nothing."""
    try:
        return in_korea(int(text_of(item, "mapy")) / 1e7, int(text_of(item, "mapx")) / 1e7)
    except ValueError:
        return None


class NaverMaps:
    """The geocoder of Naver Cloud Maps."""

    name = "naver maps"
    check = f"{MAPS_ID} and {MAPS_KEY}, and that the application has Geocoding switched on"

    def __init__(self, key_id: str, key: str, base_url: str) -> None:
        self._key_id, self._key, self._base_url = key_id, key, base_url

    @property
    def secrets(self) -> tuple[str, ...]:
        """The key and its id."""
        return (self._key, self._key_id)

    @property
    def headers(self) -> Mapping[str, str]:
        """The API gateway's pair of headers."""
        return _cloud_headers(self._key_id, self._key)

    def url(self, call: str) -> str:
        """The address of the geocoder."""
        return f"{self._base_url.rstrip('/')}/map-geocode/v2/{call}"

    def verdict(self, status: int, body: Mapping[str, Any]) -> tuple[Verdict, str]:
        """Errors come as {error: {errorCode, message}} from the gateway."""
        return _cloud_verdict(status, body)

    def kept(self, call: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The addresses; an unknown one gives none."""
        addresses = body.get("addresses")
        if body.get("status") != "OK" or not isinstance(addresses, list):
            raise Unreadable(f"status {str(body.get('status'))[:40]!r}, or addresses is missing")
        return {"addresses": addresses}

    def geocode(self, address: str) -> Request:
        """The request that looks up an address."""
        return Request(self.name, "geocode", (("query", address),))

    def located(self, answer: Answer) -> Point | None:
        """The point of a looked-up address, or None where there is none in Korea."""
        for address in answer.body["addresses"]:
            try:
                return in_korea(float(text_of(address, "y")), float(text_of(address, "x")))
            except (ValueError, Unreadable):
                continue
        return None


def _cloud_headers(key_id: str, key: str) -> dict[str, str]:
    return {"x-ncp-apigw-api-key-id": key_id, "x-ncp-apigw-api-key": key}


def _cloud_verdict(status: int, body: Mapping[str, Any]) -> tuple[Verdict, str]:
    """Naver Cloud's gateway: 429 with code 400 is the quota, with 410 or 420 the speed.

    The same 429 comes where the application has the API not switched on.
    """
    error = body.get("error")
    error = error if isinstance(error, dict) else body
    code = str(error.get("errorCode", ""))
    words = str(error.get("message") or error.get("errorMessage") or "")
    words = f"{words} [{code}]" if code else words
    if status == 429 and code in ("400", "010"):
        return "spent", f"{words}, or this API is not switched on in the application"
    return usual_verdict(status), words
