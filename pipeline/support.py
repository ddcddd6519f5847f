"""Do the passages say anything on the question? Judged by their best sentences, before the model is asked."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.context import Ranker, labelled, stem_set
from pipeline.errors import SupportUnreadable
from pipeline.logistic import Logistic, ReliabilityBin, Share, read_fitted, weights_fingerprint
from pipeline.prompts import NumberedText

SUPPORT_FILE = "support.json"  # beside the main model's weights
NUM_SENTENCES = 5  # best ones of the passages, which reader and gate look at
MOST_LOGIT = 10.0  # of the reader's belief; what lies beyond is as sure
FEATURES_VERSION = 2  # of `support_features`: a gate holds for the one it was trained with


def support_features(
    question: str,
    *,
    focus: Sequence[NumberedText],
    passages: Sequence[NumberedText],
    cosines: Sequence[float],
    nowhere: float,
) -> dict[str, float]:
    """All features by name, finite for any input; without focus the passages look as foreign as can be.

    `focus` holds sentences of the passages, best first, and `cosines` the similarity of each with the question;
    `nowhere`, from 0 to 1, is the reader's belief that none of them answers. The shares are of the question's stems
    in the first sentence's passage, and of the stems of its names and numbers that this sentence lacks.
    """
    assert len(cosines) == len(focus)
    asked, named = stem_set(question), named_stems(question)
    sentence = stem_set(labelled(focus[0])) if focus else frozenset()
    around = {passage.number: passage for passage in passages}
    passage = stem_set(labelled(around[focus[0].number])) if focus else frozenset()

    return {
        "first_cosine": cosines[0] if cosines else 0.0,
        "most_cosine": max(cosines, default=0.0),
        "least_cosine": min(cosines, default=0.0),
        "words_of_passage": share(asked, passage),
        "names_missing": share(named, named - sentence),
        "somewhere": log_odds(1 - nowhere),
    }


def log_odds(share: float) -> float:
    least = 1 / (1 + math.exp(MOST_LOGIT))
    bounded = min(max(share, least), 1 - least)
    return math.log(bounded / (1 - bounded))


def named_stems(question: str) -> frozenset[str]:
    """Stems of what the question calls by name or number: words with a digit, or a capital that begins no sentence."""
    first, *others = question.split() or [""]
    names = [word for word in others if any(map(str.isupper, word)) or has_digit(word)]
    return stem_set(" ".join([*([first] if has_digit(first) else []), *names]))


def has_digit(word: str) -> bool:
    return any(map(str.isdigit, word))


def share(wanted: frozenset[str], found: frozenset[str]) -> float:
    return len(wanted & found) / len(wanted) if wanted else 0.0


@dataclass(frozen=True, slots=True)
class KindReliability:
    """How the gate fares on one kind of case: a question over passages, half of them with its answer."""

    num_cases: int
    auc: Share
    false_refusals: Share  # of the questions whose answer is there
    refused: Share  # of those whose answer is not


@dataclass(frozen=True, slots=True)
class SupportReliability:
    """How far the gate can be believed, on questions that each fold of its training had not seen."""

    auc: Share
    false_refusals: Share
    refused: Share
    kinds: Mapping[str, KindReliability]  # by the choice of the other passages, and by the set
    bins: tuple[ReliabilityBin, ...]  # from the least support to the most


@dataclass(frozen=True, slots=True)
class SupportOrigin:
    """What the gate learned from."""

    features: int  # `FEATURES_VERSION`
    data: str  # which questions
    num_questions: int  # each with and without its answer, among random and among near passages
    most_false_refusals: Share  # that the threshold was chosen for
    seed: int
    reader: str = ""  # `weights_fingerprint` of the reader whose doubt it knows; empty: not told


@dataclass(frozen=True, slots=True)
class SupportGate:
    """Gives the probability that the passages answer, and refuses where it is below the threshold."""

    logistic: Logistic  # of an answer in the passages
    threshold: Share  # least support with which the model is asked; 0 always asks
    embedder: str  # whose cosines it knows
    origin: SupportOrigin
    reliability: SupportReliability


@dataclass(frozen=True, slots=True)
class Support:
    """A gate together with the cosines that it judges by."""

    gate: SupportGate
    similarity: Ranker  # cosines of the gate's embedder

    def probability(
        self,
        question: str,
        *,
        focus: Sequence[NumberedText],
        passages: Sequence[NumberedText],
        nowhere: float,
    ) -> float:
        """That the passages answer the question: above 0 and below 1.

        `focus` is best first, of any length; `nowhere` is the reader's belief that none of it answers.
        """
        found = measured(
            question, focus=focus, passages=passages, similarity=self.similarity, nowhere=nowhere
        )
        return self.gate.logistic.probability(found)


def measured(
    question: str,
    *,
    focus: Sequence[NumberedText],
    passages: Sequence[NumberedText],
    similarity: Ranker,
    nowhere: float,
) -> dict[str, float]:
    """`support_features` of the `NUM_SENTENCES` best sentences."""
    best = focus[:NUM_SENTENCES]
    cosines = similarity(question, [labelled(sentence) for sentence in best])
    return support_features(
        question, focus=best, passages=passages, cosines=cosines, nowhere=nowhere
    )


def load_support(folder: Path, *, embedder: str, reader: Path | None = None) -> SupportGate | None:
    """The gate beside the weights of a main model; None where there is none, or only one for another embedder.

    Raises `SupportUnreadable`, also where it was trained with other features or another reader.
    """
    path = folder / SUPPORT_FILE
    if not path.is_file():
        return None
    known = support_features("", focus=(), passages=(), cosines=(), nowhere=1.0)
    gate = read_fitted(path, SupportGate, features=known, unreadable=SupportUnreadable)
    if gate.origin.features != FEATURES_VERSION:
        raise SupportUnreadable(
            path,
            f"it knows version {gate.origin.features} of the features, this is {FEATURES_VERSION}",
        )

    if reader and gate.origin.reader not in ("", weights_fingerprint(reader)):
        raise SupportUnreadable(path, f"it was trained with another reader than {reader}")

    return gate if gate.embedder == embedder else None
