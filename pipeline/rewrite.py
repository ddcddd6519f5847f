"""SlimPLM's query rewriting (section 3.3): the question always, and what the proxy's guess adds to it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from pipeline.context import stem_set
from pipeline.judge import Judge
from pipeline.proxy import Thought
from pipeline.types import Guess, PlannedQuery, QueryOrigin, QueryPlan, Question
from retrieval import Probe, split_sentences

MOST_QUERIES = 4  # with the question; each costs a search
MIN_CLAIM_WORDS = 3  # content words; less claims nothing that could be looked up

Filter = Callable[[Sequence[Guess]], Sequence[Guess]]  # the claims that are not trusted


class Rewriter(Protocol):
    """Says what to search for where passages are needed."""

    def plan(
        self, question: Question, thought: Thought, *, judge: Judge, probe: Probe | None = None
    ) -> QueryPlan:
        """The question first; where the caller names queries, these and nothing else."""
        ...


class GuessRewriter:
    """Makes the queries of what the proxy said anyway, without a model of its own."""

    def plan(
        self, question: Question, thought: Thought, *, judge: Judge, probe: Probe | None = None
    ) -> QueryPlan:
        return plan_queries(
            question.text,
            thought.guess,
            distrusted=lambda claims: judge.distrusted(question.text, claims, probe),
            asked=question.queries,
            sub_questions=thought.sub_questions,
        )


def plan_queries(
    question: str,
    guess: Guess,
    *,
    distrusted: Filter,
    asked: Sequence[str] = (),
    sub_questions: Sequence[str] = (),
) -> QueryPlan:
    """At most `MOST_QUERIES`, the question first.

    What the caller `asked` for replaces all that the guess tells. Else come the guess as a query of its own,
    sub-questions where there are any, and the claims of the guess that are not trusted. All stay apart from the
    question: joined into one query, a wrong guess would drag the question along.
    """
    found = [PlannedQuery(question, "question")]
    if asked:
        found += planned(asked, "caller")
    else:
        found += planned(drafts_of(question, guess), "draft")
        found += planned(sub_questions, "sub-question")
        found += planned((claim.text for claim in distrusted(claims_of(question, guess))), "claim")

    return plan_of(found)


def plan_of(
    queries: Iterable[PlannedQuery], *, num_read: int = 0, num_written: int = 0
) -> QueryPlan:
    """The first `MOST_QUERIES` of them that differ."""
    return QueryPlan(
        tuple(without_repetitions(queries))[:MOST_QUERIES],
        num_read=num_read,
        num_written=num_written,
    )


def drafts_of(question: str, guess: Guess) -> Iterator[str]:
    """The guess, if it speaks of what was asked."""
    if stem_set(question) & stem_set(guess.text):
        yield guess.text


def claims_of(question: str, guess: Guess) -> list[Guess]:
    """The sentences of a guess that speak of what was asked; a guess of one sentence is no claim beside itself."""
    sentences = split_sentences(guess.text)
    if len(sentences) < 2:
        return []
    parts = (guess.part(start, end) for start, end in sentences)

    return [part for part in parts if speaks_of(question, part.text)]


def speaks_of(question: str, claim: str) -> bool:
    words = stem_set(claim)
    return len(words) >= MIN_CLAIM_WORDS and bool(words & stem_set(question))


def planned(texts: Iterable[str], origin: QueryOrigin) -> Iterator[PlannedQuery]:
    return (PlannedQuery(text, origin) for text in texts if text.strip())


def without_repetitions(queries: Iterable[PlannedQuery]) -> Iterator[PlannedQuery]:
    seen: set[str] = set()
    for query in queries:
        key = " ".join(query.text.split()).casefold()
        if key not in seen:
            seen.add(key)
            yield query
