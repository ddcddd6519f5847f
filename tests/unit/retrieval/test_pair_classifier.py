"""Classifiers over pairs of texts, met on random models; `test_rerank.py` holds their logits against transformers."""

import json
import shutil
from pathlib import Path

import pytest

from retrieval.errors import WrongKindOfModel
from retrieval.pair_classifier import PairClassifier, open_pair_classifier

PAIRS = [
    ("Who rows?", "Ann rows."),
    ("Who rows?", "Snow."),
    ("", ""),
    ("Who sings?", "boats " * 90),
]


def opened(folder: Path) -> PairClassifier:
    return open_pair_classifier(str(folder), wanted="judge", precision="float32")


def relabelled(folder: Path, copy: Path, *names: str) -> Path:
    shutil.copytree(folder, copy)
    config = json.loads((copy / "config.json").read_text())
    config["id2label"] = {str(number): name for number, name in enumerate(names)}
    config["label2id"] = {name: number for number, name in enumerate(names)}
    (copy / "config.json").write_text(json.dumps(config))
    return copy


def test_of_two_labels_one_leads_by_what_the_other_lacks(two_labels: Path) -> None:
    classifier = opened(two_labels)
    second = classifier.lead(PAIRS)
    assert len(set(second.tolist())) == len(PAIRS)
    assert classifier.lead(PAIRS, label=0).tolist() == pytest.approx((-second).tolist(), abs=1e-6)


def test_one_logit_leads_zero_whatever_the_label(one_logit: Path) -> None:
    classifier = opened(one_logit)
    assert classifier.lead(PAIRS).tolist() == classifier.lead(PAIRS, label=0).tolist()


def test_no_pairs_load_no_model(tmp_path: Path, one_logit: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(one_logit, copy, ignore=shutil.ignore_patterns("*.safetensors"))
    assert opened(copy).lead([]).tolist() == []


@pytest.mark.parametrize(
    ("names", "number"),
    [
        (("known", "unknown"), 0),
        (("unknown", "KNOWN"), 1),
        (("Known", "Search"), 0),
        (("LABEL_0", "LABEL_1"), 1),
        (("unknown", "surely known"), 1),  # only the exact name counts
        (("known", "Known"), 1),
    ],
)
def test_a_label_is_found_by_its_exact_name(
    two_labels: Path, tmp_path: Path, names: tuple[str, str], number: int
) -> None:
    folder = relabelled(two_labels, tmp_path / "copy", *names)
    assert opened(folder).number_of("known") == number


def test_errors_say_what_it_was_to_be(sentence_model: Path) -> None:
    with pytest.raises(WrongKindOfModel, match="holds no judge"):
        opened(sentence_model)
