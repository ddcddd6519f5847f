"""Answers, jobs and tables as text for a terminal; nothing here prints."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gleandraft.wire import (
    AddRecord,
    CheckRecord,
    CitationRecord,
    DocumentRecord,
    IndexRecord,
    ItemRecord,
    JobRecord,
)
from pipeline.types import Decision, Usage
from retrieval.types import Hit, Rank
from workers.jobs.types import Event, State

if TYPE_CHECKING:
    from pipeline.calibrated import CalibratedJudge, Figure

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all but tab and line feed
LONGEST_QUOTE = 160  # characters


def safe(text: str) -> str:
    """`text` without control characters: a document must not steer the reader's terminal."""
    return CONTROL.sub("", text)


def decision_lines(decision: Decision, passages: Sequence[Hit]) -> list[str]:
    verb = "retrieves" if decision.retrieve else "does not retrieve"
    return [
        f"{verb}: {safe(decision.reason)}",
        *(f"  query ({query.origin}): {safe(query.text)}" for query in decision.plan.queries),
        *(
            f"  [{number}] {safe(hit.passage.source)}{_place(hit)}: {shorten(hit.passage.text)}"
            for number, hit in enumerate(passages, start=1)
        ),
    ]


def support_lines(support: float | None, *, least: float) -> list[str]:
    """Why the model was not asked; nothing where it was."""
    if support is None or support >= least:
        return []
    return [
        f"the passages hardly speak of this (support {support:.2f} under {least:.2f}), "
        "so the model was not asked"
    ]


def citation_line(citation: CitationRecord) -> str:
    where = safe(citation.source)
    if citation.page is not None:
        where += f", page {citation.page}"
    if citation.speaker or citation.time is not None:
        where = said_by(citation)
    return f'  [{citation.marker}] {where}: "{shorten(citation.quote)}"'


def said_by(citation: CitationRecord) -> str:
    """Speaker @ time, as far as known."""
    speaker = safe(citation.speaker or "somebody")
    return speaker if citation.time is None else f"{speaker} @ {clock(citation.time)}"


def usage_line(usage: Usage) -> str:
    if usage.output_tokens and usage.forced == usage.output_tokens and not usage.forwards:
        return f"{usage.output_tokens} tokens, none of them a choice: the model was not asked"
    if usage.output_tokens and not usage.forwards:  # a server does not tell of its passes
        return f"{usage.prompt_tokens} tokens read, {usage.output_tokens} tokens written elsewhere"
    return (
        f"{usage.output_tokens} tokens in {usage.forwards} forwards: "
        f"{usage.tokens_per_forward:.2f} tokens per forward "
        f"({usage.accepted} of {usage.drafted} draft tokens accepted)"
    )


def cost_line(usage: Usage, timings: Mapping[str, float]) -> str:
    """What each stage of an answer cost."""
    seconds = ", ".join(f"{stage} {spent:.2f} s" for stage, spent in timings.items())
    return (
        f"cost: proxy {usage.proxy_prompt_tokens} tokens read and {usage.proxy_tokens} written, "
        f"{usage.searches} searches, main model {usage.prompt_tokens} tokens read "
        f"({usage.cached_tokens} of them known) and {usage.output_tokens} written; {seconds}"
    )


def event_line(event: Event) -> str:
    """One line of a job's history."""
    note = f": {safe(event.note)}" if event.note else ""
    if event.state is State.RUNNING and event.num_windows:
        note = f": window {event.windows_done} of {event.num_windows}"
    attempt = f" (attempt {event.attempt})" if event.attempt > 1 else ""
    return f"{event.state}{attempt}{note}"


def job_lines(job: JobRecord) -> list[str]:
    lines = [line for item in job.items for line in (*item_lines(item), "")]
    if job.coverage:
        lines.append(
            f"read {job.coverage.share:.0%} of the transcript: {job.coverage.num_tokens} tokens "
            f"in {job.coverage.num_windows} windows"
        )
    return lines


def item_lines(item: ItemRecord) -> list[str]:
    if item.status != "succeeded":
        return [f"{item.id}. {safe(item.query)}", f"  {item.status}: {safe(item.error or '')}"]
    return [
        f"{item.id}. {safe(item.query)}",
        f"  {safe(item.summary)}",
        *(citation_line(citation) for citation in item.citations),
    ]


def added_line(record: AddRecord) -> str:
    if record.status == "skipped":
        # Most reasons begin with the name already.
        return f"{record.status:<10} {safe(record.path)} {safe(record.reason.removeprefix(record.path).lstrip())}"
    remark = f", {safe(record.reason)}" if record.reason else ""
    return f"{record.status:<10} {safe(record.path)}  {record.passages} passages{remark}"


def document_line(record: DocumentRecord) -> str:
    known = "".join(f"  {safe(name)}={safe(str(value))}" for name, value in record.metadata.items())
    return (
        f"{record.id}  {safe(record.collection)}  {safe(record.source)}  {record.passages} passages"
        f"{known}"
    )


def hit_lines(number: int, hit: Hit) -> list[str]:
    """A passage with its place, which ways of searching found it at which rank, and its beginning."""
    ranks = ", ".join(f"{rank.source} {rank.rank}{_of_query(rank)}" for rank in hit.ranks)
    return [
        f"[{number}] {safe(hit.passage.source)}{_place(hit)}  score {hit.score:.3f}: {ranks}",
        f"    {shorten(hit.passage.text)}",
    ]


def report_lines(record: IndexRecord) -> list[str]:
    """What a check found, one line for each kind of trouble, and what it all comes to."""
    found = [
        (record.missing_vectors, "vectors were missing"),
        (record.unfound_vectors, "vectors were there, but were not found"),
        (record.superfluous_vectors, "vectors belonged to nothing"),
        (record.interrupted_changes, "changes had been interrupted"),
        (record.documents_made_again, "documents were cut into passages anew"),
        (int(record.vectors_built_again), "vector index did not answer and was built again"),
        (int(record.words_built_again), "word index was wrong and was built again"),
    ]
    lines = [f"repaired   {count} {what}" for count, what in found if count]
    lines += [f"BROKEN     the database: {safe(flaw)}" for flaw in record.flaws]
    holds = f"{record.documents} documents, {record.passages} passages"
    if record.flaws:
        remedy = "restore truth.sqlite3 from a backup, or add the files to a new knowledge base"
        return [*lines, f"{holds}; {remedy}"]
    return [*lines, f"{holds}: all in order"]


def check_line(check: CheckRecord) -> str:
    sign = "ok " if check.ok else "BAD"
    line = f"{sign}  {check.name}: {safe(check.detail)}"
    return line if check.ok else f"{line}\n     fix: {safe(check.fix)}"


def calibration_lines(judge: "CalibratedJudge") -> list[str]:
    """What was chosen, and what it did on the questions that it was not chosen on."""
    figures = {name: figure_cell(figure) for name, figure in judge.figures.items()}
    return [
        f"{judge.kind} over {judge.threshold:.3f}, chosen on {judge.origin.num_questions} questions "
        f"that no rule decides, for a budget of {judge.budget:.0%}; chosen the same way without them, "
        "it would on each fifth",
        f"  retrieve for {figures['usage']}",
        f"  answer rightly {figures['right']}; never retrieving {figures['right_never']}, "
        f"always {figures['right_always']}",
        f"  get {figures['way_to_the_oracle']} of the way from chance to an oracle with the same budget",
        f"  have been better the other way for {figures['harm']}",
    ]


def figure_cell(figure: "Figure") -> str:
    bounds = (
        ""
        if figure.low is None or figure.high is None
        else f" ({figure.low:.0%} to {figure.high:.0%})"
    )
    return f"{figure.value:.0%}{bounds}"


def clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def shorten(text: str) -> str:
    """`text` on one line, cut where it would fill the screen."""
    line = " ".join(safe(text).split())
    return line if len(line) <= LONGEST_QUOTE else f"{line[: LONGEST_QUOTE - 1].rstrip()}…"


def _of_query(rank: Rank) -> str:
    return f" (query {rank.query + 1})" if rank.query else ""


def _place(hit: Hit) -> str:
    passage = hit.passage
    parts = [
        passage.heading,
        f"page {passage.page}" if passage.page is not None else "",
        passage.speaker or "",
        clock(passage.time) if passage.time is not None else "",
    ]
    named = ", ".join(safe(part) for part in parts if part)
    return f" ({named})" if named else ""
