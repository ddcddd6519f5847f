"""What something is, is told by the first sentence of the article on it, if that is a plain one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from training.definitions import definitions
from training.heldout import HeldOut

AddSet = Callable[..., Path]


@pytest.fixture
def data(add_set: AddSet, tmp_path: Path) -> Path:
    texts = {
        "Ferry": "A ferry is a boat that carries people over water. It may carry cars.",
        "Gannet": "Large white birds that dive for their food are known by it. They dive.",
        "Crane": "A crane lifts things. It stands at the pier.",
        "Tides (sea)": "Tides are the rise and fall of the sea, twice a day. They are slow.",
        "Kittiwake": f"The kittiwake is {'very ' * 40}small. It is a gull.",
        "Pier": "A pier is a wall that reaches out into the sea for boats. It is long.",
    }
    add_set("text/wikipedia2015", [{"title": t, "text": text} for t, text in texts.items()])

    return tmp_path / "data"


@pytest.fixture
def held_out(tiny_data: Path) -> HeldOut:
    return HeldOut(tiny_data)


def test_the_first_sentence_answers_where_it_is_plain_and_about_the_title(
    data: Path, held_out: HeldOut
) -> None:
    found = definitions(data, held_out=held_out, count=10)
    assert [answer.split()[0] for _, answer in found] == ["A", "Tides", "A"]
    assert found[0] == ("What is Ferry?", "A ferry is a boat that carries people over water.")
    assert "Tides (sea)" in found[1][0]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_at_most_so_many_are_made(count: int, data: Path, held_out: HeldOut) -> None:
    assert len(definitions(data, held_out=held_out, count=count)) == count


def test_articles_that_are_measured_on_are_left_out(data: Path, held_out: HeldOut) -> None:
    held_out.titles.add("Ferry")
    asked = [question for question, _ in definitions(data, held_out=held_out, count=10)]
    assert asked
    assert not any("Ferry" in question for question in asked)
