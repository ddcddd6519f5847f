"""The support gate: its features by hand, its probability, the file it is read from, and when it is used."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from pipeline import load_settings
from pipeline.build import build_support, similarity
from pipeline.context import Ranker
from pipeline.errors import SupportUnreadable
from pipeline.logistic import Logistic, ReliabilityBin, Term, weights_fingerprint
from pipeline.prompts import NumberedText
from pipeline.support import (
    FEATURES_VERSION,
    MOST_LOGIT,
    NUM_SENTENCES,
    SUPPORT_FILE,
    KindReliability,
    Support,
    SupportGate,
    SupportOrigin,
    SupportReliability,
    load_support,
    named_stems,
    support_features,
)
from retrieval import HashEmbedder

GATE = SupportGate(
    logistic=Logistic((Term("most_cosine", mean=0.5, scale=0.25, coefficient=2.0),), 0.0),
    threshold=0.5,
    embedder="hash-256",
    origin=SupportOrigin(
        features=FEATURES_VERSION,
        data="none",
        num_questions=0,
        most_false_refusals=0.1,
        seed=7,
    ),
    reliability=SupportReliability(
        auc=0.9,
        false_refusals=0.1,
        refused=0.8,
        kinds={"near": KindReliability(4, auc=0.75, false_refusals=0.0, refused=0.5)},
        bins=(ReliabilityBin(4, foretold=0.5, found=0.5),),
    ),
)
PASSAGES = (
    NumberedText(1, "The Gannet is a ferry. It was built in Leith.", "Boats"),
    NumberedText(2, "Dogs travel free. A ferry takes bicycles, too.", "Fares"),
)
FOCUS = (
    NumberedText(2, "A ferry takes bicycles, too.", "Fares"),
    NumberedText(1, "The Gannet is a ferry.", "Boats"),
)


def features(question: str) -> dict[str, float]:
    return support_features(
        question, focus=FOCUS, passages=PASSAGES, cosines=(0.5, 0.7), nowhere=0.5
    )


def put(gate: SupportGate, folder: Path) -> Path:
    """A model's folder with this gate in it."""
    (folder / SUPPORT_FILE).write_bytes(TypeAdapter(SupportGate).dump_json(gate))
    return folder


def fixed(cosines: list[float]) -> Ranker:
    return lambda _, texts: cosines[: len(texts)]


def test_cosines_are_those_of_the_first_the_nearest_and_the_farthest_sentence() -> None:
    found = features("Which ferry?")
    assert (found["first_cosine"], found["most_cosine"], found["least_cosine"]) == (0.5, 0.7, 0.5)


def test_words_are_looked_for_in_the_whole_passage_of_the_first_sentence_and_in_its_title() -> None:
    # dog, travel and fare stand there; Leith stands in the other passage
    assert features("Do dogs travel to Leith by fares?")["words_of_passage"] == 0.75


def test_names_are_looked_for_in_the_first_sentence_alone() -> None:
    # of Gannet, Leith and 1987 none stands there, of Fares and Leith one does
    assert features("Was the Gannet built in Leith in 1987?")["names_missing"] == 1.0
    assert features("What are Fares in Leith?")["names_missing"] == 0.5


def test_a_question_without_names_misses_none() -> None:
    assert features("where was it built?")["names_missing"] == 0.0


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Which boat was it?", set()),  # a capital that only begins the sentence
        ("Who built the Gannet?", {"gannet"}),
        ("24B leaves when?", {"24b"}),
        ("Is it the iPhone?", {"iphon"}),
        ("", set()),
    ],
)
def test_what_is_called_by_name_or_number(question: str, expected: set[str]) -> None:
    assert named_stems(question) == expected


@pytest.mark.parametrize("question", ["", "???", "Who built the Gannet?"])
def test_without_focus_the_passages_look_as_foreign_as_can_be(question: str) -> None:
    found = support_features(question, focus=(), passages=PASSAGES, cosines=(), nowhere=1.0)
    is_named = "Gannet" in question
    assert found == {
        **dict.fromkeys(("first_cosine", "most_cosine", "least_cosine"), 0.0),
        "words_of_passage": 0.0,
        "names_missing": float(is_named),
        "somewhere": pytest.approx(-MOST_LOGIT),
    }


@pytest.mark.parametrize(
    ("nowhere", "expected"),
    [(0.5, 0.0), (0.2, math.log(4)), (0.8, -math.log(4)), (0.0, MOST_LOGIT), (1.0, -MOST_LOGIT)],
)
def test_the_readers_belief_counts_as_bounded_log_odds(nowhere: float, expected: float) -> None:
    found = support_features("", focus=(), passages=(), cosines=(), nowhere=nowhere)
    assert found["somewhere"] == pytest.approx(expected)


def test_the_gate_looks_at_the_best_sentences_however_many_there_are() -> None:
    longer = [*FOCUS, *[NumberedText(1, f"It was built {n}.") for n in range(NUM_SENTENCES)]]
    cosines = [0.1] * NUM_SENTENCES + [1.0] * 10
    support = Support(GATE, fixed(cosines)).probability(
        "Who?", focus=longer, passages=PASSAGES, nowhere=0.5
    )
    assert support == GATE.logistic.probability({"most_cosine": 0.1})


def test_the_cosine_is_of_the_sentence_with_its_label_as_it_was_ranked() -> None:
    seen: list[str] = []

    def listen(_: str, texts: object) -> list[float]:
        seen.extend(texts)  # type: ignore[arg-type]
        return [0.0] * len(seen)

    Support(GATE, listen).probability("Who?", focus=FOCUS, passages=PASSAGES, nowhere=0.5)
    assert seen == ["Fares: A ferry takes bicycles, too.", "Boats: The Gannet is a ferry."]


def test_the_readers_doubt_lowers_the_support() -> None:
    believing = Logistic((Term("somewhere", mean=0.0, scale=1.0, coefficient=1.0),), 0.0)
    support = Support(replace(GATE, logistic=believing), fixed([0.0] * NUM_SENTENCES))
    found = [
        support.probability("Who?", focus=FOCUS, passages=PASSAGES, nowhere=nowhere)
        for nowhere in (0.25, 0.5, 0.75)
    ]
    assert found == pytest.approx([0.75, 0.5, 0.25])


def test_similarity_is_the_cosine_with_the_query() -> None:
    cosines = similarity(HashEmbedder())
    assert cosines("red boat", ["red boat", "red"]) == pytest.approx([1.0, 0.5**0.5])
    assert cosines("red boat", []) == []


def test_a_folder_without_a_gate_has_none(tmp_path: Path) -> None:
    assert load_support(tmp_path, embedder="hash-256") is None
    assert load_support(tmp_path / "org" / "model", embedder="hash-256") is None


def test_what_was_written_is_what_is_read(tmp_path: Path) -> None:
    assert load_support(put(GATE, tmp_path), embedder="hash-256") == GATE


def test_a_gate_for_another_embedder_is_not_used(tmp_path: Path) -> None:
    assert load_support(put(GATE, tmp_path), embedder="all-MiniLM-L6-v2") is None


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"threshold": 1.5}, "threshold"),
        ({"logistic": {"terms": [], "intercept": None}}, "intercept"),
        ({"origin": None}, "origin"),
    ],
)
def test_a_file_that_is_no_gate_says_where_and_what_to_do(
    tmp_path: Path, change: dict[str, object], cause: str
) -> None:
    path = put(GATE, tmp_path) / SUPPORT_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(SupportUnreadable, match=rf"{cause}.*training\.support.*delete the file"):
        load_support(tmp_path, embedder="hash-256")


def test_a_gate_trained_with_other_features_is_refused(tmp_path: Path) -> None:
    put(replace(GATE, origin=replace(GATE.origin, features=FEATURES_VERSION + 1)), tmp_path)
    with pytest.raises(SupportUnreadable, match="version 3 of the features, this is 2"):
        load_support(tmp_path, embedder="hash-256")


def test_a_gate_trained_with_another_reader_is_refused_by_name(tmp_path: Path) -> None:
    reader, other = tmp_path / "reader", tmp_path / "other"
    for folder in (reader, other):
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(folder.name.encode())
    gate = replace(GATE, origin=replace(GATE.origin, reader=weights_fingerprint(reader)))
    settings = load_settings(model=str(put(gate, tmp_path)), reader=str(reader))
    support = build_support(settings, embedder=HashEmbedder())
    assert support is not None
    assert support.gate == gate
    with pytest.raises(SupportUnreadable, match=r"another reader than .*other"):
        build_support(
            load_settings(model=str(tmp_path), reader=str(other)), embedder=HashEmbedder()
        )


def test_the_gate_beside_the_main_model_keeps_its_threshold(tmp_path: Path) -> None:
    settings = load_settings(model=str(put(GATE, tmp_path)))
    support = build_support(settings, embedder=HashEmbedder())
    assert support is not None
    assert support.gate == GATE


def test_the_setting_is_the_threshold_and_nothing_else_changes(tmp_path: Path) -> None:
    settings = load_settings(model=str(put(GATE, tmp_path)), support_threshold=0.25)
    support = build_support(settings, embedder=HashEmbedder())
    assert support is not None
    assert support.gate == replace(GATE, threshold=0.25)


def test_a_setting_of_zero_switches_the_gate_off_even_a_broken_one(tmp_path: Path) -> None:
    (tmp_path / SUPPORT_FILE).write_text("{")
    settings = load_settings(model=str(tmp_path), support_threshold=0)
    assert build_support(settings, embedder=HashEmbedder()) is None


def test_a_model_of_the_users_own_judges_for_itself(tmp_path: Path) -> None:
    settings = load_settings(model=str(tmp_path), support_threshold=0.9)
    assert build_support(settings, embedder=HashEmbedder()) is None
