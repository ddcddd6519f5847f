"""A model on a real server over real sockets: what it says, and what becomes of everything that can go wrong."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.prompts import Prompt
from pipeline.remote.address import parse_address
from pipeline.remote.errors import (
    AnswerMalformed,
    BadKey,
    CannotHoldToLines,
    ContextTooLong,
    KeyRefused,
    ModelUnknown,
    NotAnOpenAiServer,
    NothingButThoughts,
    RemoteError,
    RequestRefused,
    ServerBusy,
    ServerFailed,
    ServerSilent,
    ServerUnreachable,
    SeveralModels,
    StreamCut,
)
from pipeline.remote.model import RemoteModel, open_model
from pipeline.remote.retry import LONGEST_WAIT_S, Patience
from pipeline.remote.transport import Key, Limits
from pipeline.remote.writer import RemoteWriter
from pipeline.types import Usage
from tests.fixtures.model_server import (
    MODEL,
    SSE,
    Call,
    ModelServer,
    Reply,
    as_json,
    delta,
    event,
    refused,
    streamed,
)

SECRET = "sk-very-secret"
PROMPT = Prompt(("Question: Who?\n", "Answer:"))
Opener = Callable[..., RemoteModel]


@pytest.fixture
def waits() -> list[float]:
    """Seconds that were waited between attempts."""
    return []


@pytest.fixture
def opened(model_server: ModelServer, waits: list[float]) -> Iterator[Opener]:
    models: list[RemoteModel] = []

    def opener(address: str | None = None, *, retries: int = 2, **options: Any) -> RemoteModel:
        limits = Limits(connect_s=2.0, silence_s=options.pop("silence_s", 5.0))
        model = open_model(
            parse_address(address or model_server.address),
            key=Key("GLEANDRAFT_API_KEY", options.pop("secret", SECRET)),
            limits=limits,
            patience=Patience(retries, wait=waits.append),
            **options,
        )
        models.append(model)
        return model

    yield opener
    for model in models:
        model.close()


def failing_within(code: int, message: str) -> Reply:
    """An error event in a stream that began well."""
    chunks = [delta("Yes"), event({"error": {"code": code, "message": message}})]
    return Reply(chunks, headers=SSE)


def written(model: RemoteModel, *, max_new_tokens: int = 50) -> str:
    pieces = RemoteWriter(model).write(PROMPT, max_new_tokens=max_new_tokens)
    return "".join(piece.text for piece in pieces)


def test_text_streams_in_pieces_and_the_server_tells_its_cost(
    model_server: ModelServer, opened: Opener
) -> None:
    told = {"prompt_tokens": 31, "completion_tokens": 12}
    model_server.chat = lambda _: streamed("Ann wrote it [1].", usage=told)
    pieces = list(RemoteWriter(opened()).write(PROMPT, max_new_tokens=50))
    assert "".join(piece.text for piece in pieces) == "Ann wrote it [1]."
    assert len([piece for piece in pieces if piece.text]) > 2
    assert sum((piece.usage for piece in pieces), start=Usage()) == Usage(31, 12)
    assert not pieces[-1].is_cut


def test_a_request_is_greedy_names_the_model_and_carries_the_key(
    model_server: ModelServer, opened: Opener
) -> None:
    written(opened(extra={"seed": 3}))
    [call] = model_server.chats
    assert call.headers["Authorization"] == f"Bearer {SECRET}"
    assert call.body["model"] == MODEL
    assert call.body["temperature"] == 0
    assert call.body["max_tokens"] == 50
    assert call.body["seed"] == 3
    assert call.prompt == PROMPT.text


def test_half_a_character_in_a_question_does_not_stop_it(
    model_server: ModelServer, opened: Opener
) -> None:
    list(RemoteWriter(opened()).write(Prompt(("Who is \udcff?",)), max_new_tokens=5))
    assert model_server.chats[0].prompt == "Who is \ufffd?"


def test_without_a_key_none_is_sent(model_server: ModelServer, opened: Opener) -> None:
    written(opened(secret=""))
    assert all("Authorization" not in call.headers for call in model_server.calls)


def test_only_the_first_line_is_taken_and_the_rest_is_not_waited_for(
    model_server: ModelServer, opened: Opener
) -> None:
    endless = [delta("\nOne [1].\n"), *[delta("more ")] * 10_000]
    model_server.chat = lambda _: Reply(endless, headers=SSE, pause_s=0.01)
    pieces = list(RemoteWriter(opened()).write(PROMPT, max_new_tokens=50))
    assert "".join(piece.text for piece in pieces) == "One [1]."
    assert pieces[-1].usage.prompt_tokens > 0


def test_a_text_that_ends_for_want_of_tokens_is_told_as_cut(
    model_server: ModelServer, opened: Opener
) -> None:
    model_server.chat = lambda _: streamed("and then", finish="length")
    *_, last = RemoteWriter(opened()).write(PROMPT, max_new_tokens=2)
    assert last.is_cut


def test_a_server_that_ignores_the_limit_is_cut_off(
    model_server: ModelServer, opened: Opener
) -> None:
    model_server.chat = lambda _: streamed("word " * 20_000, size=5_000)
    text = written(opened(), max_new_tokens=4)
    assert 0 < len(text) <= 4 * 32


def test_thoughts_are_left_out(model_server: ModelServer, opened: Opener) -> None:
    model_server.chat = lambda _: streamed("<think>\nhm\n</think>\n\nYes [1].")
    assert written(opened()) == "Yes [1]."


@pytest.mark.parametrize(
    "reply",
    [
        streamed("<think>\nhm, let me", finish="length"),
        Reply(
            [
                event({"choices": [{"delta": {"reasoning_content": "hm"}}]}),
                delta("", finish="length"),
                b"data: [DONE]\n\n",
            ],
            headers=SSE,
        ),
    ],
)
def test_a_model_that_only_thinks_is_named(
    model_server: ModelServer, opened: Opener, reply: Reply
) -> None:
    model_server.chat = lambda _: reply
    with pytest.raises(NothingButThoughts, match="thinking switched off"):
        written(opened())


def test_a_server_that_does_not_stream_is_understood(
    model_server: ModelServer, opened: Opener
) -> None:
    whole = {"choices": [{"message": {"content": "Yes."}, "finish_reason": "stop"}]}
    model_server.chat = lambda _: as_json(whole)
    assert written(opened()) == "Yes."


def test_a_stream_that_forgets_to_say_done_is_complete_once_it_gave_its_reason(
    model_server: ModelServer, opened: Opener
) -> None:
    chunks = [delta("Yes."), delta("", finish="stop")]
    model_server.chat = lambda _: Reply(chunks, headers=SSE)
    assert written(opened()) == "Yes."


@pytest.mark.parametrize("is_abrupt", [True, False])
def test_a_stream_that_breaks_off_is_no_answer(
    model_server: ModelServer, opened: Opener, is_abrupt: bool
) -> None:
    cut = streamed("Half an ans", is_cut=True)
    model_server.chat = lambda _: Reply(cut.chunks, headers=cut.headers, is_cut=is_abrupt)
    pieces = RemoteWriter(opened()).write(PROMPT, max_new_tokens=50)
    with pytest.raises(StreamCut, match="broke off in the middle"):
        list(pieces)
    assert len(model_server.chats) == 1  # what was shown must not come again


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_asked_again_after_a_while(
    model_server: ModelServer, opened: Opener, waits: list[float], status: int
) -> None:
    model = opened()
    model_server.before = [refused(status, "busy"), refused(status, "busy")]
    model_server.chat = lambda _: streamed("At last.")
    assert written(model) == "At last."
    assert len(waits) == 2
    assert 0 < waits[0] < waits[1]


def test_a_server_that_stays_busy_is_given_up(
    model_server: ModelServer, opened: Opener, waits: list[float]
) -> None:
    model = opened()
    model_server.chat = lambda _: refused(503, "busy")
    with pytest.raises(ServerBusy, match="503 3 times"):
        written(model)
    assert len(waits) == 2


def test_a_server_is_waited_for_as_long_as_it_asks(
    model_server: ModelServer, opened: Opener, waits: list[float]
) -> None:
    model = opened()
    model_server.before = [refused(429, "slowly", Retry_After="17")]
    written(model)
    assert waits == [17.0]


def test_a_server_that_asks_for_too_long_a_while_is_not_waited_for(
    model_server: ModelServer, opened: Opener, waits: list[float]
) -> None:
    model = opened()
    model_server.chat = lambda _: refused(429, "x", Retry_After=str(int(LONGEST_WAIT_S) + 1))
    with pytest.raises(ServerBusy, match="wants us to wait 61 s"):
        written(model)
    assert waits == []


def test_a_slow_server_is_waited_for_and_a_silent_one_is_named(
    model_server: ModelServer, opened: Opener
) -> None:
    model = opened(silence_s=0.5)
    model_server.chat = lambda _: streamed("Slow.", size=2, pause_s=0.1)
    assert written(model) == "Slow."
    model_server.chat = lambda _: streamed("Silent.", pause_s=1.5)
    with pytest.raises(ServerSilent, match=r"said nothing for 0\.5 s"):
        written(model)


def test_nobody_there_is_told_after_all_attempts(opened: Opener, waits: list[float]) -> None:
    with ModelServer().running() as gone:
        address = gone.address
    with pytest.raises(ServerUnreachable, match=r"after 3 attempts.*start it"):
        opened(address)
    assert len(waits) == 2


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (refused(401, "bad key sk-very-secret"), KeyRefused, "correct GLEANDRAFT_API_KEY"),
        (refused(403, "this key may not"), KeyRefused, "correct GLEANDRAFT_API_KEY"),
        (refused(403, "your input was flagged"), RequestRefused, "flagged"),
        (failing_within(429, "rate limited"), ServerBusy, "429 once; try again later"),
        (failing_within(401, "expired"), KeyRefused, "correct GLEANDRAFT_API_KEY"),
        (refused(400, "This model's maximum context length is 512 tokens."), ContextTooLong, "GLEANDRAFT_CONTEXT"),
        (refused(400, "the request exceeds the available context size"), ContextTooLong, "512|size"),
        (refused(422, "sk-very-secret is not a field"), RequestRefused, r"\*\*\* is not a field"),
        (refused(404, "Not Found"), NotAnOpenAiServer, "ends in /v1"),
        (refused(404, "The model `x` does not exist."), RequestRefused, "does not exist"),
        (Reply([], status=307, headers={"Location": "https://else"}), NotAnOpenAiServer, "sends us on"),
        (refused(500, "CUDA error"), ServerFailed, "CUDA error"),
        (refused(500, "x" * 295 + "sk-very-secret"), ServerFailed, r"x\*\*\*"),
        (Reply([b"x" * 295 + b"sk-very-secret"], status=500), ServerFailed, r"x\*\*\*"),
        (refused(400, "\x1b[2Jno\nway"), RequestRefused, r"400: \[2Jno way\)"),
        (Reply([b"<html>"], status=500), ServerFailed, "500: <html>"),
        (as_json([1, 2]), AnswerMalformed, "no JSON object"),
        (as_json({"choices": "x"}), AnswerMalformed, "no list of choices"),
        (Reply([b"\xff\xfe not json"]), AnswerMalformed, "not JSON"),
        (as_json({"error": {"message": "worker died", "code": 500}}), ServerFailed, "worker died"),
        (Reply([delta("a"), event({"error": "died"})], headers=SSE), ServerFailed, "died"),
        (Reply([b"data: {nonsense\n\n"], headers=SSE), AnswerMalformed, "not JSON"),
        (Reply([b"data: " + b"[" * 100_000 + b"\n\n"], headers=SSE), AnswerMalformed, "not JSON"),
    ],
)  # fmt: skip
def test_each_failure_has_a_name_and_a_remedy_and_none_holds_the_key(
    model_server: ModelServer,
    opened: Opener,
    caplog: pytest.LogCaptureFixture,
    reply: Reply,
    error: type[RemoteError],
    words: str,
) -> None:
    model = opened()
    model_server.chat = lambda _: reply
    with caplog.at_level(logging.DEBUG), pytest.raises(error, match=words) as raised:
        written(model)
    assert SECRET[:6] not in str(raised.value)
    assert SECRET[:6] not in caplog.text
    assert SECRET not in repr(model.connection._key)


def test_a_missing_key_is_asked_for(model_server: ModelServer, opened: Opener) -> None:
    model_server.before = [refused(401, "who are you")]
    with pytest.raises(KeyRefused, match="without a key; set GLEANDRAFT_API_KEY"):
        opened(secret="")


@pytest.mark.parametrize("secret", ["with space", "zeilen\numbruch", "schlüssel"])
def test_a_key_that_no_header_can_carry_is_not_repeated(opened: Opener, secret: str) -> None:
    with pytest.raises(BadKey) as raised:
        opened(secret=secret)
    assert secret not in str(raised.value)


def test_a_model_that_is_not_served_is_told_with_those_that_are(
    model_server: ModelServer, opened: Opener
) -> None:
    model_server.chat = lambda _: refused(404, "The model `other` does not exist.")
    with pytest.raises(ModelUnknown, match=f"does not serve 'other'.*{MODEL}"):
        opened(f"{model_server.url}#other")


def test_a_name_that_is_not_listed_but_answered_to_is_a_model(
    model_server: ModelServer, opened: Opener
) -> None:
    model_server.chat = lambda _: as_json({"choices": [{"message": {"content": "Hi"}}]})
    assert opened(f"{model_server.url}#alias").name.endswith("#alias")


@pytest.mark.parametrize("status", [404, 500])
def test_a_server_without_a_list_is_tried_out_and_without_a_name_refused(
    model_server: ModelServer, opened: Opener, status: int
) -> None:
    model_server.before = [refused(status, "no list")]
    model_server.chat = lambda _: as_json({"choices": [{"message": {"content": "Hi"}}]})
    opened(f"{model_server.url}#hidden")
    model_server.before = [refused(status, "no list")]
    with pytest.raises((NotAnOpenAiServer, ServerFailed)):
        opened(model_server.url)
    model_server.chat = lambda _: refused(404, "Not Found")
    model_server.before = [refused(status, "no list")]
    with pytest.raises((NotAnOpenAiServer, ServerFailed)):
        opened(f"{model_server.url}#hidden")


def test_the_only_model_needs_no_name_and_one_of_several_does(
    model_server: ModelServer, opened: Opener
) -> None:
    assert opened(model_server.url).name == model_server.address
    model_server.models = {"data": [{"id": "a"}, {"id": "b"}]}
    with pytest.raises(SeveralModels, match="serves a, b"):
        opened(model_server.url)


@pytest.mark.parametrize(
    ("told", "setting", "expected"),
    [
        ({"max_model_len": 8192}, None, 8192),
        ({"max_model_len": 8192}, 2048, 2048),
        ({"max_model_len": 2048}, 8192, 2048),
        ({"context_length": 300}, None, 300),
        ({}, 9000, 9000),
        ({"max_model_len": "many"}, None, 4096),
    ],
)
def test_the_context_is_what_the_server_tells_the_setting_limits_or_caution_assumes(
    model_server: ModelServer,
    opened: Opener,
    told: dict[str, Any],
    setting: int | None,
    expected: int,
) -> None:
    model_server.models = {"data": [{"id": MODEL, **told}]}
    assert RemoteWriter(opened(context=setting)).context == expected


def test_long_texts_are_counted_by_the_servers_tokenizer_once(
    model_server: ModelServer, opened: Opener
) -> None:
    model_server.tokenize = lambda call: as_json({"count": len(call.body["prompt"].split())})
    writer, text = RemoteWriter(opened()), "word " * 500
    assert [writer.count(text), writer.count(text)] == [500, 500]
    asked = [call for call in model_server.calls if call.path == "/tokenize"]
    assert [call.body["prompt"] for call in asked] == ["one two", text]


def test_where_the_tokenizer_is_not_lent_counts_are_guessed_high(opened: Opener) -> None:
    assert RemoteWriter(opened()).count("word " * 500) >= 500


def test_what_a_server_does_not_know_is_left_out_from_then_on(
    model_server: ModelServer, opened: Opener
) -> None:
    def chat(call: Call) -> Reply:
        if "chat_template_kwargs" in call.body:
            return refused(400, "Unrecognized request argument supplied: chat_template_kwargs")
        return streamed("Yes.")

    model_server.chat = chat
    model = opened()
    assert [written(model), written(model)] == ["Yes.", "Yes."]
    assert len(model_server.chats) == 3
    assert "stream_options" in model_server.chats[-1].body


def test_one_of_some_lines_is_held_by_a_schema(model_server: ModelServer, opened: Opener) -> None:
    lines = [" First [1].", " Second [2]."]
    model_server.chat = lambda call: as_json_text(
        {"line": call.body["response_format"]["json_schema"]["schema"]["properties"]["line"]["enum"][1]}
    )  # fmt: skip
    pieces = list(RemoteWriter(opened()).write(PROMPT, max_new_tokens=50, one_of=lines))
    assert "".join(piece.text for piece in pieces) == lines[1]


@given(
    st.text(max_size=40) | st.sampled_from(['{"line": 1}', '{"line": "First [1]"}', "First [1]."])
)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
def test_whatever_comes_one_of_the_lines_is_written_or_the_trouble_named(
    model_server: ModelServer, opened: Opener, text: str
) -> None:
    lines = [" First [1].", " Second [2]."]
    model_server.chat = lambda _: streamed(text)
    writer = RemoteWriter(opened())
    try:
        pieces = list(writer.write(PROMPT, max_new_tokens=50, one_of=lines))
    except (CannotHoldToLines, NothingButThoughts):
        return
    assert "".join(piece.text for piece in pieces) in lines


@given(
    st.lists(st.binary(max_size=60), max_size=6), st.booleans(), st.sampled_from([200, 400, 500])
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes_are_a_text_or_a_named_error(
    model_server: ModelServer, opened: Opener, chunks: list[bytes], is_stream: bool, status: int
) -> None:
    kind = "text/event-stream" if is_stream else "application/json"
    model_server.chat = lambda _: Reply(chunks, status=status, headers={"Content-Type": kind})
    try:
        text = written(opened())
    except RemoteError as error:
        text = str(error).partition("; ")[2]  # its remedy
        assert text
    text.encode()


def test_there_is_no_trace_to_audit(opened: Opener) -> None:
    assert RemoteWriter(opened()).trace(PROMPT, [1, 2]) is None


def as_json_text(value: Any) -> Reply:
    return streamed(json.dumps(value))
