"""Trains the support gate: from questions with and without their answer, the odds that four passages hold it."""

import argparse
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from pydantic import TypeAdapter

from bench.record import write_report
from decoding import set_threads
from pipeline import load_settings
from pipeline.briefing import ExcerptReader
from pipeline.build import RememberingEmbedder, ranker, similarity
from pipeline.context import focus
from pipeline.logistic import weights_fingerprint
from pipeline.support import NUM_SENTENCES, SUPPORT_FILE, SupportGate, measured
from retrieval import Embedder, Excerpt, Reader, RetrievalError, open_embedder
from training.reader_cases import ALL
from training.reserved import is_reserved
from training.support_cases import Case, support_cases
from training.support_fit import MeasuredCase, TooFewQuestions, fit_support

PROGRESS = 100  # questions between two lines of it


def reserved_cases(data: Path, *, count: int, seed: int) -> Iterator[list[Case]]:
    """The `support_cases` of at most `count` questions, none of which the reader has learned from."""
    every = support_cases(data, count=ALL, seed=seed)
    return islice((cases for cases in every if is_reserved(cases[0].question)), count)


def measure_all(
    questions: Iterable[list[Case]],
    *,
    embedder: Embedder,
    reader: ExcerptReader,
    num_questions: int,
) -> list[MeasuredCase]:
    """What the product would see of every case, by its own focus and reader; prints how far it is.

    Raises the errors of `Reader.read`.
    """
    remembering = RememberingEmbedder(embedder)
    rank, cosines = ranker(remembering), similarity(remembering)
    found: list[MeasuredCase] = []
    for number, cases in enumerate(questions, start=1):
        for case in cases:
            best = focus(case.question, case.passages, rank=rank, limit=NUM_SENTENCES)
            reading = reader.read(case.question, [Excerpt(each.text, each.label) for each in best])
            features = measured(
                case.question,
                focus=best,
                passages=case.passages,
                similarity=cosines,
                nowhere=reading.nowhere,
            )
            found.append(MeasuredCase(case, features))
        if number % PROGRESS == 0:
            print(f"{number} of {num_questions} questions", flush=True)

    return found


def described(gate: SupportGate) -> str:
    """What came out, in a few lines."""
    found = gate.reliability
    lines = [
        f"{gate.origin.num_questions} questions: {gate.origin.data}",
        f"AUC {found.auc:.3f}; threshold {gate.threshold:.3f} refuses {found.refused:.1%} of what cannot be answered "
        f"and {found.false_refusals:.1%} of what can",
    ]
    lines += [
        f"  {name}: AUC {kind.auc:.3f}, refuses {kind.refused:.1%}, in error {kind.false_refusals:.1%}"
        for name, kind in found.kinds.items()
    ]
    terms = sorted(gate.logistic.terms, key=lambda term: -abs(term.coefficient))
    lines.append(", ".join(f"{term.feature} {term.coefficient:+.2f}" for term in terms))

    return "\n".join(lines)


def main() -> None:
    settings = load_settings()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--embedder", default=settings.embedder, help="name of the embedding model")
    parser.add_argument("--reader", default=settings.reader, help="folder of the reader")
    parser.add_argument("--out", type=Path, default=Path("models/main") / SUPPORT_FILE)
    parser.add_argument("--count", type=int, default=800, help="questions at most")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--most-false-refusals", type=float, default=0.1, help="share of answerable questions"
    )
    arguments = parser.parse_args()
    if not 0 <= arguments.most_false_refusals <= 1:
        parser.error("--most-false-refusals is a share: give a number from 0 to 1")
    if not arguments.reader:
        parser.error("--reader is a folder: without a reader the gate is never used")
    set_threads(settings.threads)
    embedder = open_embedder(arguments.embedder)
    try:
        found = measure_all(
            reserved_cases(arguments.data, count=arguments.count, seed=arguments.seed),
            embedder=embedder,
            reader=Reader(Path(arguments.reader)),
            num_questions=arguments.count,
        )
        gate = fit_support(
            found,
            embedder=embedder.name,
            reader=weights_fingerprint(Path(arguments.reader)),
            most_false_refusals=arguments.most_false_refusals,
            seed=arguments.seed,
        )
    except (RetrievalError, TooFewQuestions) as error:
        raise SystemExit(f"{error}") from error
    write_report(arguments.out, TypeAdapter(SupportGate).dump_python(gate, mode="json"))
    print(described(gate))


if __name__ == "__main__":
    main()
