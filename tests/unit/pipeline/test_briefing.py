"""What the model is given on a question, with and without a reader and a gate."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from pipeline import load_settings
from pipeline.briefing import Briefer, Briefing
from pipeline.build import build_briefer, build_reader
from pipeline.errors import SupportUnreadable
from pipeline.logistic import Logistic, Term
from pipeline.prompts import REFUSAL, NumberedText, grounded
from pipeline.support import (
    FEATURES_VERSION,
    NUM_SENTENCES,
    SUPPORT_FILE,
    Support,
    SupportGate,
    SupportOrigin,
    SupportReliability,
)
from retrieval import Excerpt, HashEmbedder, Reader, Reading, WordShare, rank_texts

GATE = SupportGate(
    # the probability is the belief that the answer lies somewhere
    logistic=Logistic((Term("somewhere", mean=0.0, scale=1.0, coefficient=1.0),), 0.0),
    threshold=0.5,
    embedder=Reader.embedder,
    origin=SupportOrigin(FEATURES_VERSION, "none", 0, most_false_refusals=0.1, seed=7),
    reliability=SupportReliability(0.9, 0.1, 0.8, kinds={}, bins=()),
)
QUESTION = "When was the Gannet sold?"
PASSAGES = (
    NumberedText(
        1, "The office opens at nine. Dogs travel free of charge. Bicycles pay two pounds."
    ),
    NumberedText(
        2,
        "The Gannet was sold to a yard on the mainland in 1999, and the money from it went to the new harbour. "
        "The Gannet was built in Leith. Nobody knows when the Sandpiper was sold.",
        "Boats",
    ),
)


class YearReader:
    """Believes in whatever has digits, half as much in two other words, and for the rest in nowhere."""

    def __init__(self, nowhere: float = 0.25) -> None:
        self.nowhere = nowhere
        self.heard: list[list[Excerpt]] = []

    def read(self, question: str, excerpts: Sequence[Excerpt]) -> Reading:
        self.heard.append([*excerpts])
        share = 1 - self.nowhere
        return Reading(
            tuple(
                tuple(
                    WordShare(*word.span(), share if word.group().isdigit() else share / 2)
                    for word in re.finditer(r"\d+|Leith|pounds", each.text)
                )
                for each in excerpts
            ),
            self.nowhere,
        )


def lexical(query: str, texts: Sequence[str]) -> list[float]:
    return rank_texts(query, texts, embedder=None)


def briefer_with(
    reader: YearReader | None, *, gate: SupportGate | None = None, num_lines: int = 2
) -> Briefer:
    return Briefer(
        rank=lexical,
        reader=reader,
        support=Support(gate, lexical) if gate else None,
        count=lambda text: len(text.split()),
        num_lines=num_lines,
    )


def brief(briefer: Briefer, *, budget: int = 1000) -> Briefing:
    return briefer.brief(QUESTION, PASSAGES, budget=budget)


def lines_of(briefing: Briefing) -> list[str]:
    """The best lines that the prompt shows behind the question."""
    assert briefing.prompt
    between = briefing.prompt.text.split("Best matches:\n")[1:]
    return [
        line.strip() for part in between for line in part.split("Answer briefly")[0].splitlines()
    ]


def test_without_a_reader_the_best_sentences_are_shown_whole() -> None:
    briefing = brief(briefer_with(None))
    assert lines_of(briefing) == [
        "The Gannet was sold to a yard on the mainland in 1999, and the money from it went to the new harbour. [2]",
        "The Gannet was built in Leith. [2]",
    ]
    assert briefing.support is None


def test_with_a_reader_the_clauses_that_it_believes_in_are_shown() -> None:
    briefing = brief(briefer_with(YearReader()))
    assert lines_of(briefing)[0] == "The Gannet was sold to a yard on the mainland in 1999 [2]"
    assert len(lines_of(briefing)) == 2
    assert briefing.support is None  # nothing judges


def test_the_prompt_is_the_grounded_one_over_all_passages() -> None:
    briefing = brief(briefer_with(YearReader(), num_lines=1))
    line = NumberedText(2, "The Gannet was sold to a yard on the mainland in 1999", "Boats")
    assert briefing.prompt == grounded(QUESTION, PASSAGES, lines=[line])


@pytest.mark.parametrize("num_lines", [0, 1, 3])
def test_the_reader_reads_as_many_sentences_however_many_lines_are_shown(num_lines: int) -> None:
    reader = YearReader()
    briefing = brief(briefer_with(reader, num_lines=num_lines))
    assert [len(excerpts) for excerpts in reader.heard] == [NUM_SENTENCES]
    assert reader.heard[0][0].heading == "Boats"
    assert len(lines_of(briefing)) == min(num_lines, 2)  # it believes in no other stretch


def test_what_is_shown_is_what_the_answer_may_well_be() -> None:
    briefing = brief(briefer_with(YearReader(), num_lines=1))
    assert " The Gannet was sold to a yard on the mainland in 1999 [2]\n" in briefing.likely
    assert not any("Sandpiper" in text for text in briefing.likely)


def quotes_of(briefer: Briefer) -> tuple[str, ...]:
    return brief(replace(briefer, must_quote=True)).one_of


def test_a_model_that_must_quote_answers_with_a_line_that_it_is_shown() -> None:
    briefer = briefer_with(YearReader(), gate=GATE)
    assert quotes_of(briefer) == tuple(f" {line}" for line in lines_of(brief(briefer)))
    assert brief(briefer).one_of == ()


@pytest.mark.parametrize("reader", [YearReader(), None])
def test_it_may_refuse_where_no_gate_has_looked_whether_the_passages_tell(
    reader: YearReader | None,
) -> None:
    *quotes, last = quotes_of(briefer_with(reader))
    assert len(quotes) == 2
    assert last == f" {REFUSAL}"


def test_without_a_line_there_is_nothing_to_quote_and_the_model_is_free() -> None:
    assert quotes_of(briefer_with(YearReader(), num_lines=0)) == ()


@pytest.mark.parametrize(("budget", "expected"), [(0, 0), (6, 0), (7, 1), (13, 1), (14, 2)])
def test_lines_that_do_not_fit_the_budget_are_left_out(budget: int, expected: int) -> None:
    briefer = replace(briefer_with(YearReader()), count=lambda _: 7)
    assert len(lines_of(brief(briefer, budget=budget))) == expected


@pytest.mark.parametrize(("nowhere", "is_asked"), [(0.45, True), (0.55, False)])
def test_the_model_is_asked_where_the_readers_belief_passes_the_gate(
    nowhere: float, is_asked: bool
) -> None:
    briefing = brief(briefer_with(YearReader(nowhere), gate=GATE))
    assert briefing.support == pytest.approx(1 - nowhere)
    assert (briefing.prompt is not None) is is_asked
    assert bool(briefing.likely) is is_asked


def test_the_gate_changes_nothing_of_what_is_shown() -> None:
    gated, free = (brief(briefer_with(YearReader(), gate=gate)) for gate in (GATE, None))
    assert replace(gated, support=None) == free


def test_without_a_sentence_nothing_is_shown_and_the_gate_refuses() -> None:
    briefer = briefer_with(YearReader(nowhere=1.0), gate=GATE)
    briefing = briefer.brief(QUESTION, [NumberedText(1, "# Boats")], budget=100)
    assert briefing.prompt is None
    assert briefing.support == pytest.approx(0.0, abs=1e-4)


def test_the_least_support_is_the_gates_threshold_and_nothing_without_a_gate() -> None:
    assert briefer_with(YearReader(), gate=GATE).least_support == GATE.threshold
    assert briefer_with(YearReader()).least_support == 0.0


class PackagedName(HashEmbedder):
    """Goes by the name of the embedder that the reader is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.name = Reader.embedder


def put(gate: SupportGate, folder: Path) -> Path:
    """A model's folder with this gate in it."""
    (folder / SUPPORT_FILE).write_bytes(TypeAdapter(SupportGate).dump_json(gate))
    return folder


def test_the_settings_give_reader_gate_and_number_of_lines(tmp_path: Path) -> None:
    settings = load_settings(model=str(put(GATE, tmp_path)), reader="some/reader", num_focus=5)
    briefer = build_briefer(settings, embedder=PackagedName(), count=len)
    assert isinstance(briefer.reader, Reader)
    assert briefer.reader.folder == Path("some/reader")
    assert briefer.support is not None
    assert briefer.support.gate == GATE
    assert briefer.num_lines == 5


def test_without_a_reader_the_gate_stays_unread(tmp_path: Path) -> None:
    put(GATE, tmp_path)
    (tmp_path / SUPPORT_FILE).write_text("{")
    settings = load_settings(model=str(tmp_path), reader="")
    briefer = build_briefer(settings, embedder=PackagedName(), count=len)
    assert briefer.reader is None
    assert briefer.support is None
    with pytest.raises(SupportUnreadable):
        build_briefer(load_settings(model=str(tmp_path)), embedder=PackagedName(), count=len)


@pytest.mark.parametrize(
    ("reader", "embedder"), [("", Reader.embedder), ("some/reader", "hash-256"), ("", "hash-256")]
)
def test_an_empty_setting_or_another_embedder_means_no_reader(reader: str, embedder: str) -> None:
    assert build_reader(load_settings(reader=reader), embedder=embedder) is None
