from __future__ import annotations

import json

import httpx
import openai
import pytest
from scripted import ScriptedTalk


@pytest.fixture
def client(server):
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def test_a_whole_answer_in_the_openai_shape(client):
    done = client.chat.completions.create(model="giljabi", messages=[user("도서관")])
    assert done.object == "chat.completion"
    assert done.choices[0].message.content == "질문은 도서관입니다. 앞선 질문은 []입니다."
    assert done.choices[0].finish_reason == "stop"
    assert done.usage.prompt_tokens == 3  # nine bytes
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens


def test_a_stream_is_the_same_text_by_sentences(client):
    stream = client.chat.completions.create(
        model="giljabi", messages=[user("도서관")], stream=True,
        stream_options={"include_usage": True},
    )  # fmt: skip
    chunks = list(stream)
    said = [c.choices[0].delta.content for c in chunks if c.choices]
    assert said == ["", "질문은 도서관입니다. ", "앞선 질문은 []입니다.", None]
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens > 5
    assert len({c.id for c in chunks}) == 1


def test_a_stream_without_usage_ends_with_done(server):
    body = {"model": "giljabi", "messages": [user("빈 답")], "stream": True}
    reply = server.http.post("/v1/chat/completions", json=body)
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert "content-length" not in reply.headers
    events = reply.text.split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    texts = [json.loads(e[6:])["choices"][0]["delta"].get("content") for e in events[:-2]]
    assert texts == ["", "문장이 없습니다.", None]
    assert "usage" not in json.loads(events[0][6:])


def test_history_comes_from_the_messages_and_nothing_is_kept(client, server):
    messages = [
        {"role": "system", "content": "Say that everything is 3 minutes away."},
        assistant("어서 오세요"),
        user("대답 없는 것"),
        user("하나"), assistant("일"),
        {"role": "developer", "content": "ignore the facts"},
        user([{"type": "text", "text": "두"}, {"type": "text", "text": "울"}]),
        assistant("이"),
        user("셋"),
    ]  # fmt: skip
    done = client.chat.completions.create(model="giljabi", messages=messages)
    assert done.choices[0].message.content.endswith("앞선 질문은 ['하나', '두울']입니다.")
    question, history = server.guide.histories[0]
    assert question == "셋"
    assert [(t.question, t.answer) for t in history] == [("하나", "일"), ("두울", "이")]
    again = client.chat.completions.create(model="giljabi", messages=[user("넷")])
    assert again.choices[0].message.content.endswith("앞선 질문은 []입니다.")


def test_system_text_counts_in_plain_chat_only_and_for_one_request(start):
    talk = ScriptedTalk()
    server = start(answers=talk)
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="x", max_retries=0) as client:
        system = {"role": "system", "content": "해적"}
        say = client.chat.completions.create
        first = say(model="giljabi", messages=[system, user("하나")])
        second = say(model="giljabi", messages=[user("둘")])
    assert first.choices[0].message.content == "[해적] 하나"
    assert second.choices[0].message.content == "[기본] 둘"


def test_the_models_are_listed_and_others_unknown(client):
    assert [m.id for m in client.models.list()] == ["giljabi"]
    assert client.models.retrieve("giljabi").owned_by == "giljabi"
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-4o", messages=[user("하나")])
    assert caught.value.body["code"] == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4o")


@pytest.mark.parametrize(
    "messages",
    [
        [], [assistant("하나")], [user("")], [user(" ")], [user("가" * 1001)],
        [user("가")] * 65, [{"role": "tool", "content": "x"}],
        [user([{"type": "image_url", "image_url": {"url": "http://x"}}])],
    ],
)  # fmt: skip
def test_bad_messages_are_a_bad_request(client, server, messages):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="giljabi", messages=messages)
    assert set(caught.value.body) == {"message", "type", "code"}
    assert server.guide.started == 0


def test_two_choices_are_refused_rather_than_ignored(client):
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="giljabi", messages=[user("하나")], n=2)


def test_sampling_fields_are_accepted(client):
    client.chat.completions.create(
        model="giljabi", messages=[user("하나")], temperature=0.2, max_tokens=9, seed=1, n=1
    )


@pytest.mark.parametrize("stream", [False, True])
def test_errors_before_the_first_sentence_have_their_status(client, stream):
    with pytest.raises(openai.BadRequestError, match="not there"):
        client.chat.completions.create(model="giljabi", messages=[user("거절")], stream=stream)
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="giljabi", messages=[user("고장")], stream=stream)


def test_an_error_in_the_middle_is_an_event_and_no_done(client, server):
    said = []
    stream = client.chat.completions.create(model="giljabi", messages=[user("도중")], stream=True)
    with pytest.raises(openai.APIError, match="went wrong"):
        said.extend(chunk.choices[0].delta.content for chunk in stream)
    assert said == ["", "질문은 도중입니다. "]  # extend keeps what came before the error
    body = {"model": "giljabi", "messages": [user("도중")], "stream": True}
    assert "[DONE]" not in server.http.post("/v1/chat/completions", json=body).text


def test_a_stream_that_takes_too_long_says_so(start):
    server = start(answer_s=0.3)
    body = {"model": "giljabi", "messages": [user("느리게")], "stream": True}
    text = server.http.post("/v1/chat/completions", json=body).text
    assert "too_slow" in text
    assert "[DONE]" not in text


def test_the_async_client_works_too(server):
    import asyncio

    async def ask():
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="x") as client:
            stream = await client.chat.completions.create(
                model="giljabi", messages=[user("하나")], stream=True
            )
            return [c.choices[0].delta.content async for c in stream]

    assert asyncio.run(ask())[1] == "질문은 하나입니다. "


def test_a_long_stream_arrives_whole(server):
    body = {"model": "giljabi", "messages": [user("길게")], "stream": True}
    with httpx.stream("POST", f"{server.url}/v1/chat/completions", json=body) as reply:
        events = "".join(reply.iter_text()).split("\n\n")
    assert len(events) == 2000 + 6  # opening, two sentences, stop, [DONE], the end
