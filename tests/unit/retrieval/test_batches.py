"""Texts of like length, together."""

from hypothesis import given
from hypothesis import strategies as st

from retrieval.batches import batches


@given(
    lengths=st.lists(st.integers(0, 300), max_size=200),
    most_texts=st.integers(1, 40),
    most_tokens=st.integers(1, 2_000),
)
def test_every_text_is_in_one_batch_and_no_batch_is_too_large(
    lengths: list[int], most_texts: int, most_tokens: int
) -> None:
    grouped = batches(lengths, most_texts=most_texts, most_tokens=most_tokens)
    assert sorted(at for batch in grouped for at in batch) == list(range(len(lengths)))
    for batch in grouped:
        assert len(batch) <= most_texts
        assert len(batch) == 1 or len(batch) * max(lengths[at] for at in batch) <= most_tokens


@given(lengths=st.lists(st.integers(0, 300), max_size=200))
def test_batches_go_from_long_to_short(lengths: list[int]) -> None:
    in_order = [lengths[at] for batch in batches(lengths) for at in batch]
    assert in_order == sorted(lengths, reverse=True)


def test_batches_are_filled() -> None:
    assert [len(batch) for batch in batches([10] * 70)] == [64, 6]
    assert [len(batch) for batch in batches([100] * 70)] == [20, 20, 20, 10]
    assert [len(batch) for batch in batches([4_096] * 3)] == [1, 1, 1]
