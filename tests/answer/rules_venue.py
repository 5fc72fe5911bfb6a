"""A small invented library with its rules imported, for tests that ask documents."""

import shutil
from pathlib import Path

from giljabi.documents.library import Library
from giljabi.documents.passage import Passage, Source

HOSPITAL = Path(__file__).parents[1] / "venues" / "hospital"
RULES = (
    (("원무 규정", "제1장 총칙", "제1조(목적)"), "이 규정은 병원 이용에 필요한 사항을 정함을 목적으로 한다.", 1),
    (("원무 규정", "제2장 입원", "제4조(면회)"),
     "면회 시간은 평일 18:00부터 20:00까지로 한다. 다만, 중환자실은 면회할 수 없다.\n"
     "면회객은 한 번에 2명까지 들어갈 수 있다.", 2),
    (("원무 규정", "제2장 입원", "제5조(보증금)"),
     "입원 보증금은 10만 원으로 한다.\n보증금은 퇴원하는 날 돌려준다.", 2),
    (("원무 규정", "제3장 서류", "제9조(진단서)"),
     "구분: 일반 진단서 · 수수료: 2만 원 · 걸리는 기간: 1일\n"
     "구분: 상해 진단서 · 수수료: 10만 원 · 걸리는 기간: 3일\n"
     "진단서는 원무과 2번 창구에서 신청한다.", 3),
    (("원무 규정", "제3장 서류", "제10조(보관)"),
     "진료 기록은 10년 동안 보관한다.", 3),
    (("원무 규정", "제4장 주차", "제12조(요금)"),
     "외래 환자의 차량은 4시간까지 무료로 한다.\n그 뒤로는 10분에 500원을 받는다.", 4),
)  # fmt: skip


def imported(folder: Path, rules=RULES) -> Path:
    """The hospital venue in `folder`, with the rules in its library."""
    venue = folder / "hospital"
    shutil.copytree(HOSPITAL, venue)
    passages = [
        Passage(f"rules.md#{n}", "rules.md", titles, text, page, "2026-03-01")
        for n, (titles, text, page) in enumerate(rules, 1)
    ]
    with Library(venue / "documents.db", create=True) as library:
        library.put(Source("rules.md", "원무 규정", "0" * 64, "2026-03-01", pages=4), passages)
    return venue
