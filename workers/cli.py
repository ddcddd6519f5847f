"""The `gleandraft` command: reads arguments, calls what does the work, and is the only place that prints."""

import functools
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, ParamSpec

import typer

# Everything else is imported by the command that needs it: `--help` must not wait for torch.
if TYPE_CHECKING:
    from gleandraft.wire import AddRecord, JobRecord
    from pipeline import Pipeline, Settings
    from pipeline.types import Answer, Question
    from retrieval.types import AddOutcome, Document
    from workers.jobs.types import SummaryMode

P = ParamSpec("P")

FAILED, INTERRUPTED, TERMINATED = 1, 130, 143
DEMO_KB = Path("gleandraft-demo")

app = typer.Typer(
    name="gleandraft",
    help="Cited answers over your documents and summaries of your meetings, by a local model.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)


class Retrieve(StrEnum):
    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Mode(StrEnum):
    MULTI = "multi"
    SINGLE = "single"


KbOption = Annotated[
    Path | None, typer.Option("--kb", help="Folder of the knowledge base [GLEANDRAFT_KB].")
]
ModelOption = Annotated[
    str | None, typer.Option("--model", help="Folder or id of the main model [GLEANDRAFT_MODEL].")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
QuestionArgument = Annotated[str, typer.Argument(help="The question, or - to read it from a pipe.")]
TranscriptArgument = Annotated[
    str, typer.Argument(help="A transcript, or - to read it from a pipe.")
]


def main() -> None:
    """The console script: ends with the exit codes 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch loads, or it has no effect
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    signal.signal(signal.SIGTERM, _terminate)  # so that what we started is stopped on the way out
    app()


def command(name: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Register a function as a command whose known errors become one line and an exit code."""

    def register(function: Callable[P, None]) -> Callable[P, None]:
        @app.command(name)
        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                function(*args, **kwargs)
            except KeyboardInterrupt:
                _note("interrupted")
                raise typer.Exit(INTERRUPTED) from None
            except _known_errors() as error:
                _note(f"error: {error}")
                raise typer.Exit(FAILED) from None

        return run

    return register


@command("demo")
def demo(kb: KbOption = DEMO_KB, as_json: JsonOption = False) -> None:
    """Add the samples, ask them a question with and without drafts, summarise a meeting."""
    from workers import render
    from workers.demo import load_samples, next_steps, program_name
    from workers.present import present_answer, present_passages

    samples = load_samples()
    settings = _settings(kb=kb)
    say = _note if as_json else _print
    say(f"Adding {samples.documents} and {samples.meeting} to {settings.kb}")
    with _pipeline(settings) as pipeline:
        outcomes = pipeline.knowledge_base.add([samples.documents, samples.meeting])
        _show_added(outcomes, show=lambda record: say(render.added_line(record)))
        say(f"\nQuestion: {samples.question}")
        question = _question(samples.question)
        answer = _answer_aloud(pipeline, question, say=say, aloud=not as_json)
        plain = pipeline.ask(replace(question, draft=False))
    equal = plain.text == answer.text
    same = "the same text" if equal else "ANOTHER TEXT, which is a bug: please report it"
    say(f"Without drafts: {render.usage_line(plain.usage)}; {same}.")
    say(f"\nA meeting: {samples.meeting}, {len(samples.queries)} queries in one job for a worker")
    job = _summarize(settings, _read_transcript(str(samples.meeting)), samples.queries, say=say)
    steps = next_steps(settings.kb, samples.meeting, program=program_name())
    if as_json:
        _print_json(
            {
                "answer": present_answer(answer).to_json(),
                "passages": [record.to_json() for record in present_passages(answer.passages)],
                "plain": {"tokens_per_forward": plain.usage.tokens_per_forward, "equal": equal},
                "job": job.to_json(),
                "next": list(steps),
            }
        )
    else:
        _print_job(job)
        _print("\nTry next:")
        for step in steps:
            _print(f"  {step}")
    _fail_unless_answered(job)


@command("add")
def add(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders to walk through.")],
    kb: KbOption = None,
    collection: Annotated[str | None, typer.Option(help="Where to file them.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Add files to the knowledge base; unchanged ones cost next to nothing."""
    from retrieval import open_embedder, open_knowledge_base
    from retrieval.knowledge_base import DEFAULT_COLLECTION
    from workers import render

    def show(record: "AddRecord") -> None:
        if as_json:
            _print_json(record.to_json())
        else:
            _print(render.added_line(record))

    settings = _settings(kb=kb)
    with open_knowledge_base(settings.kb, embedder=open_embedder(settings.embedder)) as base:
        outcomes = base.add(paths, collection=collection or DEFAULT_COLLECTION)
        records = _show_added(outcomes, show=show)
    _note(render.added_total(records))
    if records and all(record.status == "skipped" for record in records):
        raise typer.Exit(FAILED)


@command("ask")
def ask(
    question: QuestionArgument,
    kb: KbOption = None,
    retrieve: Annotated[
        Retrieve, typer.Option(help="Whether to look up passages.")
    ] = Retrieve.AUTO,
    num_passages: Annotated[int, typer.Option("-k", min=1, help="Passages to read.")] = 4,
    collection: Annotated[str | None, typer.Option(help="Search only there.")] = None,
    model: ModelOption = None,
    draft: Annotated[
        bool, typer.Option(help="Write with draft trees; the text is the same.")
    ] = True,
    stream: Annotated[
        bool, typer.Option("--stream", help="With --json: one line per event.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Answer a question from the knowledge base, with citations."""
    from pipeline.types import Question
    from workers.present import present_answer

    asked = Question(
        _argument_or_pipe(question, "the question"),
        retrieve=retrieve.value,
        num_passages=num_passages,
        collection=collection,
        draft=draft,
    )
    with _pipeline(_settings(kb=kb, model=model)) as pipeline:
        if as_json and stream:
            for line in _event_lines(pipeline, asked):
                _print_json(line)
        elif as_json:
            _print_json(present_answer(pipeline.ask(asked)).to_json())
        else:
            _answer_aloud(pipeline, asked, say=_note, aloud=True)


@command("audit")
def audit(
    output: Annotated[Path, typer.Argument(help="What `gleandraft ask --json` printed.")],
    as_json: JsonOption = False,
) -> None:
    """Check that a recorded answer is what its model writes without drafts, token by token."""
    from workers.auditing import audit_answer, read_trace

    checked = audit_answer(read_trace(output))
    if as_json:
        _print_json(checked.to_json())
    else:
        _print("\n".join(checked.lines()))
    if not checked.is_lossless:
        raise typer.Exit(FAILED)


@command("summarize")
def summarize(
    transcript: TranscriptArgument,
    queries: Annotated[list[str], typer.Option("--query", "-q", help="What to find; repeatable.")],
    kb: KbOption = None,
    mode: Annotated[
        Mode, typer.Option(help="multi: all queries in one prompt; single: one after the other.")
    ] = Mode.MULTI,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer queries over a transcript in a job that a worker carries out."""
    document = _read_transcript(transcript)
    settings = _settings(kb=kb, model=model)
    job = _summarize(settings, document, queries, mode=mode.value, say=_note)
    if as_json:
        _print_json(job.to_json())
    else:
        _print_job(job)
    _fail_unless_answered(job)


@command("worker")
def worker(
    kb: KbOption = None,
    model: ModelOption = None,
    data_dir: Annotated[Path | None, typer.Option(help="For logs and a private Redis.")] = None,
    worker_id: Annotated[str | None, typer.Option(help="Its name; made up by default.")] = None,
    summarizer: Annotated[
        str, typer.Option(help="pipeline, or scripted: quotes without a model, for drills.")
    ] = "pipeline",
    parent: Annotated[
        int | None, typer.Option(help="End when the process of this id is no longer the parent.")
    ] = None,
) -> None:
    """Carry out jobs until stopped; the job at hand is then given back."""
    import logging

    from workers.tasks.lifecycle import new_worker_id, work

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    code = work(
        _settings(kb=kb, model=model, data_dir=data_dir),
        worker_id=worker_id or new_worker_id(),
        summarizer=summarizer,
        parent=parent,
    )
    raise typer.Exit(code)


@command("doctor")
def doctor(kb: KbOption = None, as_json: JsonOption = False) -> None:
    """Check everything the other commands need; every bad line names its remedy."""
    from workers import render
    from workers.doctor import examine

    checks = []
    for check in examine(_settings(kb=kb)):
        checks.append(check)
        if not as_json:
            _print(render.check_line(check))
    healthy = all(check.ok for check in checks)
    if as_json:
        _print_json({"ok": healthy, "checks": [check.to_json() for check in checks]})
    if not healthy:
        raise typer.Exit(FAILED)


def _settings(**overrides: object) -> "Settings":
    from pipeline import load_settings

    return load_settings(**overrides)


def _pipeline(settings: "Settings") -> "Pipeline":
    from pipeline import build_pipeline

    return build_pipeline(settings)


def _question(text: str) -> "Question":
    from pipeline.types import Question

    return Question(text)


def _argument_or_pipe(argument: str, what: str) -> str:
    from workers.errors import CannotRead, NothingToRead

    try:
        text = sys.stdin.read() if argument == "-" else argument
    except UnicodeDecodeError as error:
        raise CannotRead(what, error) from error
    if not text.strip():
        raise NothingToRead(what)
    return text.strip()


def _read_transcript(path: str) -> "Document":
    from retrieval import parse_transcript, read_transcript

    if path == "-":
        return parse_transcript(_argument_or_pipe(path, "the transcript"), source="standard input")
    return read_transcript(Path(path))


def _show_added(
    outcomes: "Iterable[AddOutcome]", *, show: "Callable[[AddRecord], None]"
) -> "list[AddRecord]":
    """Show one record per file as soon as it is done; returns them all."""
    from workers.present import present_added

    records = []
    for outcome in outcomes:
        records.append(present_added(outcome))
        show(records[-1])
    return records


def _answer_aloud(
    pipeline: "Pipeline", question: "Question", *, say: Callable[[str], None], aloud: bool
) -> "Answer":
    """Ask and show what happens: the decision through `say`, the text on standard output if `aloud`."""
    from pipeline import AnswerDone, DecisionMade, TextPiece
    from workers import render
    from workers.present import present_answer

    for event in pipeline.stream(question):
        match event:
            case DecisionMade(decision, passages):
                for line in render.decision_lines(decision, passages):
                    say(line)
            case TextPiece(text) if aloud:
                print(render.safe(text), end="", flush=True)
            case AnswerDone(answer) if aloud:
                _print("")
                for citation in present_answer(answer).citations:
                    _print(render.citation_line(citation))
            case _:
                pass
    assert isinstance(event, AnswerDone)  # every stream ends with it
    for line in render.support_lines(event.answer.support, least=pipeline.briefer.least_support):
        say(line)
    if event.answer.is_cut:
        say("The answer is cut: raise GLEANDRAFT_ANSWER_TOKENS to see more of it.")
    say(render.usage_line(event.answer.usage))
    return event.answer


def _event_lines(pipeline: "Pipeline", question: "Question") -> Iterator[dict[str, Any]]:
    from pipeline import AnswerDone, DecisionMade, TextPiece
    from workers.present import present_answer, present_decision

    for event in pipeline.stream(question):
        match event:
            case DecisionMade(decision, passages):
                ids = [hit.passage.id for hit in passages]
                made = present_decision(decision).to_json()
                yield {"event": "decision", "decision": made, "passages": ids}
            case TextPiece(text):
                yield {"event": "text", "text": text}
            case AnswerDone(answer):
                yield {"event": "answer", "answer": present_answer(answer).to_json()}


def _summarize(
    settings: "Settings",
    document: "Document",
    queries: Iterable[str],
    *,
    mode: "SummaryMode" = "multi",
    say: Callable[[str], None],
) -> "JobRecord":
    """Submit a job and see it through; if we are interrupted, it is cancelled."""
    from workers import render
    from workers.errors import WorkersError
    from workers.services import open_services
    from workers.supervisor import some_worker

    with open_services(settings) as services:
        job = services.submit(document, tuple(queries), mode=mode)
        try:
            with some_worker(settings, services.store) as process:
                for event in services.follow(job.id, process):
                    say(f"job {job.id[:8]} {render.event_line(event)}")
        except BaseException:
            with suppress(WorkersError):  # if the store is gone too, the first trouble is the news
                services.store.cancel(job.id)  # nobody is left who waits for it
            raise
        return services.record(job.id)


def _print_job(job: "JobRecord") -> None:
    from workers import render

    for line in render.job_lines(job):
        _print(line)


def _fail_unless_answered(job: "JobRecord") -> None:
    from workers.errors import JobFailed

    if not job.counts.succeeded:
        raise JobFailed(job.id, job.status, job.error)


def _known_errors() -> tuple[type[Exception], ...]:
    from decoding.errors import DecodingError
    from pipeline.errors import PipelineError
    from retrieval.errors import RetrievalError
    from workers.errors import WorkersError

    return (WorkersError, PipelineError, RetrievalError, DecodingError)


def _terminate(*_: object) -> NoReturn:
    raise SystemExit(TERMINATED)


def _print(text: str) -> None:
    print(text, flush=True)


def _print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False), flush=True)


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
