"""Checks a recorded answer: reads its trace, loads its model, has every token chosen once more."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from decoding import AuditReport, Choice, audit, load_model
from pipeline.remote.address import is_remote
from pipeline.types import Trace
from workers.errors import NotAuditable, NoTrace, RecordMissing

# Logits. Passes of other shapes were seen to move a logit by up to 1.7e-5 in float32 and 0.09 in bfloat16. Rounding can
# move both the token written and the one chosen now, so it explains gaps of twice that; some room is left above.
EPSILON = {"float32": 1e-4, "bfloat16": 0.25}


@dataclass(frozen=True, slots=True)
class Audited:
    trace: Trace
    report: AuditReport

    @property
    def epsilon(self) -> float:
        return EPSILON[self.trace.dtype]

    @property
    def is_lossless(self) -> bool:
        return self.report.is_lossless(epsilon=self.epsilon)

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.trace.model,
            "dtype": self.trace.dtype,
            "tokens": self.report.num_tokens,
            "lossless": self.is_lossless,
            "epsilon": self.epsilon,
            "narrowest": finite(self.report.narrowest),
            "findings": [
                {
                    "position": f.position,
                    "written": f.written,
                    "chosen": f.chosen,
                    "gap": finite(f.gap),
                }
                for f in self.report.findings
            ],
        }

    def lines(self) -> list[str]:
        report, name = self.report, f"{self.trace.model} in {self.trace.dtype}"
        if not report.findings:
            return [
                f"{report.num_tokens} tokens, each the one that {name} chooses itself; "
                f"the closest second choice was {report.narrowest:.3g} behind."
                if math.isfinite(report.narrowest)
                else f"{report.num_tokens} tokens, and {name} had no choice in any of them."
            ]
        verdict = "rounding at near ties" if self.is_lossless else "NOT what the model writes"
        return [
            f"{len(report.findings)} of {report.num_tokens} tokens differ from what {name} chooses: {verdict}.",
            *(
                f"  token {f.position}: wrote {f.written}, the model chooses {f.chosen}, "
                + (f"{f.gap:.3g} ahead" if math.isfinite(f.gap) else "as the form demands")
                for f in report.findings
            ),
        ]


def finite(gap: float) -> float | None:
    """None for infinity, which JSON cannot say."""
    return gap if math.isfinite(gap) else None


def read_trace(path: Path) -> Trace:
    """Raises `RecordMissing`, `NotAuditable` or `NoTrace`."""
    try:
        record = json.loads(path.read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RecordMissing(path, error) from error
    trace = record.get("trace") if isinstance(record, dict) else None
    if trace is None and isinstance(record, dict) and is_remote(str(record.get("model"))):
        raise NotAuditable(str(record["model"]))
    if not isinstance(trace, dict):
        raise NoTrace(path)
    try:
        return Trace(
            model=str(trace["model"]),
            dtype=str(trace["dtype"]),
            prompt=tokens_in(trace["prompt"]),
            output=tokens_in(trace["output"]),
            choices=tuple(map(tokens_in, trace.get("choices", ()))),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NoTrace(path) from error


def tokens_in(values: Iterable[Any]) -> tuple[int, ...]:
    return tuple(map(int, values))


def audit_answer(trace: Trace) -> Audited:
    """Raises what is wrong with the model or with the recorded tokens."""
    model = load_model(trace.model, dtype=trace.dtype)
    form = Choice(trace.choices, vocabulary=model.vocabulary) if trace.choices else None
    return Audited(trace, audit(model, trace.prompt, output=trace.output, constraint=form))
