"""What is measured on is recognised: by row, by title, and by seventeen words in a row."""

from collections.abc import Callable
from pathlib import Path

import pytest

from training.heldout import MEETINGS, RUN, STRIDE, HeldOut, fingerprint

MakeData = Callable[..., Path]
AddSet = Callable[..., Path]
PASSAGE = " ".join(f"word{number}" for number in range(60))
SURE = RUN + STRIDE - 1  # words in a row that are always found


@pytest.fixture
def held_out(make_data: MakeData, add_set: AddSet) -> HeldOut:
    data = make_data(
        {
            "nq-dev": [{"question": "Who sailed first?"}],
            "squad-20articles": [
                {"question": "Which word?", "context": PASSAGE, "title": "American_Idol"}
            ],
            "nq-swap-dev": [{"question": "Which else?", "context": "Too short to have runs."}],
        }
    )
    said = " ".join(f"spoken{number}" for number in range(30))
    turns = [{"speaker": "Ann", "content": said}]
    add_set(f"meetings/{MEETINGS}", [{"meeting_transcripts": turns}])

    return HeldOut(data)


def stretch(start: int, num_words: int) -> str:
    return " ".join(PASSAGE.split()[start : start + num_words])


@pytest.mark.parametrize("lead", range(STRIDE))
def test_seventeen_shared_words_are_found_wherever_they_stand(lead: int, held_out: HeldOut) -> None:
    assert SURE == 17
    text = f"{'other ' * lead}{stretch(21, SURE)} and what follows"
    assert held_out.shares(text)


@pytest.mark.parametrize("lead", range(STRIDE))
def test_twelve_shared_words_are_chance(lead: int, held_out: HeldOut) -> None:
    text = f"{'other ' * lead}{stretch(21, RUN - 1)} and what follows of other words"
    assert not held_out.shares(text)


def test_marks_and_capitals_hide_nothing(held_out: HeldOut) -> None:
    assert held_out.shares(stretch(3, SURE).upper().replace(" ", " -- "))


def test_meetings_are_held_out_too(held_out: HeldOut) -> None:
    assert held_out.shares(" ".join(f"spoken{number}" for number in range(4, 4 + SURE)))


def test_a_row_is_known_by_its_question_or_its_context(held_out: HeldOut) -> None:
    assert {"question": "who SAILED first"} in held_out
    assert {"question": "New?", "context": f"{PASSAGE}."} in held_out
    assert {"question": "New?", "context": "new"} not in held_out
    assert {"title": "American_Idol"} not in held_out


def test_titles_are_spelled_as_articles_are_and_never_empty(held_out: HeldOut) -> None:
    assert held_out.titles == {"American Idol"}


def test_a_fingerprint_is_of_the_words_in_their_order() -> None:
    assert fingerprint("Who, then?") == fingerprint("who then")
    assert fingerprint("Who, then?") != fingerprint("then who")
    assert fingerprint("a b") != fingerprint("ab")
