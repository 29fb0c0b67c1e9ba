"""The real LongRunningAgentServer on a real PostgreSQL: what it says, and what OpenAI's SDK gets of it through the gateway."""

import json
import re
import time

import httpx
import openai
import pytest

import bodies
import cutting
import gateway
import postgres
import servers

LATE = "First this, then that."
# After so many frames streams are cut. After the first alone none can be taken up: what comes after it, the server's
# `starting_after=0`, begins with it again.
CUTS = (2, 3)
SECONDS = 20


@pytest.fixture(scope="module")
def agent(folder):
    """The server alone, with its database."""
    with postgres.running("databricks_postgres") as port:
        server = servers.long_running(folder, port)
        try:
            server.wait()
            yield server.url
        finally:
            server.stop()


@pytest.fixture(scope="module")
def url(agent, folder):
    """The gateway in front of it, with two names for it: an answer must be fetched from the one that made it. By other
    names its streams are cut."""
    with cutting.proxy(int(agent.rpartition(":")[2])) as (cut, _):
        urls = {"one": agent, "two": agent} | {f"cut-{frames}": f"{cut}/cut-{frames}" for frames in CUTS}
        parts = {
            "backends": {
                name: {"url": f"{url}/responses", "dialect": "responses", "credential": "none"} for name, url in urls.items()
            },
            "routes": [{"name": name, "match": {"model": name}, "split": {name: 1}} for name in urls],
        }
        server, url = gateway.start("cutover-long-running", parts, folder)
        server.wait()
        yield url
        server.stop()


@pytest.fixture(scope="module")
def client(url):
    return openai.OpenAI(base_url=f"{url}/v1", api_key=gateway.TOKEN, max_retries=0, timeout=SECONDS)


# The server, without a gateway: what the codec rests on.


def post(agent: str, text: str, **fields) -> httpx.Response:
    return httpx.post(f"{agent}/responses", json=bodies.items(text) | {"background": True, **fields}, timeout=SECONDS)


def frames(answer: httpx.Response) -> list:
    """The JSON of each frame, or the end mark."""
    datas = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
    return [data if data == "[DONE]" else json.loads(data) for data in datas]


def fetched(agent: str, answer: str) -> dict:
    """The answer once it is there."""
    deadline = time.monotonic() + SECONDS
    while (found := httpx.get(f"{agent}/responses/{answer}").json())["status"] == "in_progress":
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def test_the_server_answers_later_and_says_less_then(agent):
    begun = post(agent, "hello there").json()
    assert (begun["object"], begun["status"], begun["output"]) == ("response", "in_progress", [])
    assert re.fullmatch("resp_[0-9a-f]{24}", begun["id"])
    found = fetched(agent, begun["id"])
    assert set(found) == {"id", "status", "output", "attempt_number"}
    assert found["output"][0]["content"][0]["text"] == "echo: hello there"


def test_the_server_numbers_its_frames_and_repeats_the_first_until_there_is_another(agent):
    *told, end = frames(post(agent, "late", stream=True))
    numbers = [frame["sequence_number"] for frame in told]
    assert (end, numbers[-2:], set(numbers[:-2])) == ("[DONE]", [1, 2], {0})
    assert len(numbers) > 3, "the first frame was sent once"
    assert len({frame["response_id"] for frame in told}) == 1


def test_the_server_ends_a_stream_that_failed_with_a_nested_error_and_no_end_mark(agent):
    *told, last = frames(post(agent, "boom mid", stream=True))
    assert [frame["delta"] for frame in told] == ["echo: ", "boom "]
    error = {"message": "boom in the middle", "type": "server_error", "code": "task_failed"}
    assert (last["type"], last["error"]) == ("error", error)
    assert fetched(agent, last["response_id"])["error"] == error


# The gateway in front of it, as OpenAI's SDK sees it.


def until_done(client: openai.OpenAI, answer: str):
    """What the SDK gets when it asks for an answer until it is there."""
    deadline = time.monotonic() + SECONDS
    while (found := client.responses.retrieve(answer)).status in ("queued", "in_progress"):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def begin(client: openai.OpenAI, text: str, model: str = "one", **fields):
    return client.responses.create(model=model, input=text, background=True, **fields)


@pytest.mark.parametrize("model", ["one", "two"])
def test_an_answer_in_the_background_is_fetched_when_it_is_there(model, client):
    begun = begin(client, "late", model)
    assert (begun.status, begun.output, begun.error) == ("in_progress", [], None)
    assert client.responses.retrieve(begun.id).status == "in_progress"
    found = until_done(client, begun.id)
    assert (found.id, found.status, found.output_text) == (begun.id, "completed", LATE)
    assert (found.object, found.error, isinstance(found.created_at, float | int)) == ("response", None, True)
    raw = client.responses.with_raw_response.retrieve(begun.id)
    assert raw.headers["x-cutover-backend"] == model


@pytest.mark.parametrize("talk", ["tools", "client tool", "parallel", "refusal"])
def test_a_fetched_answer_is_the_one_that_was_streamed(talk, client):
    *_, last = begin(client, talk, stream=True)
    assert last.type == "response.completed"
    found = until_done(client, last.response.id).model_dump()
    assert found["output"] == last.response.model_dump()["output"]
    # The agent's own calls are not for the client to run.
    calls = {"client tool": 1, "parallel": 2}.get(talk, 0)
    assert [item["type"] for item in found["output"]].count("function_call") == calls


def test_who_asks_to_see_the_agents_own_calls_sees_them_on_coming_back_as_well(client):
    ask = {"extra_headers": {"x-cutover-show": "server_tools"}}
    *_, last = begin(client, "tools", stream=True, **ask)
    kinds = [item.type for item in last.response.output]
    assert kinds == ["function_call", "function_call_output", "message"]
    found = client.responses.retrieve(last.response.id, **ask)
    assert [item.type for item in found.output] == kinds
    assert [item.type for item in client.responses.retrieve(last.response.id).output] == ["message"]


def test_an_answer_without_a_word_is_there_when_it_is(client):
    found = until_done(client, begin(client, "empty").id)
    assert (found.status, found.output, found.error) == ("completed", [], None)


def test_a_stream_says_the_repeated_frame_once(client):
    events = list(begin(client, "late", stream=True))
    assert [event.delta for event in events if event.type == "response.output_text.delta"] == ["First this, ", "then that."]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert (events[-1].type, events[-1].response.output_text) == ("response.completed", LATE)


@pytest.mark.parametrize("talk", ["hello there wide world", "late", "tools", "client tool"])
@pytest.mark.parametrize("frames", CUTS)
def test_a_stream_that_is_cut_goes_on_and_the_client_does_not_notice(frames, talk, client):
    whole, cut = (list(begin(client, talk, model, stream=True)) for model in ("one", f"cut-{frames}"))
    assert [event.type for event in cut] == [event.type for event in whole]
    assert cut[-1].response.output_text == whole[-1].response.output_text
    again = list(client.responses.retrieve(cut[0].response.id, stream=True, starting_after=1))
    assert list(map(told, again)) == list(map(told, cut[2:]))


def told(event) -> dict:
    return {key: value for key, value in event.model_dump().items() if key != "response"}


@pytest.mark.parametrize("talk", ["late", "client tool", "tools", "reason"])
def test_a_stream_that_was_left_is_taken_up_where_the_client_left_it(talk, client):
    """By another connection, at every place, while the answer is made and after."""
    stream = begin(client, talk, stream=True)
    first = next(iter(stream))
    stream.close()
    tools = {"starting_after": first.sequence_number}
    rest = list(client.responses.retrieve(first.response.id, stream=True, **tools))
    assert (rest[0].sequence_number, rest[-1].type) == (1, "response.completed")
    whole = [first, *rest]
    for place in range(len(whole) - 1):
        again = list(client.responses.retrieve(first.response.id, stream=True, starting_after=place))
        assert list(map(told, again)) == list(map(told, whole[place + 1 :]))


def test_the_sdks_stream_helper_takes_an_answer_up_as_well(client):
    with client.responses.stream(model="one", input="late", background=True) as stream:
        answer = next(event.response.id for event in stream if event.type == "response.created")
    with client.responses.stream(response_id=answer, starting_after=0) as stream:
        assert stream.get_final_response().output_text == LATE


@pytest.mark.parametrize("talk", ["boom", "boom mid"])
def test_a_failure_is_one_however_it_is_asked_for(talk, client):
    reason = {"boom": "boom before the first word", "boom mid": "boom in the middle"}[talk]
    found = until_done(client, begin(client, talk).id)
    assert (found.status, found.error.message, found.error.code) == ("failed", reason, "server_error")
    with pytest.raises(openai.APIError) as raised:
        list(begin(client, talk, stream=True))
    assert raised.value.message == reason
    with pytest.raises(openai.APIError):
        list(client.responses.retrieve(found.id, stream=True))


def test_an_answer_goes_on_when_its_server_has_died(client, agent):
    """The run is killed as a dying server would leave it; the server that takes it over says so in a frame of its own."""
    named = {"context": {"conversation_id": "c1"}}
    stream = iter(begin(client, "for long", stream=True, extra_body=named))
    answer = next(stream).response.id
    assert next(event.delta for event in stream if event.type == "response.output_text.delta") == "I begin. "
    [theirs] = re.findall("[0-9a-f]{24}$", answer)
    assert httpx.post(f"{agent}/_debug/kill_task/resp_{theirs}").status_code == 200
    events = list(stream)
    last = events[-1].response
    assert (events[-1].type, last.output_text) == ("response.completed", "I begin. I took over.")
    # What the agent remembered of the conversation is lost; it goes on under another name.
    assert last.metadata == {"conversation_id": "c1::attempt-2"}


def test_what_the_server_cannot_do_is_said(client):
    begun = begin(client, "late")
    with pytest.raises(openai.APIStatusError) as raised:
        client.responses.cancel(begun.id)
    assert raised.value.status_code == 501
    assert "ancel" in raised.value.message
    assert until_done(client, begun.id).output_text == LATE


def test_an_answer_that_is_not_there_is_not_found(client):
    begun = begin(client, "hello")
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(begun.id[:-1] + ("0" if begun.id[-1] != "0" else "1"))
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve("resp_000000000000000000000000")
    with pytest.raises(openai.BadRequestError):
        client.get(f"/responses/{begun.id}?starting_after=1", cast_to=object)


def test_an_answer_that_is_not_for_later_is_as_from_any_app(client):
    answer = client.responses.create(model="one", input="tools")
    assert (answer.status, answer.output_text) == ("completed", "It is 21 degrees in Paris.")
