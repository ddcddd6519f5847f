"""A summary's score is its ROUGE without markers, and what its form and its citations are worth."""

import pytest

from bench.meeting_sets import Meeting, ReferenceQuery, transcript_of
from bench.summary_scores import (
    COSTS,
    FORMS,
    RATIOS,
    baseline_figures,
    figures_of,
    paired_differences,
    position_figures,
    score_summary,
    score_text,
    summaries_tables,
)
from pipeline import Citation, QuerySummary, SummaryQuery, Usage

ASKED = ReferenceQuery(SummaryQuery("1", "When?"), "general", "The ferries leave at nine.")
OTHER = ReferenceQuery(SummaryQuery("2", "Why?"), "specific", "Nobody said why.")
TRANSCRIPT = transcript_of(
    [{"speaker": "Ada", "content": "The ferry leaves at nine ."}], name="ES1"
)
MEETING = Meeting(TRANSCRIPT, (ASKED, OTHER))
START = len("Ada: ")
END = START + len("The ferry leaves at nine.")


def summary(text: str, *spans: tuple[int, int], query: ReferenceQuery = ASKED) -> QuerySummary:
    return QuerySummary(
        id=query.query.id,
        query=query.query.text,
        status="succeeded",
        summary=text,
        citations=tuple(
            Citation(n, "p", "ES1", "The ferry leaves at nine.", start, end)
            for n, (start, end) in enumerate(spans, start=1)
        ),
        mode="multi",
        attempts=1,
        usage=Usage(output_tokens=30, forced=20, forwards=5),
    )


def test_rouge_is_counted_with_stems_and_without_markers() -> None:
    rouge = score_summary(
        MEETING, ASKED, summary("A ferry leaves at nine [1].", (START, END))
    ).score.rouge
    assert rouge["rouge1"] == pytest.approx(4 / 5)  # ferry leave at nine, of 5 words each
    assert rouge["rouge2"] == pytest.approx(3 / 4)
    assert rouge["rougeL"] == pytest.approx(4 / 5)


def test_a_citation_is_verbatim_where_its_quote_stands_at_its_place() -> None:
    found = score_summary(MEETING, ASKED, summary("Nine [1] [2].", (START, END), (0, END)))
    assert (found.num_citations, found.num_verbatim) == (2, 1)


def test_a_summary_that_says_nothing_scores_nothing() -> None:
    asked = ReferenceQuery(SummaryQuery("1", "?"), "general", "Nothing on this.")
    found = score_summary(MEETING, asked, summary("Nothing on this."))
    assert found.is_silent
    assert found.score.rouge["rouge1"] == 0.0
    assert found.score.num_words == 0


def test_a_summary_under_another_id_is_not_valid() -> None:
    assert score_summary(MEETING, ASKED, summary("Nine.")).is_valid
    assert not score_summary(MEETING, ASKED, summary("Nine.", query=OTHER)).is_valid


def test_figures_are_over_all_queries_and_by_kind() -> None:
    scores = [
        score_summary(MEETING, ASKED, summary("The ferries leave at nine.", (START, END))),
        score_summary(MEETING, OTHER, summary("a b c d a b c d", query=OTHER)),
    ]
    row = figures_of(scores, seed=0)
    assert row["n"] == 2
    assert row["rougeL"]["value"] == 0.5
    assert row["kinds"]["general"]["rougeL"]["value"] == 1.0
    assert row["kinds"]["specific"]["rougeL"]["value"] == 0.0
    assert row["repeated"]["value"] == pytest.approx(1 / 7, abs=1e-4)  # 5 runs and 2 runs, 1 repeat
    assert row["citations"]["value"] == 0.5
    assert row["citation_precision"]["value"] == 1.0
    assert row["tokens_per_forward"]["value"] == 6.0
    assert row["free_tokens_per_forward"]["value"] == 2.0


def test_differences_are_paired_by_query() -> None:
    better = [score_summary(MEETING, ASKED, summary("The ferries leave at nine."))]
    worse = [score_summary(MEETING, ASKED, summary("Nobody knows."))]
    found = paired_differences([(better, worse), (worse, worse)], seed=0)["rouge1"]
    assert (found["value"], found["low"], found["high"]) == (0.5, 0.0, 1.0)


def test_places_in_the_list_have_figures_of_their_own() -> None:
    good = score_summary(MEETING, ASKED, summary("The ferries leave at nine."))
    bad = score_summary(MEETING, OTHER, summary("a b c", query=OTHER))
    found = position_figures([[good, bad], [good]], seed=0)
    assert [figures["n"] for figures in found.values()] == [2, 1]
    assert [figures["rougeL"]["value"] for figures in found.values()] == [1.0, 0.0]


def test_the_tables_compare_everyone_and_show_what_only_the_product_has() -> None:
    scores = [score_summary(MEETING, ASKED, summary("The ferries leave at nine."))]
    baselines = baseline_figures(
        {"the query itself": [score_text(MEETING, ASKED, "When?")]}, seed=0
    )
    way = dict.fromkeys(COSTS, 7) | {"form": dict.fromkeys(FORMS, 1.0)}
    table = summaries_tables(
        {
            "ways": {"multi": way | {"figures": figures_of(scores, seed=0)}},
            "baselines": baselines,
            "ratios": {"all": {"multi": {name: {"median": 6.5} for name in RATIOS}}, "eight": {}},
        }
    )
    lines = table.splitlines()
    assert "1.00 (1.00-1.00)" in next(line for line in lines if line.startswith("multi"))
    assert "0.00 (0.00-0.00)" in next(line for line in lines if "query itself" in line)
    assert any(line.split() == ["citation_precision", "-"] for line in lines)
    assert any(line.split() == ["multi,", "all", "queries", *["6.50"] * 3] for line in lines)
