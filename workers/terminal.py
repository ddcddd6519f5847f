"""What all commands share: the program, its options, its exit codes, and the only hands that print."""

import functools
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, ParamSpec

import typer

# Everything else is imported by the command that needs it: `--help` must not wait for torch.
if TYPE_CHECKING:
    from pipeline import Settings

P = ParamSpec("P")

FAILED, INTERRUPTED, TERMINATED = 1, 130, 143

app = typer.Typer(
    name="gleandraft",
    help="Cited answers over your documents and summaries of your meetings, by a local model.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)
index = typer.Typer(
    help="Check or rebuild what is searched.", rich_markup_mode=None, no_args_is_help=True
)
app.add_typer(index, name="index")

KbOption = Annotated[
    Path | None, typer.Option("--kb", help="Folder of the knowledge base [GLEANDRAFT_KB].")
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model", help="Folder, id or http://…/v1#NAME of the main model [GLEANDRAFT_MODEL]."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def run_program() -> None:
    """Ends with the exit codes 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch loads, or it has no effect
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    signal.signal(signal.SIGTERM, _terminate)  # so that what we started is stopped on the way out
    app()


def command(
    name: str, *, group: typer.Typer = app
) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Register a function as a command whose known errors become one line and an exit code."""

    def register(function: Callable[P, None]) -> Callable[P, None]:
        @group.command(name)
        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                function(*args, **kwargs)
            except KeyboardInterrupt:
                note("interrupted")
                raise typer.Exit(INTERRUPTED) from None
            except known_errors() as error:
                note(f"error: {error}")
                raise typer.Exit(FAILED) from None

        return run

    return register


def settings_with(**overrides: object) -> "Settings":
    from pipeline import load_settings

    return load_settings(**overrides)


def argument_or_pipe(argument: str, what: str) -> str:
    from workers.errors import CannotRead, NothingToRead

    try:
        text = sys.stdin.read() if argument == "-" else argument
    except UnicodeDecodeError as error:
        raise CannotRead(what, error) from error
    if not text.strip():
        raise NothingToRead(what)
    return text.strip()


def known_errors() -> tuple[type[Exception], ...]:
    from decoding.errors import DecodingError
    from pipeline.errors import PipelineError
    from retrieval.errors import RetrievalError
    from workers.errors import WorkersError

    return (WorkersError, PipelineError, RetrievalError, DecodingError)


def say(text: str, *, end: str = "\n") -> None:
    """What was asked for, on standard output."""
    print(text, end=end, flush=True)


def say_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False), flush=True)


def note(text: str) -> None:
    """What happens on the way, on standard error."""
    print(text, file=sys.stderr, flush=True)


def _terminate(*_: object) -> NoReturn:
    raise SystemExit(TERMINATED)
