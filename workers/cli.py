"""The `gleandraft` command: reads arguments and calls what does the work."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workers import calibrating, library
from workers.terminal import (
    FAILED,
    JsonOption,
    KbOption,
    ModelOption,
    app,
    argument_or_pipe,
    command,
    note,
    run_program,
    say,
    say_json,
    settings_with,
)

# Everything else is imported by the command that needs it: `--help` must not wait for torch.
if TYPE_CHECKING:
    from gleandraft.wire import JobRecord
    from pipeline import Pipeline, Settings
    from pipeline.types import Answer, Extent, ModeChoice, Question
    from retrieval.types import Document

__all__ = ["app", "calibrating", "library", "main"]

DEMO_KB = Path("gleandraft-demo")


class Retrieve(StrEnum):
    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Mode(StrEnum):
    AUTO = "auto"
    SINGLE = "single"
    MULTI = "multi"
    FORK = "fork"


class Read(StrEnum):
    ALL = "all"
    BEST = "best"


QuestionArgument = Annotated[str, typer.Argument(help="The question, or - to read it from a pipe.")]
TranscriptArgument = Annotated[
    str, typer.Argument(help="A transcript, or - to read it from a pipe.")
]


def main() -> None:
    """The console script."""
    run_program()


@command("demo")
def demo(kb: KbOption = DEMO_KB, as_json: JsonOption = False) -> None:
    """Add the samples, ask them a question with and without drafts, summarise a meeting."""
    from workers import render
    from workers.demo import load_samples, next_steps, program_name
    from workers.present import present_added, present_answer, present_passages

    samples = load_samples()
    settings = settings_with(kb=kb)
    tell = note if as_json else say
    tell(f"Adding {samples.documents} and {samples.meeting} to {settings.kb}")
    with _pipeline(settings, may_add=True) as pipeline:
        outcomes = pipeline.knowledge_base.add([samples.documents, samples.meeting])
        for outcome in outcomes:
            tell(render.added_line(present_added(outcome)))
        tell(f"\nQuestion: {samples.question}")
        question = _question(samples.question)
        answer = _answer_aloud(pipeline, question, tell=tell, aloud=not as_json)
        plain = pipeline.ask(replace(question, draft=False))
    equal = plain.text == answer.text
    same = "the same text" if equal else "ANOTHER TEXT, which is a bug: please report it"
    tell(f"Without drafts: {render.usage_line(plain.usage)}; {same}.")
    tell(f"\nA meeting: {samples.meeting}, {len(samples.queries)} queries in one job for a worker")
    job = _summarize(settings, _read_transcript(str(samples.meeting)), samples.queries, tell=tell)
    steps = next_steps(settings.kb, samples.meeting, program=program_name())
    if as_json:
        say_json(
            {
                "answer": present_answer(answer).to_json(),
                "passages": [record.to_json() for record in present_passages(answer.passages)],
                "plain": {"forwards": plain.usage.forwards, "equal": equal},
                "job": job.to_json(),
                "next": list(steps),
            }
        )
    else:
        _print_job(job)
        say("\nTry next:")
        for step in steps:
            say(f"  {step}")
    _fail_unless_answered(job)


@command("ask")
def ask(
    question: QuestionArgument,
    kb: KbOption = None,
    retrieve: Annotated[
        Retrieve, typer.Option(help="Whether to look up passages.")
    ] = Retrieve.AUTO,
    num_passages: Annotated[int, typer.Option("-k", min=1, help="Passages to read.")] = 4,
    collection: Annotated[str | None, typer.Option(help="Search only there.")] = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Look up where the need for passages is above."),
    ] = None,
    search_for: Annotated[
        list[str] | None,
        typer.Option("--search-for", help="Beside the question; instead of what the guess tells."),
    ] = None,
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
        argument_or_pipe(question, "the question"),
        retrieve=retrieve.value,
        num_passages=num_passages,
        collection=collection,
        threshold=threshold,
        queries=tuple(search_for or ()),
        draft=draft,
    )
    with _pipeline(settings_with(kb=kb, model=model)) as pipeline:
        if as_json and stream:
            for line in _event_lines(pipeline, asked):
                say_json(line)
        elif as_json:
            say_json(present_answer(pipeline.ask(asked)).to_json())
        else:
            _answer_aloud(pipeline, asked, tell=note, aloud=True)


@command("audit")
def audit(
    output: Annotated[Path, typer.Argument(help="What `gleandraft ask --json` printed.")],
    as_json: JsonOption = False,
) -> None:
    """Check that a recorded answer is what its model writes without drafts, token by token."""
    from workers.auditing import audit_answer, read_trace

    checked = audit_answer(read_trace(output))
    if as_json:
        say_json(checked.to_json())
    else:
        say("\n".join(checked.lines()))
    if not checked.is_lossless:
        raise typer.Exit(FAILED)


@command("summarize")
def summarize(
    transcript: TranscriptArgument,
    queries: Annotated[list[str], typer.Option("--query", "-q", help="What to find; repeatable.")],
    kb: KbOption = None,
    mode: Annotated[
        Mode,
        typer.Option(
            help="multi: all queries in one prompt; fork: a prompt each, written together; single: one by one."
        ),
    ] = Mode.AUTO,
    read: Annotated[
        Read, typer.Option(help="Every turn, or only those that match the queries best.")
    ] = Read.ALL,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer queries over a transcript in a job that a worker carries out."""
    document = _read_transcript(transcript)
    settings = settings_with(kb=kb, model=model)
    job = _summarize(settings, document, queries, mode=mode.value, read=read.value, tell=note)
    if as_json:
        say_json(job.to_json())
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
        settings_with(kb=kb, model=model, data_dir=data_dir),
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
    for check in examine(settings_with(kb=kb)):
        checks.append(check)
        if not as_json:
            say(render.check_line(check))
    healthy = all(check.ok for check in checks)
    if as_json:
        say_json({"ok": healthy, "checks": [check.to_json() for check in checks]})
    if not healthy:
        raise typer.Exit(FAILED)


def _pipeline(settings: "Settings", *, may_add: bool = False) -> "Pipeline":
    from pipeline import build_pipeline

    return build_pipeline(settings, may_add=may_add)


def _question(text: str) -> "Question":
    from pipeline.types import Question

    return Question(text)


def _read_transcript(path: str) -> "Document":
    from retrieval import parse_transcript, read_transcript

    if path == "-":
        return parse_transcript(argument_or_pipe(path, "the transcript"), source="standard input")
    return read_transcript(Path(path))


def _answer_aloud(
    pipeline: "Pipeline", question: "Question", *, tell: Callable[[str], None], aloud: bool
) -> "Answer":
    """Ask and show what happens: the decision through `tell`, the text on standard output if `aloud`."""
    from pipeline import AnswerDone, DecisionMade, TextPiece
    from workers import render
    from workers.present import present_answer

    for event in pipeline.stream(question):
        match event:
            case DecisionMade(decision, passages):
                for line in render.decision_lines(decision, passages):
                    tell(line)
            case TextPiece(text) if aloud:
                say(render.safe(text), end="")
            case AnswerDone(answer) if aloud:
                say("")
                for citation in present_answer(answer).citations:
                    say(render.citation_line(citation))
            case _:
                pass
    assert isinstance(event, AnswerDone)  # every stream ends with it
    for line in render.support_lines(event.answer.support, least=pipeline.briefer.least_support):
        tell(line)
    if event.answer.is_cut:
        tell("The answer is cut: raise GLEANDRAFT_ANSWER_TOKENS to see more of it.")
    tell(render.usage_line(event.answer.usage))
    tell(render.cost_line(event.answer.usage, event.answer.timings))
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
    mode: "ModeChoice" = "auto",
    read: "Extent" = "all",
    tell: Callable[[str], None],
) -> "JobRecord":
    """Submit a job and see it through; if we are interrupted, it is cancelled."""
    from workers import render
    from workers.errors import WorkersError
    from workers.services import open_services
    from workers.supervisor import some_worker

    with open_services(settings) as services:
        job = services.submit(document, tuple(queries), mode=mode, read=read)
        try:
            with some_worker(settings, services.store) as process:
                for event in services.follow(job.id, process):
                    tell(f"job {job.id[:8]} {render.event_line(event)}")
        except BaseException:
            with suppress(WorkersError):  # if the store is gone too, the first trouble is the news
                services.store.cancel(job.id)  # nobody is left who waits for it
            raise
        return services.record(job.id)


def _print_job(job: "JobRecord") -> None:
    from workers import render

    for line in render.job_lines(job):
        say(line)


def _fail_unless_answered(job: "JobRecord") -> None:
    from workers.errors import JobFailed

    if not job.counts.succeeded:
        raise JobFailed(job.id, job.status, job.error)
