"""Whole requests read their prompts every time; laps of writing find them read."""

import pytest

from bench.engine_runs import Course, plain_texts
from bench.peers import PEERS, open_peer
from decoding import CausalModel, Request, tiny_model
from decoding.drafting.drafter import NoDrafts


@pytest.fixture(scope="module")
def model() -> CausalModel:
    return tiny_model(3)


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    return [
        Request([n, *range(40), n], max_new_tokens=12, stop_ids=frozenset({n})) for n in (50, 60)
    ]


@pytest.fixture
def course(model: CausalModel, requests: list[Request]) -> Course:
    return Course(model, requests, batch=2)


def test_a_whole_request_reads_its_prompt_every_time(course: Course) -> None:
    for _ in range(2):
        assert course.run_whole(NoDrafts).cost.cached_tokens == 0


def test_a_lap_of_writing_finds_every_prompt_read(course: Course) -> None:
    for _ in range(2):
        done = course.run_writing(NoDrafts)
        assert done.cost.cached_tokens == done.cost.prompt_tokens - len(course.requests)


@pytest.mark.parametrize("name", sorted(PEERS))
def test_every_peer_writes_the_plain_texts(
    name: str, model: CausalModel, requests: list[Request], course: Course
) -> None:
    plain = plain_texts(model, requests, ["a", "b"])
    done = course.run_writing(lambda: open_peer(name))
    assert done.texts == tuple(text.tokens for text in plain)


def test_plain_texts_come_with_a_margin_per_token(
    model: CausalModel, requests: list[Request]
) -> None:
    for text in plain_texts(model, requests, ["a", "b"]):
        assert len(text.margins) == len(text.tokens)
        assert all(margin >= 0 for margin in text.margins)
