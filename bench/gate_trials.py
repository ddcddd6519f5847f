"""Both answers to every question of a set, kept line by line, so that gates are compared in seconds."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from pydantic import TypeAdapter

from bench.record import git_commit
from pipeline import Answer, AnswerDone, Pipeline, TextPiece
from pipeline.calibrate import KnownQuestion, Trial
from pipeline.rightness import is_right, token_f1
from pipeline.types import Case, Guess, Question
from retrieval.lexical import Match, Probe


@dataclass(frozen=True, slots=True)
class Way:
    """One answer to one question, and what it took."""

    text: str
    is_right: bool  # contains a right answer, or says the right one of yes and no
    f1: float
    searches: int
    model_tokens: int  # read and written by the main model
    proxy_tokens: int  # the same by the proxy
    seconds: float
    num_citations: int
    num_verbatim: int  # whose quote stands in its passage where it says, to the letter
    is_streamed_alike: bool  # the pieces of the text joined are the text


@dataclass(frozen=True, slots=True)
class BothWays:
    question: str
    answers: tuple[str, ...]
    guess: Guess
    matches: tuple[tuple[str, float], ...]  # the best two of the probe
    never: Way
    always: Way
    commit: str = ""  # that answered

    @property
    def case(self) -> Case:
        found = tuple(Match(*match) for match in self.matches)
        return Case(self.question, self.guess, Probe(self.question, found))

    @property
    def trial(self) -> Trial:
        return Trial(self.case, float(self.never.is_right), float(self.always.is_right))


RECORDS = TypeAdapter(BothWays)


def tried(
    pipeline: Pipeline, questions: Sequence[KnownQuestion], *, file: Path
) -> Iterator[BothWays]:
    """One record per question; those that the file holds are not asked again."""
    file.parent.mkdir(parents=True, exist_ok=True)
    known = {record.question: record for record in read_trials(file)}
    with file.open("a", encoding="utf-8") as lines:
        for question in questions:
            record = known.get(question.text)
            if record is None:
                record = try_both(pipeline, question)
                lines.write(json.dumps(asdict(record), ensure_ascii=False) + "\n")
                lines.flush()
            yield record


def read_trials(file: Path) -> list[BothWays]:
    """What the file holds; a line that a killed run has left half written is cut off."""
    if not file.exists():
        return []
    whole, line_break, half = file.read_text(encoding="utf-8").rpartition("\n")
    if half:
        file.write_text(whole + line_break, encoding="utf-8")
    return [RECORDS.validate_json(line) for line in whole.split("\n") if line]


def try_both(pipeline: Pipeline, question: KnownQuestion) -> BothWays:
    (thought,) = pipeline.proxy.think([question.text])
    probe = pipeline.knowledge_base.probe(question.text)
    asked = Question(question.text)
    return BothWays(
        question=question.text,
        answers=question.answers,
        guess=thought.guess,
        matches=tuple((match.id, match.score) for match in probe.matches[:2]),
        never=go(pipeline, replace(asked, retrieve="never"), question.answers),
        always=go(pipeline, replace(asked, retrieve="always"), question.answers),
        commit=git_commit(),
    )


def go(pipeline: Pipeline, question: Question, answers: Sequence[str]) -> Way:
    started = perf_counter()
    pieces, answer = streamed(pipeline, question)
    usage = answer.usage
    return Way(
        text=answer.text,
        is_right=is_right(answer.text, answers),
        f1=token_f1(answer.text, answers),
        searches=usage.searches,
        model_tokens=usage.prompt_tokens + usage.output_tokens,
        proxy_tokens=usage.proxy_prompt_tokens + usage.proxy_tokens,
        seconds=round(perf_counter() - started, 4),
        num_citations=len(answer.citations),
        num_verbatim=sum(map(bool, verbatim(answer))),
        is_streamed_alike="".join(pieces).rstrip() == answer.text,
    )


def streamed(pipeline: Pipeline, question: Question) -> tuple[list[str], Answer]:
    events: list[Any] = list(pipeline.stream(question))
    pieces = [event.text for event in events if isinstance(event, TextPiece)]
    assert isinstance(events[-1], AnswerDone)
    return pieces, events[-1].answer


def verbatim(answer: Answer) -> Iterator[bool]:
    """Whether the quote of each citation stands where it says."""
    for citation in answer.citations:
        passage = answer.passages[citation.marker - 1].passage
        start, end = citation.start - passage.start, citation.end - passage.start
        yield citation.passage_id == passage.id and passage.text[start:end] == citation.quote != ""
