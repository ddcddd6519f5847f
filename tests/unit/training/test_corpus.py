"""The mix of running text: every source has its share, and nothing of it is measured on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from training.corpus import MIX, documents, turns_to_text, without_held_out
from training.heldout import HeldOut

MakeData = Callable[..., Path]
AddSet = Callable[..., Path]
MEASURED = "Many boats sail past the old harbour wall each summer morning while people wait upon the long pier."
MARKS = {  # what tells a document of each source
    "wikipedia": "encyclopedia", "wikinews": "news", "textbooks": "textbook",
    "meetings": "meeting", "dialogues": "dialogue",
}  # fmt: skip


@pytest.fixture
def data(make_data: MakeData, add_set: AddSet) -> Path:
    made = make_data(
        {"squad-20articles": [{"question": "Why?", "context": MEASURED, "title": "Held_Out"}]}
    )

    def text(source: str) -> str:
        return f"{MARKS[source]} " * 40

    for source, name in (
        ("wikipedia", "wikipedia2015"),
        ("wikinews", "wikinews"),
        ("textbooks", "openstax"),
    ):
        rows = [{"title": f"T{number}", "text": text(source)} for number in range(60)]
        add_set(f"text/{name}", rows)
    turns = [["00:01", "Ann", text("meetings")]] * 3
    said = [{"speaker": "Ann", "content": text("meetings")}]
    add_set("meetings/qmsum-train", [{"meeting_transcripts": said}] * 30)
    add_set("meetings/ethereum-calls", [{"transcript": turns}] * 30)
    for name in ("sgd-train", "taskmaster4"):
        add_set(f"dialogues/{name}", [{"turns": [["user", text("dialogues")]]}] * 30)

    return made


def test_every_source_has_its_share_of_the_characters(data: Path) -> None:
    texts = list(documents(data, num_characters=10_000, seed=7))
    for source, share in MIX.items():
        own = sum(len(text) for text in texts if MARKS[source] in text)
        assert own == pytest.approx(share * 10_000, abs=1), source


def test_the_seed_fixes_the_order_of_the_documents(data: Path) -> None:
    first, again, other = (
        list(documents(data, num_characters=5_000, seed=seed)) for seed in (7, 7, 8)
    )
    assert first == again
    assert first != other


def test_shares_make_up_the_whole() -> None:
    assert sum(MIX.values()) == pytest.approx(1)


def test_an_article_that_is_measured_on_is_left_out(data: Path) -> None:
    held_out = HeldOut(data)
    assert without_held_out("Held Out\nSome text.", held_out) == ""
    assert without_held_out("Held Back\nSome text.", held_out) == "Held Back\nSome text."


def test_only_the_measured_paragraph_of_another_article_is_left_out(data: Path) -> None:
    text = f"Boats\nOne paragraph.\n{MEASURED}\nAnother paragraph."
    expected = "Boats\nOne paragraph.\nAnother paragraph."
    assert without_held_out(text, HeldOut(data)) == expected


def test_held_out_text_reaches_no_document(data: Path, add_set: AddSet) -> None:
    add_set("text/wikinews", [{"title": "Held Out", "text": "x"}, {"title": "T", "text": MEASURED}])
    texts = list(documents(data, num_characters=10_000, seed=7))
    assert not any("Held Out" in text or "harbour wall" in text for text in texts)
    assert "T" in texts


def test_a_turn_is_a_line_and_silence_is_none() -> None:
    assert (
        turns_to_text([("Ann", " Hello. "), ("Bob", " "), ("Ann", "Bye.")])
        == "Ann: Hello.\nAnn: Bye."
    )
