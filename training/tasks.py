"""Writes the task examples of both models, in the very prompts of the product."""

import argparse
import itertools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from pipeline.context import focus
from pipeline.prompts import (
    NOTHING_SAID,
    REFUSAL,
    NumberedText,
    Prompt,
    closed_book,
    grounded,
    json_safe,
    marked_turn,
    multi_query,
    skeleton,
)
from retrieval import rank_texts, split_sentences
from training import meetings, questions
from training.exercises import Answer, Example, save_tasks
from training.tokenizer import END

LONGEST_EXAMPLE = 2048  # tokens


def lexical(query: str, texts: Sequence[str]) -> list[float]:
    return rank_texts(query, texts, embedder=None)


class TaskWriter:
    """Turns questions and windows into token ids; every choice is drawn from one seeded generator."""

    def __init__(self, tokenizer: Tokenizer, *, seed: int) -> None:
        self.tokenizer = tokenizer
        self.refusal_share = 0.1  # of grounded questions, how many come without their passage
        self.silence_share = 1.0  # of queries that a window says nothing on, how many are asked
        self.is_best_right = False  # the best sentence or turn is the one that answers
        self.end = int(tokenizer.token_to_id(END) or 0)
        self.rng = random.Random(seed)

    def encode(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def encode_prompt(self, prompt: Prompt) -> list[int]:
        return self.encode_parts(prompt.segments)

    def grounded_example(
        self, item: questions.GroundedQuestion, others: Sequence[questions.GroundedQuestion]
    ) -> Example:
        """The gold passage among up to three others, all trimmed; some without the gold one and refused."""
        is_answerable = self.rng.random() > self.refusal_share
        shown = list(others[: self.rng.choice([0, 1, 1, 2, 3])])
        passages = [(other.title, self.trim(other.passage, other.answer)) for other in shown]
        if is_answerable or not passages:
            is_answerable = True
            gold = (item.title, self.trim(item.passage, item.answer))
            passages.insert(self.rng.randrange(len(passages) + 1), gold)
        numbered = [
            NumberedText(n, text, title) for n, (title, text) in enumerate(passages, start=1)
        ]
        best = focus(item.question, numbered, rank=lexical, limit=3)
        if is_answerable:
            number = next(p.number for p in numbered if item.answer in p.text)
            if all(item.answer not in sentence.text for sentence in best):
                best = [*best[:2], NumberedText(number, item.answer)]
            if self.is_best_right:
                best.sort(key=lambda sentence: item.answer not in sentence.text)
            answer = f" {item.answer} [{number}]"
        else:
            answer = f" {REFUSAL}"
        prompt = grounded(item.question, numbered, focus=best)

        return Example(
            self.encode_prompt(prompt), Answer.of([*self.encode(answer), self.end], learn=True)
        )

    def trim(self, passage: str, keep: str) -> str:
        """Mostly a few sentences around `keep`, sometimes the whole passage: short prompts teach more per token."""
        if self.rng.random() < 0.25:
            return passage
        spans = split_sentences(passage)
        at = next((i for i, (a, b) in enumerate(spans) if keep[:40] in passage[a:b]), None)
        if at is None:
            return passage
        first = max(0, at - self.rng.randint(0, 2))
        last = min(len(spans) - 1, at + self.rng.randint(0, 2))

        trimmed = passage[spans[first][0] : spans[last][1]]
        return trimmed if keep in trimmed else passage

    def closed_example(self, item: questions.ShortQuestion) -> Example:
        text = item.answer if item.answer.endswith(".") else f"{item.answer}."
        answer = Answer.of([*self.encode(f" {text}"), self.end], learn=True)
        return Example(self.encode_prompt(closed_book(item.question)), answer)

    def window_example(self, window: meetings.Window) -> Example:
        """The whole forced answer; only the summaries and what closes them are the model's to learn."""
        asked = [q for q in window.queries if q.target or self.rng.random() < self.silence_share]
        asked = asked or list(window.queries)
        best = [self.best_turns(query, window) for query in asked]
        prompt = self.encode_prompt(multi_query(window.turns, [query.text for query in asked]))
        opening, *closings = skeleton(best)
        answer = Answer.of(self.encode_parts(opening), learn=False)
        for query, closing in zip(asked, closings, strict=True):
            summary = json_safe(marked_turn(query.target)) if query.target else NOTHING_SAID
            answer += Answer.of([*self.encode(summary), *self.encode(closing[0])], learn=True)
            answer += Answer.of(self.encode_parts(closing[1:]), learn=False)

        return Example(prompt, answer)

    def best_turns(
        self, query: meetings.WindowQuery, window: meetings.Window
    ) -> list[NumberedText]:
        best = focus(query.text, window.turns, rank=lexical, limit=self.rng.choice([2, 3, 3]))
        if query.target is None:
            return best
        wanted = query.target.text
        if all(wanted not in sentence.text for sentence in best):
            best = [*best[:-1], query.target]
            self.rng.shuffle(best)
        if self.is_best_right:
            best.sort(key=lambda sentence: wanted not in sentence.text)

        return best

    def encode_parts(self, parts: Sequence[str]) -> list[int]:
        return [token for part in parts for token in self.encode(part)]


def grounded_pool(data: Path, *, num_synthetic: int, seed: int) -> list[questions.GroundedQuestion]:
    """Human questions twice, synthetic ones once, shuffled."""
    human = [*questions.squad(data), *questions.natural_questions(data), *questions.swapped(data)]
    pool = human * 2 + list(questions.synthetic(data, count=num_synthetic, seed=seed))
    random.Random(seed).shuffle(pool)

    return pool


def main_examples(writer: TaskWriter, data: Path, *, scale: float, seed: int) -> Iterator[Example]:
    pool = grounded_pool(data, num_synthetic=int(9000 * scale), seed=seed)
    for index, item in enumerate(pool):
        others = [pool[(index + step) % len(pool)] for step in (1, 2, 3)]
        yield writer.grounded_example(item, others)
    windows = [
        *meetings.qmsum_windows(data, per_meeting=int(20 * scale), seed=seed),
        *meetings.synthetic_windows(data, count=int(5000 * scale), seed=seed),
    ]
    yield from map(writer.window_example, windows)
    yield from map(
        writer.closed_example, itertools.islice(questions.closed_book(data), int(1500 * scale))
    )
    yield from map(writer.closed_example, questions.definitions(data, count=int(1500 * scale)))


def polish_examples(
    writer: TaskWriter, data: Path, *, scale: float, seed: int
) -> Iterator[Example]:
    """The easy cases only: what ranks first answers, as search makes it true four times out of five."""
    writer.refusal_share, writer.silence_share, writer.is_best_right = 0.03, 0.05, True
    yield from main_examples(writer, data, scale=scale, seed=seed)


def window_examples(
    writer: TaskWriter, data: Path, *, scale: float, seed: int
) -> Iterator[Example]:
    """Twice as many meeting windows as questions, easy cases only."""
    writer.refusal_share, writer.silence_share, writer.is_best_right = 0.05, 0.1, True
    windows = [
        *meetings.qmsum_windows(data, per_meeting=int(30 * scale), seed=seed),
        *meetings.synthetic_windows(data, count=int(9000 * scale), seed=seed),
    ]
    yield from map(writer.window_example, windows)
    pool = grounded_pool(data, num_synthetic=int(4000 * scale), seed=seed)
    for index, item in enumerate(pool[: len(windows) // 2]):
        yield writer.grounded_example(
            item, [pool[(index + step) % len(pool)] for step in (1, 2, 3)]
        )


def proxy_examples(writer: TaskWriter, data: Path, *, scale: float, seed: int) -> Iterator[Example]:
    yield from map(writer.closed_example, questions.closed_book(data))
    yield from map(writer.closed_example, questions.definitions(data, count=int(10_000 * scale)))


EXAMPLES = {
    "main": main_examples,
    "polish": polish_examples,
    "windows": window_examples,
    "proxy": proxy_examples,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=sorted(EXAMPLES))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json")
    parser.add_argument("--out", type=Path, required=True, help="path without suffix")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    writer = TaskWriter(Tokenizer.from_file(str(arguments.tokenizer)), seed=arguments.seed)
    examples = EXAMPLES[arguments.model](
        writer, arguments.data, scale=arguments.scale, seed=arguments.seed
    )
    fitting = (example for example in examples if len(example) <= LONGEST_EXAMPLE)
    print(f"{save_tasks(arguments.out, fitting):,} examples in {arguments.out}.npz")


if __name__ == "__main__":
    main()
