"""Writes the task examples of both models, in the very prompts of the product."""

import itertools
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from tokenizers import Tokenizer

from pipeline.prompts import closed_book
from training import meetings, questions, synthetic
from training.closed_book import closed_book_questions
from training.config import TaskSet
from training.definitions import definitions
from training.exercises import ANSWER, NOTHING, Group, Piece, save_tasks
from training.grounded import GroundedWriter, Shown
from training.heldout import HeldOut
from training.prompt_tokens import PromptTokens
from training.records import read_lines
from training.reserved import is_reserved
from training.windows import WindowWriter

SHORT, LONG = 1024, 2048  # tokens of a row
# Few: whether the passages tell is judged before the model is asked, and a small model often refuses wrongly.
STRANGER_SHARE = 0.06  # of groups with a question about something else
MISSING_SHARE = 0.12  # of groups with one about a paragraph of the same article that is not shown
REMOVED_SHARE = 0.03  # of groups in which a passage lacks the sentence that answers


def human_groups(
    tokens: PromptTokens, data: Path, *, count: int, rng: random.Random, length: int
) -> Iterator[Group]:
    """Questions of people, each passage with its own; every pass over the set mixes the passages anew."""
    pool = questions.human_questions(data, held_out=HeldOut(data), seed=rng.randrange(1 << 30))
    writer = GroundedWriter(tokens, rng=rng, length=length)
    most_words = 75 if length == SHORT else 160
    for _ in range(count):
        hosts = rng.sample(pool, writer.num_passages())
        strangers = rng.sample(pool, 1) if rng.random() < STRANGER_SHARE else []
        shown = []
        for host in hosts:
            item = questions.shortened(host, max_words=rng.randint(30, most_words), rng=rng)
            shown.append(Shown(item.title, item.passage, (item,)))
        if rng.random() < REMOVED_SHARE:
            shown[0] = writer.without_answer(shown[0])
        yield writer.group(shown, absent=strangers)


def synthetic_groups(
    tokens: PromptTokens, data: Path, *, count: int, rng: random.Random, length: int
) -> Iterator[Group]:
    """Questions made from Wikipedia; those that the passages do not answer come from the same articles."""
    held_out = HeldOut(data)
    rows = read_lines(data / "text/wikipedia2015.jsonl.zst")
    pool = [a for a in synthetic.articles(rows) if a.title not in held_out.titles]
    maker = synthetic.QuestionMaker(synthetic.given_names(pool), rng=rng)
    writer = GroundedWriter(tokens, rng=rng, length=length)
    for _ in range(count):
        article, *others = rng.sample(pool, 3)
        num_own = rng.randint(1, 2) if length == SHORT else rng.randint(1, 3)
        own = rng.sample(article.paragraphs, min(len(article.paragraphs), num_own + 1))
        missing = own.pop()
        chosen = [(article, p) for p in own]
        chosen += [(other, rng.choice(other.paragraphs)) for other in others[: rng.randint(0, 2)]]
        if any(held_out.shares(paragraph) for _, paragraph in chosen):
            continue
        shown = [Shown(a.title, p, tuple(maker.questions(a, p, most=3))) for a, p in chosen]
        absent = maker.questions(article, missing, most=1) if rng.random() < MISSING_SHARE else []
        yield writer.group(shown, absent=absent)


def window_groups(
    tokens: PromptTokens, data: Path, *, count: int, rng: random.Random, length: int
) -> Iterator[Group]:
    writer = WindowWriter(tokens, rng=rng, length=length)
    scale = 1 if length == SHORT else 3
    windows = itertools.chain(
        meetings.qmsum_windows(
            data, per_meeting=count // 2 // 162, seed=rng.randrange(1 << 30), scale=scale
        ),
        meetings.synthetic_windows(
            data, count=count // 2, seed=rng.randrange(1 << 30), scale=scale
        ),
    )
    yield from map(writer.group, windows)


def closed_groups(
    tokens: PromptTokens, data: Path, *, count: int, rng: random.Random, length: int
) -> Iterator[Group]:
    """Questions from memory; those reserved for the retrieval judge are left out."""
    asked = [
        (item.question, item.answers[0])
        for item in closed_book_questions(data)
        if not is_reserved(item.question)
    ]
    asked += definitions(data, held_out=HeldOut(data), count=len(asked) // 2)
    rng.shuffle(asked)
    for question, answer in itertools.islice(itertools.cycle(asked), count):
        prompt = Piece.of(tokens.encode_prompt(closed_book(question)), NOTHING)
        yield Group(prompt + Piece.of(tokens.answer(f" {answer.rstrip('.')}."), ANSWER), ())


GROUPS: dict[str, Callable[..., Iterator[Group]]] = {
    "human": human_groups,
    "synthetic": synthetic_groups,
    "windows": window_groups,
    "closed": closed_groups,
}


def write_tasks(task: TaskSet, *, data: Path, tokenizer: Tokenizer, folder: Path, seed: int) -> str:
    """Makes the file of a task set in `folder`; returns a line that tells what is in it."""
    groups = GROUPS[task.kind](
        PromptTokens(tokenizer),
        data,
        count=task.count,
        rng=random.Random(f"{seed}-{task.kind}"),
        length=task.length,
    )
    kept = (group for group in groups if teaches(group) and len(group) <= task.length)
    tasks = save_tasks(folder / task.name, kept)
    num_answers = int((tasks.learned == ANSWER).sum())

    return (
        f"{task.name}: {len(tasks):,} groups, {len(tasks.ids):,} tokens, {num_answers:,} of answers"
    )


def teaches(group: Group) -> bool:
    return bool(group.blocks) or ANSWER in group.context.learned
