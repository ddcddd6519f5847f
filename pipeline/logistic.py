"""Logistic regression as data: what was fitted elsewhere, read from a file and applied without its library."""

import hashlib
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Protocol, TypeVar

from pydantic import Field, FiniteFloat, TypeAdapter, ValidationError

from pipeline.errors import PipelineError

MOST_LOGIT = (
    30.0  # keeps every probability above 0 and below 1, so that thresholds of 0 and 1 are absolute
)

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, slots=True)
class Term:
    """What one feature adds to the log odds: coefficient * (value - mean) / scale."""

    feature: str
    mean: FiniteFloat
    scale: Annotated[FiniteFloat, Field(gt=0)]
    coefficient: FiniteFloat


@dataclass(frozen=True, slots=True)
class Logistic:
    """Features in, the probability out."""

    terms: tuple[Term, ...]
    intercept: FiniteFloat

    def probability(self, found: Mapping[str, float]) -> float:
        """Above 0 and below 1; `found` holds the features of all terms, and may hold more."""
        logit = self.intercept + sum(
            term.coefficient * (found[term.feature] - term.mean) / term.scale for term in self.terms
        )
        return 1 / (1 + math.exp(-max(-MOST_LOGIT, min(MOST_LOGIT, logit))))

    def turned_round(self) -> "Logistic":
        """Of the opposite."""
        turned = (replace(term, coefficient=-term.coefficient) for term in self.terms)
        return Logistic(tuple(turned), -self.intercept)


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Cases of nearly the same probability: what was foretold of them, and what came true."""

    num_cases: int
    foretold: Share  # mean probability
    found: Share  # of the cases, how many it held for


class Fitted(Protocol):
    """What a file holds: a regression and what goes with it."""

    @property
    def logistic(self) -> Logistic: ...


FittedT = TypeVar("FittedT", bound=Fitted)


def read_fitted(
    path: Path,
    kind: type[FittedT],
    *,
    features: Collection[str],
    unreadable: Callable[[Path, str], PipelineError],
) -> FittedT:
    """What the JSON file holds.

    Raises `unreadable(path, cause)`, also where a term names none of the `features`.
    """
    try:
        fitted = TypeAdapter(kind).validate_json(path.read_bytes())
    except OSError as error:
        raise unreadable(path, str(error)) from error
    except ValidationError as error:
        raise unreadable(path, first_problem(error)) from error

    unknown = {term.feature for term in fitted.logistic.terms} - set(features)
    if unknown:
        raise unreadable(path, f"no such features: {', '.join(sorted(unknown))}")

    return fitted


def first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    place = ".".join(map(str, problem["loc"]))
    return f"{place}: {problem['msg']}" if place else problem["msg"]


def weights_fingerprint(folder: Path) -> str:
    """16 hexadecimal digits of the SHA-256 of a model's weights, all files in order of their names."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)

    return digest.hexdigest()[:16]
