"""A summary beside the one that a person wrote: its score, and the figures of many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from bench.answer_scores import without_markers
from bench.meeting_sets import Meeting, ReferenceQuery
from bench.quality import show_estimate
from bench.scores import Measure, estimate, estimates, repeated_runs
from bench.table import render, show
from pipeline.prompts import NOTHING_SAID
from pipeline.types import QuerySummary

ROUGE = ("rouge1", "rouge2", "rougeL")


@dataclass(frozen=True, slots=True)
class TextScore:
    """How near a text comes to the reference."""

    meeting: str
    kind: str  # of the query
    rouge: Mapping[str, float]  # F, 0 to 1; with stemming
    num_words: int  # markers are no words


@dataclass(frozen=True, slots=True)
class ScoredSummary:
    """A summary of the product. One that says nothing scores 0."""

    score: TextScore
    is_valid: bool  # it could be read, under the id of its query
    is_silent: bool  # it says that the transcript says nothing
    num_repeats: int  # runs of four words that stood in it before
    num_runs: int
    num_citations: int
    num_verbatim: int  # citations whose quote stands where they say, character by character
    output_tokens: int  # of the whole prompt, told with its first query
    forced_tokens: int
    forwards: int


def rouge_measure(name: str) -> Measure[TextScore]:
    return lambda score: (score.rouge[name], 1)


TEXT_MEASURES: dict[str, Measure[TextScore]] = {
    **{name: rouge_measure(name) for name in ROUGE},
    "words": lambda score: (score.num_words, 1),
}
SUMMARY_MEASURES: dict[str, Measure[ScoredSummary]] = {
    "valid": lambda summary: (summary.is_valid, 1),
    "silent": lambda summary: (summary.is_silent, 1),
    "repeated": lambda summary: (summary.num_repeats, summary.num_runs),
    "citations": lambda summary: (summary.num_citations, 1),
    "citation_precision": lambda summary: (summary.num_verbatim, summary.num_citations),
    "tokens_per_forward": lambda summary: (summary.output_tokens, summary.forwards),
    "free_tokens_per_forward": lambda summary: (
        summary.output_tokens - summary.forced_tokens,
        summary.forwards,
    ),
}


def score_text(meeting: Meeting, query: ReferenceQuery, text: str) -> TextScore:
    found = rouge_scorer().score(query.reference, text)
    return TextScore(
        meeting=meeting.transcript.source,
        kind=query.kind,
        rouge={name: found[name].fmeasure for name in ROUGE},
        num_words=len(text.split()),
    )


@cache
def rouge_scorer() -> Any:
    """Its `score(reference, text)` names an F measure per kind of ROUGE."""
    from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped]

    return RougeScorer(list(ROUGE), use_stemmer=True)


def score_summary(meeting: Meeting, query: ReferenceQuery, summary: QuerySummary) -> ScoredSummary:
    text = without_markers(summary.summary)
    is_silent = text == NOTHING_SAID
    num_repeats, num_runs = repeated_runs(text)
    source = meeting.transcript.text

    return ScoredSummary(
        score=score_text(meeting, query, "" if is_silent else text),
        is_valid=summary.status == "succeeded" and summary.id == query.query.id,
        is_silent=is_silent,
        num_repeats=num_repeats,
        num_runs=num_runs,
        num_citations=len(summary.citations),
        num_verbatim=sum(
            bool(c.quote) and source[c.start : c.end] == c.quote for c in summary.citations
        ),
        output_tokens=summary.usage.output_tokens,
        forced_tokens=summary.usage.forced,
        forwards=summary.usage.forwards,
    )


def figures_of(summaries: Sequence[ScoredSummary], *, seed: int) -> dict[str, Any]:
    """Estimates over all queries, and of the texts by kind of query; meetings are drawn whole."""
    return {
        "n": len(summaries),
        **by_kind([summary.score for summary in summaries], seed=seed),
        **estimates(summaries, SUMMARY_MEASURES, unit=lambda s: s.score.meeting, seed=seed),
    }


def baseline_figures(
    texts: Mapping[str, Sequence[TextScore]], *, seed: int
) -> dict[str, dict[str, Any]]:
    """Baseline -> its estimates, over all queries and by kind."""
    return {name: by_kind(scores, seed=seed) for name, scores in texts.items()}


def by_kind(scores: Sequence[TextScore], *, seed: int) -> dict[str, Any]:
    kinds = sorted({score.kind for score in scores})
    return {
        **text_figures(scores, seed=seed),
        "kinds": {
            kind: text_figures([score for score in scores if score.kind == kind], seed=seed)
            for kind in kinds
        },
    }


def text_figures(scores: Sequence[TextScore], *, seed: int) -> dict[str, Any]:
    return estimates(scores, TEXT_MEASURES, unit=lambda score: score.meeting, seed=seed)


def position_figures(
    meetings: Sequence[Sequence[ScoredSummary]], *, seed: int
) -> dict[str, dict[str, Any]]:
    """By the place of the query in its list, from 1: the first of a prompt may fare better than the last."""
    longest = max(map(len, meetings))
    places = {
        number: [scores[number - 1].score for scores in meetings if len(scores) >= number]
        for number in range(1, longest + 1)
    }
    return {
        str(number): {"n": len(scores), **text_figures(scores, seed=seed)}
        for number, scores in places.items()
    }


def paired_differences(
    meetings: Sequence[tuple[Sequence[ScoredSummary], Sequence[ScoredSummary]]], *, seed: int
) -> dict[str, dict[str, float]]:
    """The first of each pair less the second, by ROUGE, on the same queries; meetings are drawn whole."""
    return {
        name: estimate(
            [
                sum(m.score.rouge[name] - s.score.rouge[name] for m, s in zip(*pair, strict=True))
                for pair in meetings
            ],
            [len(one) for one, _ in meetings],
            seed=seed,
        ).to_json()
        for name in ROUGE
    }


def summaries_tables(report: Mapping[str, Any]) -> str:
    """Ways and baselines by ROUGE, what the ways cost, and how many times less than the dearest."""
    entrants = {name: way["figures"] for name, way in report["ways"].items()} | report["baselines"]
    rows = [
        [
            name,
            *(show_estimate(figures[rouge], has_bounds=True) for rouge in ROUGE),
            show_estimate(figures["words"]),
            *(show_estimate(part["rougeL"]) for part in figures["kinds"].values()),
        ]
        for name, figures in entrants.items()
    ]
    kinds = [f"rougeL, {kind}" for kind in next(iter(entrants.values()))["kinds"]]
    costs = [
        [name, *(str(way[cost]) for cost in COSTS), *(str(way["form"][f]) for f in FORMS)]
        for name, way in report["ways"].items()
    ]
    own = [
        [name, *(show_estimate(way["figures"].get(name)) for way in report["ways"].values())]
        for name in SUMMARY_MEASURES
    ]
    ratios = [
        [f"{name}, {group} queries", *(show(found[figure]) for figure in RATIOS)]
        for group, ways in report["ratios"].items()
        for name, found in ways.items()
    ]

    return "\n\n".join(
        (
            render(("", *ROUGE, "words", *kinds), rows),
            render(("", *COSTS, *FORMS), costs),
            render(("", *report["ways"]), own),
            render(("times less (median)", *RATIOS), ratios),
        )
    )


COSTS = (
    "calls",
    "prompt_tokens",
    "prefill_tokens",
    "output_tokens",
    "forced_tokens",
    "seconds",
    "coverage",
)
FORMS = ("strict", "official")
RATIOS = ("calls", "prefill_tokens", "seconds")
