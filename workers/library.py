"""The commands about documents: add, list, search, remove, and the care of the index."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from workers.terminal import (
    FAILED,
    JsonOption,
    KbOption,
    command,
    index,
    note,
    say,
    say_json,
    settings_with,
)

# Everything else is imported by the command that needs it: `--help` must not wait for torch.
if TYPE_CHECKING:
    from gleandraft.wire import AddRecord
    from pipeline import Settings
    from retrieval import AddOutcome, KnowledgeBase, Progress, Report
    from retrieval.types import Scalar
    from workers.adding import Tally

Show = Callable[["AddRecord | Progress"], None]

CollectionOption = Annotated[str | None, typer.Option(help="Only this collection.")]
WhereOption = Annotated[
    list[str] | None,
    typer.Option("--where", help="Only documents with this metadata: year=2024, year>=2020."),
]


@command("add")
def add(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Files, folders to walk through, patterns, or - for standard input."),
    ],
    kb: KbOption = None,
    collection: Annotated[str | None, typer.Option(help="Where to file them.")] = None,
    metadata: Annotated[
        list[str] | None, typer.Option("--meta", help="What to keep with each: year=2024.")
    ] = None,
    name: Annotated[str, typer.Option(help="What to call standard input.")] = "standard input",
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove documents whose files are gone.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Add files to the knowledge base; unchanged ones cost next to nothing."""
    from workers.adding import Tally
    from workers.metadata import parse_metadata

    settings, known = settings_with(kb=kb), parse_metadata(metadata or [])
    tally, begun = Tally(), perf_counter()
    with (
        _library(settings) as base,
        _display(tally, title=f"Adding to {settings.kb}", as_json=as_json) as show,
    ):
        for news in _added(base, paths, name=name, collection=collection, metadata=known):
            show(news)
        for outcome in base.prune(paths, **_named(collection)) if prune else ():
            show(_record(outcome))
        holds = f"{settings.kb} holds {base.num_documents} documents, {base.num_passages} passages"
    for line in (*tally.summary(perf_counter() - begun), holds):
        note(line)
    if tally.has_failed:
        raise typer.Exit(FAILED)


@command("list")
def list_documents(
    kb: KbOption = None,
    collection: CollectionOption = None,
    where: WhereOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the documents of the knowledge base."""
    from workers import render
    from workers.metadata import parse_where
    from workers.present import present_document

    with _library(settings_with(kb=kb), may_add=False, must_exist=True) as base:
        found = base.documents(collection=collection, where=parse_where(where or []))
    records = [present_document(each) for each in found]
    for record in records:
        if as_json:
            say_json(record.to_json())
        else:
            say(render.document_line(record))
    note(f"{len(records)} documents, {sum(record.passages for record in records)} passages")


@command("search")
def search(
    queries: Annotated[list[str], typer.Argument(help="What to look for; the first counts most.")],
    kb: KbOption = None,
    num_passages: Annotated[int, typer.Option("-k", min=1, help="Passages to find.")] = 5,
    collection: CollectionOption = None,
    where: WhereOption = None,
    per_document: Annotated[
        int | None, typer.Option("--per-document", min=1, help="At most so many of each document.")
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", min=1, help="At most so many tokens in all.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the passages that fit best, and which way of searching found each."""
    from retrieval import Selection
    from workers import render
    from workers.metadata import parse_where
    from workers.present import present_hit

    with _library(settings_with(kb=kb), may_add=False, must_exist=True) as base:
        hits = base.search(
            queries,
            limit=num_passages,
            collection=collection,
            where=parse_where(where or []),
            selection=Selection(max_per_document=per_document, max_tokens=max_tokens),
        )
    for number, hit in enumerate(hits, start=1):
        if as_json:
            say_json(present_hit(hit).to_json())
        else:
            say("\n".join(render.hit_lines(number, hit)))
    if not hits:
        note("nothing was found")


@command("remove")
def remove(
    documents: Annotated[
        list[str], typer.Argument(help="Ids as `gleandraft list` shows them, or paths.")
    ],
    kb: KbOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove documents from the knowledge base; files are left alone."""
    from workers import render
    from workers.present import present_document

    with _library(settings_with(kb=kb), must_exist=True) as base:
        known = base.matching(documents)
        base.remove(*(each.id for each in known))
    for each in known:
        record = present_document(each)
        if as_json:
            say_json(record.to_json())
        else:
            say(f"removed    {render.document_line(record)}")


@command("check", group=index)
def check(kb: KbOption = None, as_json: JsonOption = False) -> None:
    """Compare documents, words and vectors, and repair what differs."""
    settings = settings_with(kb=kb)
    with _library(settings, must_exist=True, to_mend=True) as base:
        _carry_out(base.checking(), title=f"Checking {settings.kb}", as_json=as_json)


@command("rebuild", group=index)
def rebuild(
    kb: KbOption = None,
    embedder: Annotated[
        str | None,
        typer.Option(help="Name, folder or id of an embedding model [GLEANDRAFT_EMBEDDER]."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make passages, words and vectors anew from the documents, with this embedder."""
    settings = settings_with(kb=kb, embedder=embedder)
    with _library(settings, must_exist=True, to_mend=True) as base:
        _carry_out(base.rebuilding(), title=f"Rebuilding {settings.kb}", as_json=as_json)


@contextmanager
def _library(
    settings: "Settings", *, may_add: bool = True, must_exist: bool = False, to_mend: bool = False
) -> "Iterator[KnowledgeBase]":
    """The knowledge base, at once: what an interrupted addition left is said, and left to the next one."""
    from pipeline import open_library
    from retrieval.errors import KnowledgeBaseMissing
    from retrieval.opening import TRUTH_FILE

    if must_exist and not (settings.kb / TRUTH_FILE).is_file():
        raise KnowledgeBaseMissing(settings.kb)
    with open_library(settings, may_add=may_add, catch_up=False, to_mend=to_mend) as base:
        if must_exist and not to_mend and (num_left := base.num_pending):
            note(
                f"{num_left} changes are not in the vector index yet; "
                "`gleandraft add` or `gleandraft index check` goes on with them"
            )
        yield base


def _added(
    base: "KnowledgeBase",
    paths: Iterable[Path],
    *,
    name: str,
    collection: str | None,
    metadata: "Mapping[str, Scalar]",
) -> "Iterator[AddRecord | Progress]":
    from retrieval import Progress

    files = [path for path in paths if str(path) != "-"]
    if len(files) < len(list(paths)):
        content = sys.stdin.buffer.read()
        piped = base.add_content(content, name=name, metadata=metadata, **_named(collection))
        yield from map(_record, piped)
    for news in base.ingest(files, metadata=metadata, **_named(collection)) if files else ():
        yield news if isinstance(news, Progress) else _record(news)


def _named(collection: str | None) -> dict[str, str]:
    """The argument, or none so that the default holds."""
    return {} if collection is None else {"collection": collection}


def _record(outcome: "AddOutcome") -> "AddRecord":
    from workers.present import present_added

    return present_added(outcome)


@contextmanager
def _display(tally: "Tally", *, title: str, as_json: bool) -> Iterator[Show]:
    """Where news are shown: a table where somebody watches, a line per file where nobody does."""
    from retrieval import Progress
    from workers import render
    from workers.live import shown_live

    def show(news: "AddRecord | Progress") -> None:
        tally.take(news)
        if isinstance(news, Progress):
            return
        if as_json:
            say_json(news.to_json())
        elif not is_live or not sys.stdout.isatty():
            say(render.added_line(news))

    is_live = sys.stderr.isatty() and not as_json
    if not is_live:
        yield show
        return
    with shown_live(tally, title=title):
        yield show


def _carry_out(steps: "Iterator[Progress | Report]", *, title: str, as_json: bool) -> None:
    """Show how far it has come, and then what was found; fails where something could not be repaired."""
    from retrieval import Progress
    from workers import render
    from workers.adding import Tally
    from workers.present import present_report

    with _display(Tally(), title=title, as_json=as_json) as show:
        for step in steps:
            if isinstance(step, Progress):
                show(step)
            else:
                report = step
    record = present_report(report)
    if as_json:
        say_json(record.to_json())
    else:
        say("\n".join(render.report_lines(record)))
    if not report.is_sound:
        raise typer.Exit(FAILED)
