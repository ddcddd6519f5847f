"""Windows of meetings: what is asked of them, what they tell, and turns as reported speech."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.prompts import NumberedText
from training.meetings import (
    WINDOW_WORDS,
    Window,
    clean,
    cut_window,
    qmsum_windows,
    synthetic_windows,
)

AddSet = Callable[..., Path]
TURNS = [
    (f"Speaker {n}", f"Turn number {n} tells of the harbour wall in brief.") for n in range(90)
]


@pytest.fixture
def data(add_set: AddSet, tmp_path: Path) -> Path:
    """A meeting with a query on its turns 10 to 14 and one on its turns 80 to 84; a call; a dialogue."""
    said = [{"speaker": speaker, "content": words} for speaker, words in TURNS]
    queries = [
        {"query": name, "answer": f"The answer on {name}.", "relevant_text_span": [[low, high]]}
        for name, low, high in (("early", "10", "14"), ("late", "80", "84"))
    ]
    general = [{"query": "whole", "answer": "It was on the wall."}]
    add_set(
        "meetings/qmsum-train",
        [
            {
                "meeting_transcripts": said,
                "specific_query_list": queries,
                "general_query_list": general,
            }
        ],
    )
    add_set("meetings/ethereum-calls", [{"transcript": [["00:01", *turn] for turn in TURNS]}])
    add_set("dialogues/sgd-train", [{"turns": TURNS}])

    return tmp_path / "data"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Um , {vocalsound} I think so .", "Um, I think so."),
        ("<laugh> it 's [disfmarker] fine", "it's fine"),
        ("  two\n lines ", "two lines"),
    ],
)
def test_marks_of_transcribers_are_taken_out(words: str, expected: str) -> None:
    assert clean(words) == expected


def test_a_window_numbers_its_turns_and_ends_where_its_words_are_used_up() -> None:
    window, num_turns = cut_window(TURNS, 5, num_words=25)
    assert num_turns == 3
    assert [turn.number for turn in window] == [1, 2, 3]
    assert [turn.label for turn in window] == ["Speaker 5", "Speaker 6", "Speaker 7"]
    assert window[0].text == TURNS[5][1]


def test_turns_of_one_or_two_words_are_no_part_of_a_window() -> None:
    window, num_turns = cut_window(
        [("Ann", "Yes."), ("Bob", "We sail at nine."), ("Ann", "Oh.")], 0, num_words=50
    )
    assert num_turns == 3
    assert window == [NumberedText(1, "We sail at nine.", "Bob")]


def test_a_query_has_an_answer_where_the_window_holds_its_turns_and_none_elsewhere(
    data: Path,
) -> None:
    windows = list(qmsum_windows(data, per_meeting=40, seed=7))
    assert len(windows) == 40
    seen = set()
    for window in windows:
        numbers = {int(turn.label.split()[1]) for turn in window.turns}
        for query in window.queries:
            if query.text == "whole":
                continue
            low = {"early": 10, "late": 80}[query.text]
            is_held = bool(numbers & set(range(low, low + 5)))
            assert query.is_silent is not is_held
            seen.add((query.text, is_held))
    assert len(seen) == 4


def test_the_whole_meeting_is_asked_about_at_times_and_never_in_vain(data: Path) -> None:
    windows = list(qmsum_windows(data, per_meeting=40, seed=7))
    whole = [query for window in windows for query in window.queries if query.text == "whole"]
    assert 0 < len(whole) < len(windows)
    assert not any(query.is_silent for query in whole)


def test_made_up_queries_ask_in_words_of_their_own_turn(data: Path) -> None:
    windows = list(synthetic_windows(data, count=20, seed=7))
    assert windows
    for window in windows:
        assert sum(len(turn.text.split()) for turn in window.turns) <= WINDOW_WORDS[1] + 160
        for query in window.queries:
            assert not query.is_silent
            assert any(word in query.text for word in ("number", "tells", "harbour", "brief"))


READERS: dict[str, Callable[[Path, int], list[Window]]] = {
    "real queries": lambda data, seed: [*qmsum_windows(data, per_meeting=5, seed=seed)],
    "made up": lambda data, seed: [*synthetic_windows(data, count=5, seed=seed)],
}


@pytest.mark.parametrize("kind", READERS)
def test_the_seed_fixes_the_windows(kind: str, data: Path) -> None:
    first, again, other = (READERS[kind](data, seed) for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_a_window_of_three_times_the_scale_is_longer(data: Path) -> None:
    short, long = (
        sum(len(window.turns) for window in synthetic_windows(data, count=10, seed=7, scale=scale))
        for scale in (1, 3)
    )
    assert long > 1.5 * short
