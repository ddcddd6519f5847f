"""Task files of every kind: they hold what teaches and fits, and the judge's questions stay the judge's."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from training.config import TaskSet
from training.exercises import Group, Piece, TaskFile, open_tasks
from training.reserved import is_reserved
from training.rows import ANSWER, LANGUAGE, NOTHING
from training.tasks import GROUPS, LONG, SHORT, teaches, write_tasks
from training.tokenizer import END

MakeData = Callable[..., Path]
AddSet = Callable[..., Path]


@pytest.fixture
def write(
    tiny_data: Path, tiny_tokenizer: Tokenizer, tmp_path: Path
) -> Callable[[TaskSet], TaskFile]:
    def write_one(task: TaskSet) -> TaskFile:
        write_tasks(task, data=tiny_data, tokenizer=tiny_tokenizer, folder=tmp_path, seed=7)
        return open_tasks(tmp_path / task.name)

    return write_one


Write = Callable[[TaskSet], TaskFile]


@pytest.mark.parametrize("length", [SHORT, LONG])
@pytest.mark.parametrize("kind", GROUPS)
def test_every_kind_makes_groups_that_teach_and_fit(kind: str, length: int, write: Write) -> None:
    tasks = write(TaskSet("made", kind, 40, length))
    assert len(tasks) > 5
    assert np.diff(tasks.starts).max() <= length
    for start, stop in zip(tasks.starts[:-1], tasks.starts[1:], strict=True):
        assert (tasks.learned[start:stop] == ANSWER).any()
        assert tasks.blocks[start] == 0


def test_a_group_too_long_for_a_row_is_left_out(write: Write) -> None:
    every, short = (write(TaskSet(f"at most {n}", "closed", 60, n)) for n in (SHORT, 40))
    sizes = np.diff(every.starts)
    assert sizes.max() > 40
    assert np.diff(short.starts).tolist() == sizes[sizes <= 40].tolist()


def test_the_seed_fixes_a_task_file(write: Write) -> None:
    first = write(TaskSet("first", "human", 20, SHORT))
    again = write(TaskSet("again", "human", 20, SHORT))
    np.testing.assert_array_equal(first.ids, again.ids)


def test_the_line_told_counts_what_was_written(
    tiny_data: Path, tiny_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    task = TaskSet("closed", "closed", 12, SHORT)
    line = write_tasks(task, data=tiny_data, tokenizer=tiny_tokenizer, folder=tmp_path, seed=7)
    tasks = open_tasks(tmp_path / "closed")
    assert line == (
        f"closed: 12 groups, {len(tasks.ids):,} tokens, {(tasks.learned == ANSWER).sum():,} of answers"
    )


def test_the_judges_questions_are_not_learned(
    make_data: MakeData, add_set: AddSet, tiny_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    questions = [f"Who sailed ship {letter}?" for letter in "abcdefghijklmnopqrst"]
    assert 0 < sum(map(is_reserved, questions)) < len(questions)
    data = make_data({"ambigqa-train": [{"question": q, "answer": ["Ada"]} for q in questions]})
    add_set("text/wikipedia2015", [])
    task = TaskSet("closed", "closed", 100, SHORT)
    write_tasks(task, data=data, tokenizer=tiny_tokenizer, folder=tmp_path, seed=7)
    tasks = open_tasks(tmp_path / "closed")
    texts = tiny_tokenizer.decode(tasks.ids.tolist(), skip_special_tokens=False).split(END)[:-1]
    assert set(texts) == {
        f"Question: {question}\nShort answer: Ada."
        for question in questions
        if not is_reserved(question)
    }


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (Group(Piece.of([9, 9], LANGUAGE), ()), False),
        (Group(Piece.of([9], NOTHING) + Piece.of([9], ANSWER), ()), True),
        (Group(Piece.of([9], LANGUAGE), (Piece.of([9], ANSWER),)), True),
    ],
)
def test_only_a_group_with_something_to_answer_teaches(group: Group, expected: bool) -> None:
    assert teaches(group) is expected
