"""The bounds on copying agree with brute force over all ways to cut an output."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.oracle import STOP, Written, ceiling, copy_oracle, num_forwards

texts = st.lists(st.integers(0, 2), max_size=10)


def stands_in(text: list[int], stretch: list[int], *, behind: list[int]) -> bool:
    wanted = behind + stretch
    return any(text[i : i + len(wanted)] == wanted for i in range(len(text) - len(wanted) + 1))


def fewest_passes(written: Written, *, after: int, num_nodes: int) -> int:
    """By trying every length of every stretch."""
    output = [*written.output, STOP] if written.is_stopped else list(written.output)

    @cache
    def fewest(at: int) -> int:
        if at >= len(output):
            return 0
        before = [*written.prompt, *output[:at]]
        suffix = before[len(before) - after :]
        lengths = [
            n
            for n in range(min(num_nodes, len(output) - at) + 1)
            if n == 0
            or any(
                stands_in(list(text), output[at : at + n], behind=suffix)
                for text in (*written.references, before)
            )
        ]
        return 1 + min(fewest(at + n + 1) for n in lengths)

    return max(1, fewest(0))


@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=12),
    texts,
    st.lists(texts, max_size=2),
    st.booleans(),
    st.integers(1, 12),
)
def test_the_longest_stretch_is_as_good_as_any_way_to_cut(
    output: list[int], prompt: list[int], references: list[list[int]], stopped: bool, nodes: int
) -> None:
    written = Written(output, prompt, references, is_stopped=stopped)
    assert num_forwards(written, num_nodes=nodes) == fewest_passes(
        written, after=0, num_nodes=nodes
    )


@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=12),
    st.lists(st.integers(0, 2), min_size=2, max_size=10),
    st.lists(texts, max_size=2),
    st.sampled_from([1, 2]),
)
def test_stretches_behind_a_suffix_are_those_that_brute_force_finds(
    output: list[int], prompt: list[int], references: list[list[int]], after: int
) -> None:
    # Taking the longest need not be optimal here, so only one step is compared: how far does the first pass get?
    written = Written(output, prompt, references, is_stopped=False)
    suffix = prompt[-after:]
    reachable = [
        n
        for n in range(1, len(output) + 1)
        if any(stands_in(list(text), output[:n], behind=suffix) for text in (*references, prompt))
    ]
    first = min(max(reachable, default=0) + 1, len(output))
    rest = Written(output[first:], [*prompt, *output[:first]], references, is_stopped=False)
    passes_of_rest = num_forwards(rest, after=after) if rest.output else 0
    assert num_forwards(written, after=after) == 1 + passes_of_rest


def test_a_copied_sentence_takes_one_pass_with_its_stop_token() -> None:
    assert num_forwards(Written([5, 6, 7, 8], prompt=[4, 5, 6, 7, 8, 9])) == 1


def test_no_stretch_runs_from_one_reference_into_the_next() -> None:
    written = Written([1, 2, 3, 4], prompt=[9], references=[[1, 2], [3, 4]], is_stopped=False)
    assert num_forwards(written) == 2  # 1 2 + 3, then 4: never 1 2 3 4 at once


def test_what_the_form_forces_costs_no_pass_of_its_own() -> None:
    output, prompt = [7, 7, 7, 1, 2, 3], [1, 2, 3]
    forced = [True, True, True, False, False, False]
    free = Written(output, prompt, is_stopped=False)
    assert num_forwards(free) > 1
    assert num_forwards(Written(output, prompt, forced=forced, is_stopped=False)) == 1


def test_tokens_per_forward_is_output_over_passes() -> None:
    written = Written([1, 2, 3, 50, 60], prompt=[0, 1, 2, 3], is_stopped=False)
    assert copy_oracle([written]) == pytest.approx(5 / 2)
    assert copy_oracle([written, written]) == pytest.approx(5 / 2)


def test_the_ceiling_is_reading_speed_over_writing_speed() -> None:
    assert ceiling(prefill_tokens_per_s=1000, token_seconds=0.02) == pytest.approx(20)
