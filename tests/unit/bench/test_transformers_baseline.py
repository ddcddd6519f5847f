"""The library's decoding comes out as plain token ids, with its writing timed apart from its reading."""

from pathlib import Path

import pytest

from bench.transformers_baseline import TransformersBaseline
from decoding import Request


@pytest.fixture(scope="module")
def baseline(tiny_checkpoint: Path) -> TransformersBaseline:
    return TransformersBaseline(tiny_checkpoint, dtype="float32")


def requests(*, stop_ids: frozenset[int] = frozenset()) -> list[Request]:
    return [Request([5, 6, 7, 8] * n, max_new_tokens=12, stop_ids=stop_ids) for n in (1, 4)]


def test_lookup_writes_what_greedy_decoding_writes(baseline: TransformersBaseline) -> None:
    plain = baseline.run_greedy(requests())
    assert [len(text) for text in plain.texts] == [12, 12]
    assert baseline.run_lookup(requests()).texts == plain.texts


def test_a_batch_writes_what_each_prompt_writes_alone(baseline: TransformersBaseline) -> None:
    alone = baseline.run_greedy(requests())
    assert baseline.run_greedy(requests(), batch=2).texts == alone.texts


def test_a_stop_token_ends_the_text_and_is_not_part_of_it(baseline: TransformersBaseline) -> None:
    free = baseline.run_greedy(requests()).texts[1]
    stop = free[4]
    stopped = baseline.run_greedy(requests(stop_ids=frozenset({stop}))).texts[1]
    assert stopped == free[: free.index(stop)]


def test_writing_is_timed_from_the_first_token_on(baseline: TransformersBaseline) -> None:
    run = baseline.run_greedy(requests())
    assert run.num_decoded == 2 * 11
    assert 0 < run.decode_seconds < run.seconds
