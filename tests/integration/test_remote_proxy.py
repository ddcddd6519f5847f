"""A proxy on a server drafts answers with figures, many at the same time."""

import threading
from collections.abc import Iterator

import pytest

from pipeline.gates import doubt
from pipeline.remote.address import parse_address
from pipeline.remote.errors import AnswerMalformed, NoLogProbabilities
from pipeline.remote.model import open_model
from pipeline.remote.proxy import RemoteProxy
from pipeline.remote.retry import Patience
from pipeline.remote.transport import Key, Limits
from tests.fixtures.model_server import Call, ModelServer, Reply, as_json, refused, scored, streamed

SURE, UNSURE = [-0.001, -9.0, -11.0], [-0.7, -0.8, -3.0]


@pytest.fixture
def proxy(model_server: ModelServer) -> Iterator[RemoteProxy]:
    model = open_model(
        parse_address(model_server.address),
        key=Key("GLEANDRAFT_PROXY_API_KEY"),
        limits=Limits(at_once=3),
        patience=Patience(0),
    )
    proxy = RemoteProxy(model, guess_tokens=12, wants_sub_questions=True)
    yield proxy
    proxy.close()


def test_guesses_come_in_the_order_of_the_questions_with_their_figures(
    model_server: ModelServer, proxy: RemoteProxy
) -> None:
    def chat(call: Call) -> Reply:
        if not call.body.get("logprobs"):
            return streamed(" What is Paris?\n2. How tall is it?")
        is_easy = "capital" in call.prompt
        return scored([(" Paris" if is_easy else " Ann", SURE if is_easy else UNSURE)])

    model_server.chat = chat
    thoughts = proxy.think(["Who wrote it?", "What is the capital?", "Who paid for Paris?"])
    assert [thought.guess.text for thought in thoughts] == ["Ann", "Paris", "Ann"]
    assert doubt(thoughts[1].guess) < 0.001 < 0.8 < doubt(thoughts[0].guess)
    assert [thought.sub_questions for thought in thoughts][2] == ("What is Paris?",)
    guessing = [call.body for call in model_server.chats if call.body.get("logprobs")]
    assert {body["max_tokens"] for body in guessing} == {12}
    assert {body["top_logprobs"] for body in guessing} == {5}


def test_questions_are_asked_at_the_same_time_but_never_too_many(
    model_server: ModelServer, proxy: RemoteProxy
) -> None:
    together = threading.Barrier(3)
    running, most, turn = 0, 0, threading.Lock()

    def chat(call: Call) -> Reply:
        nonlocal running, most
        with turn:
            running += 1
            most = max(most, running)
        if call.body.get("logprobs"):
            together.wait(timeout=10)  # breaks unless three are here at once
        with turn:
            running -= 1
        return scored([(" Yes", SURE)]) if call.body.get("logprobs") else streamed("none")

    model_server.chat = chat
    assert len(proxy.think([f"Is {n}?" for n in range(6)])) == 6
    assert most == 3


@pytest.mark.parametrize(
    "reply",
    [
        as_json({"choices": [{"message": {"content": "Yes."}}]}),
        refused(400, "logprobs is not supported by this model"),
        refused(422, "Extra inputs are not permitted: top_logprobs"),
    ],
)
def test_a_server_without_log_probabilities_can_serve_no_proxy(
    model_server: ModelServer, proxy: RemoteProxy, reply: Reply
) -> None:
    model_server.chat = lambda _: reply
    with pytest.raises(NoLogProbabilities, match="unset GLEANDRAFT_PROXY"):
        proxy.think(["Is it?"])


def test_a_server_that_streams_unasked_is_malformed(
    model_server: ModelServer, proxy: RemoteProxy
) -> None:
    with pytest.raises(AnswerMalformed, match="not JSON"):
        proxy.think(["Is it?"])


def test_a_proxy_that_writes_nothing_has_no_guess(
    model_server: ModelServer, proxy: RemoteProxy
) -> None:
    def chat(call: Call) -> Reply:
        empty = {"choices": [{"message": {"content": ""}, "logprobs": None}]}
        return as_json(empty) if call.body.get("logprobs") else streamed("x")

    model_server.chat = chat
    [thought] = proxy.think(["Is it?"])
    assert (thought.guess.text, thought.guess.margins) == ("", ())
