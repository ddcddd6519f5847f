"""`gleandraft calibrate`: chooses when to retrieve for this knowledge base, by questions whose answers are known."""

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from workers.terminal import JsonOption, KbOption, command, note, say, say_json, settings_with

if TYPE_CHECKING:
    from pipeline.calibrate import KnownQuestion, Trial
    from pipeline.settings import Settings

TOLD_EVERY_S = 5.0


@command("calibrate")
def calibrate(
    questions: Annotated[
        Path, typer.Argument(help='JSON lines: {"question": "...", "answers": ["..."]}.')
    ],
    kb: KbOption = None,
    budget: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, help="Share of questions to look up, of those left to the gate."
        ),
    ] = 0.6,
    judge: Annotated[
        str | None,
        typer.Option(help="margin, likelihood, ..., learned; default: the one that does best."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the fifths that are held out in turn.")] = 11,
    out: Annotated[
        Path | None, typer.Option(help="Default: judge.json in the knowledge base.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Choose when to retrieve, for a budget, by questions whose answers are known."""
    from pydantic import TypeAdapter

    from pipeline.calibrate import calibrate as choose
    from pipeline.calibrate import check_wishes, read_questions
    from pipeline.calibrated import CALIBRATED_FILE, CalibratedJudge
    from workers import render

    # Both ways are tried whatever a judge would say.
    settings = settings_with(kb=kb, judge="margin")
    path = out or settings.kb / CALIBRATED_FILE
    known = read_questions(questions)
    check_wishes(kind=judge, num_questions=len(known))  # before all of them are answered
    _check_folder(path)
    trials = _tried(settings, known)
    chosen = choose(
        trials, budget=budget, kind=judge, questions=questions, settings=settings, seed=seed
    )
    _write(path, TypeAdapter(CalibratedJudge).dump_json(chosen, indent=2))
    if as_json:
        say_json(
            {"file": str(path), **TypeAdapter(CalibratedJudge).dump_python(chosen, mode="json")}
        )
    else:
        say("\n".join(render.calibration_lines(chosen)))
        say(f"written to {path}")


def _check_folder(path: Path) -> None:
    from workers.errors import CannotWriteFile

    if not path.parent.is_dir():
        raise CannotWriteFile(path, FileNotFoundError(f"{path.parent} is no folder"))


def _tried(settings: "Settings", known: "list[KnownQuestion]") -> "list[Trial]":
    from pipeline import build_pipeline
    from pipeline.calibrate import try_all
    from pipeline.judge import says_something

    trials: list[Trial] = []
    told = perf_counter()
    with build_pipeline(settings) as pipeline:
        for number, trial in enumerate(try_all(pipeline, known), start=1):
            if trial:
                trials.append(trial)
            if perf_counter() - told > TOLD_EVERY_S or number == len(known):
                told = perf_counter()
                note(f"{number} of {len(known)} questions answered both ways")
    if len(trials) < len(known):
        note(f"{len(known) - len(trials)} questions are decided by rules, so that no gate is asked")
    if num_silent := sum(not says_something(trial.case.guess) for trial in trials):
        note(f"{num_silent} have no guess and are always looked up")
    return trials


def _write(path: Path, content: bytes) -> None:
    """All at once: an interrupted run leaves an earlier calibration as it was."""
    from workers.errors import CannotWriteFile

    unfinished = path.with_suffix(".part")
    try:
        unfinished.write_bytes(content + b"\n")
        unfinished.replace(path)
    except OSError as error:
        raise CannotWriteFile(path, error) from error
