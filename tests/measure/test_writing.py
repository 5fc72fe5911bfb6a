"""What measuring Korean writing promises: prompts that ask for what is counted, and the counting."""

from __future__ import annotations

import re
import time
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giljabi.build.telling import wordings
from giljabi.errors import GiljabiError
from giljabi.measure import writing
from giljabi.measure.register import register, registers, sentences
from giljabi.measure.writing import Prompt, finished, lengths, measure, read_prompts, summarise
from giljabi.model.generate import embedded_is_installed, load

# Sentences labelled by hand, one a line; None is what tells no register, or several at once.
LABELLED = {
    "haeyo": """
        주말에 강릉에 다녀왔어요.
        여러분도 한번 도전해 보세요!
        이게 바로 제가 제일 좋아하는 메뉴예요😋
        생각보다 어렵지 않죠?
        비가 오면 땅이 젖잖아요.
        다음에 또 올게요~
        엄마는 늘 "밥은 먹었니?"라고 물으셨어요.
        왜 그럴까요?
        아니요, 그렇게 빠르지는 않아요(제 기준으로는요).
        물은 흙이 마른 뒤에 주시면 돼요.
        정말 신기하지 않나요??
        **소금은 마지막에 넣어요.**
        그래서 제가 직접 만들어 봤는데요.
        참 따뜻한 분이셨거든요ㅠㅠ
        저도 처음에는 몰랐어요ㅎㅎ
        하늘은 왜 파란색인가요?
        우리 함께 걸어가 볼까요?
        그 이름은 '봄날'이에요.
        맛있게 먹었어용
        반가워요, 저는 길잡이라고 해요
        괜찮으시죠, 선생님?
        감기 조심하세요:)
    """,
    "hamnida": """
        훈민정음은 1443년에 만들어졌습니다.
        조선의 과거 시험은 3년마다 열렸습니까?
        천천히 심호흡을 하십시오.
        우리 모두 함께 노력합시다.
        이것이 바로 '온돌'입니다.
        그동안 아껴 주셔서 진심으로 감사드립니다!
        가스 밸브를 잠그고 문을 열어 둡니다(화재에 주의).
        자세한 내용은 누리집에서 확인하시기 바랍니다
        그는 “나는 가지 않겠다.”라고 말했습니다.
        저희 빵집은 오늘로 문을 닫습니다…
        이런 일이 또 있겠습니까.
        머리를 보호하고 책상 아래로 들어갑니다.
        부족한 점도 많았습니다만, 덕분에 여기까지 왔습니다.
        3. 승강기를 이용하지 않습니다.
        안녕하십니까, 여러분?
        많은 관심 부탁드립니다 :)
    """,
    "plain": """
        야, 너 점심 먹었어?
        나 지금 진짜 배고파.
        그거 내가 어제 말한 거야!
        괜찮아, 다음에 잘하면 돼.
        우리 내일 영화 보러 갈래?
        비 온대.
        그렇게 하면 안 되지.
        그걸 왜 이제 말해 줘?
        우리 고양이는 하루 종일 잠만 자.
        너무 귀엽지 않냐?
        뭐 하고 있니?
        와, 벌써 가을이네.
        그 사람 진짜 착하더라.
        나는 네가 자랑스러워.
        장영실은 원래 노비였거든.
        물이 점점 뜨거워져.
        내가 도와줄게.
        같이 갈래?
        이자에 또 이자가 붙는 거지ㅋㅋ
        그래서 나는 집을 나가기로 했어ㅠㅠ
        밥 잘 챙겨 먹어라.
        잘 지내, 안녕!
        그런데 그게 말처럼 쉽지가 않아
        세상에, 이렇게 예쁜 꽃이 있었구나!
        아무것도 안 보여.
        그럼 이만 잘게.
        내 마음은 늘 여기에 있어.
        그건 좀 아닌 것 같은데.
        하나도 안 무서워!
        너도 알잖아.
        솔직히 좀 웃기지?
        걱정 마, 금방 나을 거야.
        옛날 옛적에 곰 한 마리가 살았단다.
        나도 그래, 친구야.
        그 문은 열지 마!
        해마다 값이 올라가지.
        한국어는 우리가 쓰는 언어야.
        밥은 벌써 먹었어 🍚
        물을 많이 마셔.
    """,
    "written": """
        첫눈이 내렸다.
        할머니는 말없이 내 손을 잡았다.
        달의 인력이 바닷물을 끌어당기기 때문이다.
        그는 문을 열고 밖으로 나갔다.
        "왔니?" 어머니가 물었다.
        거중기는 도르래의 원리를 이용한 기계이다.
        나는 그 소리를 아직도 기억한다
        과연 그것은 무엇인가?
        세상에 쉬운 일은 없다는 것을 그날 알았다.
        아무도 대답하지 않는다…
        그 길을 우리는 비단길이라 부른다(영어로는 실크로드).
        너 자신을 사랑하라.
        봄이 오나 보다.
        비색은 '신비로운 푸른빛'이라는 뜻으로 쓰였다.
        빈 밥그릇만 그 자리에 남아 있다.
        언젠가 다시 만나리라.
        사람들은 왜 달을 그리워하는가?
        - 물은 높은 곳에서 낮은 곳으로 흐른다.
        그날의 바다는 유난히 푸르렀고, 나는 오래 걸었다.
        그것은 "끝"이 아니었다!
        사람들은 그를 ‘느림보’라고 불렀다.
        비가 많이 왔나보다.
        나는 봄을 바란다.
        둘은 어릴 때부터 친한 사이다.
        골목 끝 가게에서는 우산을 판다.
    """,
    None: """
        재료 준비하기
        1. 튼튼한 신발
        준비물: 김치, 밥, 달걀
        푸른 바다
        "나도 데려가 줘."
        이 일을 어떻게 해야 할까?
        우산은 꼭 필요.
        오늘은 여기까지.
        한국어와 영어
        작년보다
        우리 내일 영화 보러 가자.
        친구에게
        사진은 나중에 올릴 예정임.
        네.
        우리의 언어
        하루 30분 걷기
        #강릉 #당일치기
        여행지에서 만난 강아지
        천천히, 아주 천천히.
        나는 그 사람을 언제나
        3. 민물장어
        - 베이킹 소다
    """,
}

SENTENCES = [
    (said.strip(), name) for name, text in LABELLED.items() for said in text.strip().split("\n")
]
FREE = Prompt("free", "blog", "자유롭게 써 주세요.", None, {})
GOOD = """# 강릉에서 보낸 하루

아침 여덟 시에 기차를 탔어요. 창밖으로 눈 덮인 산이 보였어요.

점심에는 초당 순두부를 먹었어요. 주인아주머니가 "많이 먹어."라고 하셨어요!

저녁 바다는 조용했어요. 다음에는 부모님과 함께 오고 싶어요😊

#강릉 #당일치기"""
PROSE = st.text("가나다라요어 ㅋ한.!?…\n\"“”'()-*#1😊a漢|:", max_size=120)


def prompt(**asked: tuple[int, int]) -> Prompt:
    return Prompt("p", "blog", "써 주세요.", "haeyo", asked)


# ---- the shipped prompts ----


def test_five_kinds_of_prompts_in_equal_numbers() -> None:
    prompts = read_prompts()
    kinds = Counter(one.kind for one in prompts)
    assert set(kinds) == {"blog", "emotive", "imagination", "explanation", "history"}
    assert min(kinds.values()) >= 12
    assert len(prompts) >= 64


def test_no_two_prompts_are_nearly_the_same() -> None:
    def pieces(text: str) -> set[str]:
        return {text[i : i + 3] for i in range(len(text) - 2)}

    for a, b in combinations(read_prompts(), 2):
        both, either = pieces(a.prompt) & pieces(b.prompt), pieces(a.prompt) | pieces(b.prompt)
        assert len(both) / len(either) < 0.4, (a.id, b.id)


def test_a_register_is_recorded_exactly_where_the_prompt_names_one() -> None:
    words = {
        "haeyo": "해요체",
        "hamnida": "합니다체",
        "plain": "반말",
        "written": "문어체|'-다'로 ",
    }
    for one in read_prompts():
        named = {name for name, word in words.items() if re.search(word, one.prompt)}
        assert named == ({one.register} if one.register else set()), one.id


def test_a_length_is_recorded_exactly_where_the_prompt_names_one() -> None:
    number = r"(?:\d+|두|세|네|다섯|여섯|일곱|여덟|열두)"
    words = {
        "characters": rf"{number}자 (?:안팎|이내)",
        "sentences": rf"{number} 문장(?!씩)",
        "lines": rf"{number} 행",
        "paragraphs": rf"{number} 문단",
        "items": rf"{number} 가지|{number} 개",
    }
    for one in read_prompts():
        text = one.prompt.replace("한두 문장씩", "").replace("한 문장씩", "")
        named = {unit for unit, word in words.items() if re.search(word, text)}
        assert named == set(one.lengths), one.id


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


ROW = '[[prompt]]\nid = "a"\nkind = "blog"\nprompt = "써 줘."\n'


def test_reads_a_file_of_ones_own(tmp_path: Path) -> None:
    path = write(
        tmp_path / "own.toml", ROW + 'register = "plain"\nitems = 3\ncharacters = [1, 200]\n'
    )
    (one,) = read_prompts(path)
    assert one.register == "plain"
    assert one.lengths == {"characters": (1, 200), "items": (3, 3)}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (ROW, "id 'a' was used already"),
        (ROW.replace('"a"', '"b"') + 'register = "banmal"', "field 'register' is 'banmal'"),
        (ROW.replace('"a"', '"b"') + "words = 3", "field 'words' is unknown"),
        (ROW.replace('"a"', '"b"') + "items = 0", "field 'items' must be a number above 0"),
        (ROW.replace('"a"', '"b"') + "items = true", "field 'items'"),
        (ROW.replace('"a"', '"b"') + "items = [5, 3]", "field 'items'"),
        ('[[prompt]]\nid = "b"\nkind = "blog"', "field 'prompt' is missing"),
        (ROW.replace('"a"', "7"), "field 'id'"),
    ],
)
def test_a_fault_names_file_row_and_field(tmp_path: Path, row: str, said: str) -> None:
    path = write(tmp_path / "own.toml", ROW + row)
    with pytest.raises(GiljabiError) as error:
        read_prompts(path)
    assert f"{path}, prompt 2" in str(error.value)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "text", ["", "prompt = 3", "prompt = []", "[[prompts]]", "id = ", ROW + "[x]"]
)
def test_what_is_no_list_of_prompts_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(GiljabiError, match=r"own\.toml"):
        read_prompts(write(tmp_path / "own.toml", text))
    with pytest.raises(GiljabiError, match="cannot be read"):
        read_prompts(tmp_path / "absent.toml")


# ---- register ----


def test_the_register_of_labelled_sentences() -> None:
    wrong = [(said, name, register(said)) for said, name in SENTENCES if register(said) != name]
    assert len(SENTENCES) >= 110
    assert len(wrong) / len(SENTENCES) <= 0.02, wrong


@pytest.mark.parametrize(
    "said", [s for s, name in SENTENCES if name and re.search(r"[^)][.!]$", s)]
)
def test_what_adorns_a_sentence_does_not_change_its_register(said: str) -> None:
    for adorned in (
        said + "😊",
        said + " ㅎㅎ",
        f"**{said}**",
        f"({said})",
        said + "(웃음)",
        said * 1 + "!!",
    ):
        assert register(adorned) == register(said), adorned


@pytest.mark.parametrize("name", ["haeyo", "hamnida", "plain"])
def test_every_wording_the_guide_is_taught_is_told_apart(name: str) -> None:
    for text in (text for texts in wordings("ko", name).values() for text in texts):  # type: ignore[arg-type]
        filled = re.sub(r"\{[^{}]*\|([^{}]*)\}", r"\1", text)
        told, silent = registers(re.sub(r"\{[^{}]*\}", "박물관", filled))
        assert (set(told), silent) == ({name}, 0), text


@pytest.mark.parametrize(
    "said",
    [
        "나 너무 소심해",  # an ending that connects as well, without a mark
        "와 진짜 맛있다ㅋㅋ",  # -다 said to a friend
        "오늘은 이만 갈게, 그럼 안녕히",
    ],
)
def test_what_endings_do_not_tell(said: str) -> None:
    assert register(said) != "plain"


def test_what_others_say_in_a_text_is_not_its_register() -> None:
    story = '"어디 가?"\n토끼가 물었다.\n"학교에 가요."\n거북이가 대답했다.'
    assert registers(story) == ({"written": 2}, 2)


def test_a_text_all_in_quotation_marks_is_judged_by_what_is_in_them() -> None:
    assert registers('"괜찮아. 다음에 잘하면 돼."') == ({"plain": 2}, 0)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("비가 왔어요. 그래서 집에 있었어요!", 2),
        ("비가 왔어요.그래서 집에 있었어요.", 2),
        ("오늘 추웠어ㅠㅠ 그래서 집에 왔어ㅋㅋ", 2),
        ("안녕하세요~ 반가워요 😊 또 올게요 :)", 3),
        ("음… 그게 말이야. 사실은... 나도 몰라.", 2),
        ("그는 “가자. 어서!”라고 말했다.", 1),
        ("2024. 5. 3. 서울에서 3.5km를 걸었다.", 1),
        ("# 봄날의 산책\n\n꽃이 피었다.\n\n#봄 #산책", 1),
        ("1. 물을 끓여요.\n2. 면을 넣어요.\n3. 파와 달걀", 2),
        ("| 이름 | 값 |\n|---|---|\n```\n코드다.\n```", 0),
    ],
)
def test_sentences(text: str, parts: int) -> None:
    assert len(sentences(text)) == parts


@given(PROSE)
def test_sentences_are_pieces_of_the_text_in_order(text: str) -> None:
    at = 0
    for said in sentences(text):
        at = text.find(said, at)
        assert at >= 0
        at += len(said)


# ---- length and completeness ----


def test_lengths_of_a_blog_post() -> None:
    assert lengths(GOOD) == {
        "characters": len(GOOD.replace("\n", "")),
        "sentences": 6,
        "lines": 3,
        "paragraphs": 3,
        "items": 0,
    }


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1. 하나\n2. 둘\n3. 셋", 3),
        ("**1. 하나**\n   - 풀이\n   - 풀이\n**2. 둘**\n   - 풀이", 2),
        ("### 1) 하나\n말이에요.\n### 2) 둘\n말이에요.", 2),
        ("- 하나\n  - 작은 것\n- 둘", 2),
        ("• 하나\n• 둘\n• 셋\n• 넷", 4),
        ("첫째, 물을 마셔요.\n둘째, 잠을 자요.", 2),
        ("1️⃣ 하나\n2️⃣ 둘", 2),
        ("가지가 셋인 나무예요. 3.5m쯤 돼요.", 0),
        ("**굵은 글씨**로 시작해요.", 0),
    ],
)
def test_items_are_the_outermost_entries(text: str, count: int) -> None:
    assert lengths(text)["items"] == count


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "1. 튼튼한 신발\n2. 물\n3. 비옷",
        "1. 물을 마셔요.\n2. 푹 자요.",
        "낙엽이 지고\n바람이 불고\n나는 서 있네\n빈 길 위에",
        "보고 싶어, 친구야.\n\n너의 단짝 민지가",
        "그동안 감사했습니다.\n\n3학년 2반 올림",
        '그가 말했다.\n"또 만나자."',
        "| 재료 | 양 |\n| 밥 | 한 공기 |",
        "끝이에요.\n\n---\n😊🎉",
    ],
)
def test_what_is_at_its_end(text: str) -> None:
    assert finished(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "오늘은 바다에 갔어요. 바다가 참",
        "방법은 다음과 같습니다:",
        "1. 물을 마셔요.\n2. 푹 자요.\n3.",
        "1. 물을 마셔요.\n2. 푹 자요.\n3. 그리고",
        "- 하나\n-",
        "글이 끝났어요.\n\n## 마무리",
        "세종대왕은 왜 만들었나요?\n세종대왕은 왜 만들었나요?\n세",
    ],
)
def test_what_was_cut_off(text: str) -> None:
    assert not finished(text)


# ---- one text ----


def test_a_good_answer_is_measured_as_good() -> None:
    found = measure(GOOD, prompt(paragraphs=(3, 3), characters=(1, 100)), capped=False)
    assert found.registers == {"haeyo": 6}
    assert (found.in_register, found.one_register, found.no_register) == (1.0, 1.0, 0)
    assert found.asked["paragraphs"].fits
    assert not found.asked["characters"].fits
    assert found.complete
    assert (found.loop, found.repeated, found.repeated_sentences) == (None, 0.0, 0.0)
    assert (found.hangul, found.foreign) == (1.0, ())
    plain = found.to_json()
    assert plain["asked"]["characters"] == {
        "counted": len(GOOD.replace("\n", "")),
        "least": 1,
        "most": 100,
        "fits": False,
    }
    assert plain["complete"] is True


def test_the_cap_makes_a_text_incomplete_whatever_its_end() -> None:
    assert not measure(GOOD, FREE, capped=True).complete


def test_half_the_sentences_in_another_register() -> None:
    found = measure("밥을 먹었어요. 맛있었다. 또 올까?", prompt(), capped=False)
    assert (found.in_register, found.one_register, found.no_register) == (0.5, 0.5, 1)


def test_no_register_was_asked_for_or_none_can_be_told() -> None:
    assert measure("맛있었다.", FREE, capped=False).in_register is None
    silent = measure("재료 준비", prompt(), capped=False)
    assert (silent.in_register, silent.one_register) == (0.0, None)


def test_going_round_in_circles_is_seen() -> None:
    found = measure("왼쪽으로 가시면 됩니다. " * 8, FREE, capped=True)
    assert found.loop is not None
    assert found.repeated > 0.8
    assert found.repeated_sentences == 7 / 8


@pytest.mark.parametrize(
    ("text", "foreign"),
    [
        ("훈민정음(訓民正音)은 글자예요.", ""),
        ("Wi-Fi는 café에서 써요 😊♥ ½", ""),
        ("我는 你를 좋아해요.", "我你"),
        ("이건 とても 좋아요.", "とても"),
        ("깨진 글자\ufffd예요.", "\ufffd"),
    ],
)
def test_foreign_letters(text: str, foreign: str) -> None:
    assert "".join(measure(text, FREE, capped=False).foreign) == foreign


def test_the_share_of_hangul() -> None:
    assert writing.hangul_share("가나 ab 12!") == 0.5
    assert writing.hangul_share("\u1100\u1161") == 1.0  # decomposed
    assert writing.hangul_share("12! 😊") is None


@pytest.mark.parametrize(
    "piece", ["ㅋ", "😊", "!ㅋ", "(", "()", "#", "#가 ", " ", "* ", "“", "...", ":D", "가~ ", "1."]
)
def test_odd_texts_take_no_longer_than_others(piece: str) -> None:
    start = time.process_time()
    measure("좋아" + piece * 1000 + "a", FREE, capped=False)
    assert time.process_time() - start < 5  # a pattern that backtracks takes a minute


@given(PROSE, st.booleans())
def test_every_text_can_be_measured(text: str, capped: bool) -> None:
    found = measure(text, prompt(sentences=(1, 3)), capped=capped)
    shares = [
        found.in_register,
        found.one_register,
        found.repeated,
        found.repeated_sentences,
        found.hangul,
    ]
    assert all(0 <= share <= 1 for share in shares if share is not None)
    assert found.asked["sentences"].fits == (1 <= found.counted["sentences"] <= 3)
    assert found.complete <= found.finished


@given(
    st.lists(st.sampled_from("가 나 다 라".split()), max_size=30).map(" ".join), st.integers(1, 4)
)
def test_a_text_said_twice_is_no_more_distinct(text: str, n: int) -> None:
    assert 0 <= writing.distinct([text], n) <= 1
    assert writing.distinct([text, text], n) == pytest.approx(writing.distinct([text], n) / 2)
    if len(text.split()) >= n:
        assert writing.repeated(text, n) == pytest.approx(1 - writing.distinct([text], n))


# ---- a set of texts ----


def test_a_summary_of_two_kinds() -> None:
    history = Prompt("h", "history", "왜요?", None, {"sentences": (2, 2)})
    loop = "그렇습니다. " * 9
    found = summarise(
        [
            measure(GOOD, prompt(paragraphs=(3, 3)), capped=False),
            measure("비가 왔다. 我도 갔다.", history, capped=False),
            measure("비가 왔다. 나도 갔다.", history, capped=True),
            measure(loop, history, capped=True),
            measure("", history, capped=False),
        ]
    )
    assert (found.texts, found.empty, found.complete, found.never_stopped) == (5, 0.2, 0.4, 0.4)
    assert (found.looping, found.foreign, found.in_register) == (0.2, 0.2, 1.0)
    assert found.length_obeyed == 2 / 5  # what never stopped obeyed nothing, though its length fits
    assert set(found.by_kind) == {"blog", "history"}
    assert found.by_kind["blog"].complete == 1.0
    assert found.by_kind["history"].texts == 4
    assert found.distinct[0] < found.distinct[1] <= found.distinct[2]
    assert found.to_json()["by_kind"]["blog"]["texts"] == 1


def test_a_summary_of_nothing_says_nothing() -> None:
    found = summarise([])
    assert (found.texts, found.complete, found.in_register, found.by_kind) == (0, None, None, {})


def test_a_page_to_read_side_by_side() -> None:
    other = Prompt("other", "blog", "다른 <글>", None, {})
    page = writing.side_by_side(
        {
            "갑": [measure("<b>잘 {가요}.", prompt(sentences=(1, 1)), capped=True)],
            "을": [
                measure("我는 잘 가요.", FREE, capped=False),
                measure("가요.", other, capped=False),
            ],
        }
    )
    assert page.count("<section>") == 3
    assert page.count("<article>") == 6
    assert "&lt;b&gt;잘 {가요}." in page
    assert "다른 &lt;글&gt;" in page
    assert "요청 1–1문장: 1" in page
    assert "끝나지 않음" in page
    assert "다른 글자 我" in page


@pytest.mark.model
@pytest.mark.skipif(not embedded_is_installed(), reason="needs the packaged weights")
def test_an_untuned_base_is_seen_to_ramble() -> None:
    """Gemma 3 270M as packaged repeats the question and never stops; its figures must say so."""
    cap, asked = 96, next(one for one in read_prompts() if one.id == "history-01")
    model = load(adapter=None, template="gemma")
    try:
        pieces = model.stream(
            [{"role": "user", "content": asked.prompt}], max_tokens=cap, temperature=0.0
        )
        text = "".join(pieces)
        capped = model.timings["predicted_n"] >= cap  # type: ignore[attr-defined]
    finally:
        model.close()
    found = measure(text, asked, capped=capped)
    assert found.capped
    assert found.loop is not None
    assert found.repeated > 0.5
    assert not found.complete
