"""Windows hold whole turns within the budget, and together the whole transcript."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.windows import best_window, cut_windows, short_turns
from retrieval.types import Turn


def num_words(text: str) -> int:
    return len(text.split())


def turn(
    text: str, *, start: int = 0, start_s: float | None = None, end_s: float | None = None
) -> Turn:
    return Turn(text, start, start + len(text), "Ada", start_s, end_s)


def turns(*sizes: int) -> list[Turn]:
    return [turn(" ".join(["word"] * size), start=1000 * n) for n, size in enumerate(sizes)]


def size(turn: Turn) -> int:
    return num_words(turn.text)


def test_windows_are_filled_up_to_the_budget_and_share_one_turn() -> None:
    windows = cut_windows(turns(4, 4, 4, 4), size=size, budget=8)
    assert [[t.start for t in window] for window in windows] == [
        [0, 1000],
        [1000, 2000],
        [2000, 3000],
    ]


def test_a_turn_over_the_budget_stands_alone() -> None:
    windows = cut_windows(turns(2, 20, 2), size=size, budget=8, overlap=0)
    assert [len(window) for window in windows] == [1, 1, 1]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=40), st.integers(1, 40), st.integers(0, 3))
def test_every_turn_stands_in_some_window_in_order(
    sizes: list[int], budget: int, overlap: int
) -> None:
    all_turns = turns(*sizes)
    windows = cut_windows(all_turns, size=size, budget=budget, overlap=overlap)
    seen = list(dict.fromkeys(t for window in windows for t in window))
    assert seen == all_turns
    for window in windows:
        assert len(window) == 1 or sum(map(size, window)) <= budget


def test_a_long_turn_is_cut_between_sentences_with_exact_offsets_and_times() -> None:
    text = "One two three. Four five six. Seven eight nine."
    parts = list(
        short_turns([turn(text, start=100, start_s=10.0, end_s=20.0)], size=num_words, budget=6)
    )
    assert [part.text for part in parts] == ["One two three. Four five six.", "Seven eight nine."]
    assert all(text[part.start - 100 : part.end - 100] == part.text for part in parts)
    assert parts[0].start_s == 10.0
    assert parts[1].start_s is not None
    assert 10.0 < parts[1].start_s < 20.0


@given(st.text(alphabet="ab. \n", min_size=1, max_size=200), st.integers(1, 9))
def test_cutting_a_turn_loses_no_word(text: str, budget: int) -> None:
    parts = list(short_turns([turn(text)], size=num_words, budget=budget))
    assert " ".join(part.text for part in parts).split() == text.split()


def test_the_best_window_takes_from_every_ranking_in_turn_until_it_is_full() -> None:
    ranked = [[1, 2, 3], [7, 2, 9]]
    assert best_window(ranked, size=lambda _: 1, budget=4) == {1, 7, 2, 3}
    assert best_window(ranked, size=lambda item: 5 if item == 7 else 1, budget=3) == {1, 2, 3}
    assert best_window([], size=lambda _: 1, budget=4) == set()


@given(st.lists(st.lists(st.integers(0, 20), unique=True)), st.integers(1, 30))
def test_the_best_window_keeps_to_its_budget_unless_one_item_is_larger(
    ranked: list[list[int]], budget: int
) -> None:
    def size(item: int) -> int:
        return 3 * item + 1

    window = best_window(ranked, size=size, budget=budget)
    assert bool(window) == any(ranked)
    assert len(window) == 1 or sum(map(size, window)) <= budget
