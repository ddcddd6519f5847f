"""What the pipeline and the job store say, as the records that go over the wire."""

from collections.abc import Iterable
from datetime import UTC, datetime

from gleandraft.wire import (
    AcceptanceRecord,
    AddRecord,
    AnswerRecord,
    CitationRecord,
    CountsRecord,
    CoverageRecord,
    DecisionRecord,
    DocumentRecord,
    HitRecord,
    IndexRecord,
    ItemRecord,
    JobRecord,
    PassageRecord,
    QueryRecord,
    RankRecord,
    TraceRecord,
    UsageRecord,
)
from pipeline.types import Answer, Citation, Coverage, Decision, Usage
from retrieval.types import AddOutcome, DocumentInfo, Hit
from retrieval.upkeep import Report
from workers.jobs.types import Event, Item, Job, State, Waiting


def present_answer(answer: Answer) -> AnswerRecord:
    return AnswerRecord(
        id=answer.id,
        text=answer.text,
        citations=_citations(answer.citations),
        decision=present_decision(answer.decision),
        usage=_usage(answer.usage),
        timings=dict(answer.timings),
        model=answer.model,
        coverage=_coverage(answer.coverage),
        is_cut=answer.is_cut,
        trace=TraceRecord(t.model, t.dtype, t.prompt, t.output, t.choices)
        if (t := answer.trace)
        else None,
        support=answer.support,
    )


def present_passages(hits: Iterable[Hit]) -> tuple[PassageRecord, ...]:
    return tuple(
        PassageRecord(
            hit.passage.id, hit.passage.source, hit.passage.title, hit.passage.text, hit.score
        )
        for hit in hits
    )


def present_decision(decision: Decision) -> DecisionRecord:
    return DecisionRecord(
        retrieve=decision.retrieve,
        score=decision.score,
        reason=decision.reason,
        queries=tuple(QueryRecord(query.text, query.origin) for query in decision.plan.queries),
        features={name: round(value, 4) for name, value in decision.judgement.features.items()},
    )


def present_added(outcome: AddOutcome) -> AddRecord:
    return AddRecord(outcome.path, outcome.status, outcome.reason, outcome.num_passages)


def present_hit(hit: Hit) -> HitRecord:
    passage = hit.passage
    return HitRecord(
        id=passage.id,
        document_id=passage.document_id,
        source=passage.source,
        title=passage.title,
        heading=passage.heading,
        text=passage.text,
        start=passage.start,
        end=passage.end,
        score=hit.score,
        ranks=tuple(RankRecord(rank.source, rank.query, rank.rank) for rank in hit.ranks),
        metadata=dict(passage.metadata),
        page=passage.page,
        time=passage.time,
        speaker=passage.speaker,
    )


def present_document(known: DocumentInfo) -> DocumentRecord:
    return DocumentRecord(
        known.id,
        known.source,
        known.title,
        known.media_type,
        known.collection,
        known.added_at,
        known.num_passages,
        dict(known.metadata),
    )


def present_report(report: Report) -> IndexRecord:
    return IndexRecord(
        documents=report.num_documents,
        passages=report.num_passages,
        missing_vectors=report.vectors.num_missing,
        unfound_vectors=report.vectors.num_unfound,
        superfluous_vectors=report.vectors.num_superfluous,
        interrupted_changes=report.vectors.num_pending,
        vectors_built_again=report.vectors.was_broken,
        words_built_again=report.were_words_wrong,
        documents_made_again=report.num_remade,
        flaws=report.flaws,
    )


def present_job(
    job: Job, *, waiting: Waiting | None = None, history: Iterable[Event] = (), now: float
) -> JobRecord:
    """The job as its owner sees it; `now` is the store's clock and serves the estimate."""
    items = tuple(_item(item, job.state) for item in job.items)
    return JobRecord(
        id=job.id,
        kind=job.kind,
        status=job.state.value,
        waiting_reason=_reason(waiting),
        position=waiting.position if waiting else None,
        eta_s=_eta_s(job, now),
        created_at=_time(job.created_at),
        started_at=None if job.started_at is None else _time(job.started_at),
        finished_at=None if job.finished_at is None else _time(job.finished_at),
        attempts=job.attempt,
        counts=_counts(items),
        items=items,
        coverage=_coverage(job.coverage) if job.coverage else None,
        error=job.error,
        model=job.model,
        timings=dict(job.timings),
        read=job.read,
        states=tuple(state.value for state in states_of(history)),
    )


def states_of(history: Iterable[Event]) -> tuple[State, ...]:
    """Every state a job has been in, oldest first; one that it stayed in is named once."""
    seen: list[State] = []
    attempt = 0
    for event in history:
        if not seen or seen[-1] is not event.state or event.attempt != attempt:
            seen.append(event.state)
        attempt = event.attempt
    return tuple(seen)


def _item(item: Item, job_state: State) -> ItemRecord:
    """An item without an outcome of its own is where its job is."""
    return ItemRecord(
        id=item.id,
        query=item.query,
        status=(job_state if item.state is State.QUEUED else item.state).value,
        summary=item.summary,
        citations=_citations(item.citations),
        error=item.error,
        mode=item.mode,
        attempts=item.attempts,
        usage=_usage(item.usage),
    )


def _citations(citations: Iterable[Citation]) -> tuple[CitationRecord, ...]:
    return tuple(
        CitationRecord(
            marker=citation.marker,
            passage_id=citation.passage_id,
            source=citation.source,
            quote=citation.quote,
            start=citation.start,
            end=citation.end,
            page=citation.page,
            time=citation.time,
            speaker=citation.speaker,
        )
        for citation in citations
    )


def _usage(usage: Usage) -> UsageRecord:
    return UsageRecord(
        prompt_tokens=usage.prompt_tokens,
        output_tokens=usage.output_tokens,
        proxy_tokens=usage.proxy_tokens,
        proxy_prompt_tokens=usage.proxy_prompt_tokens,
        searches=usage.searches,
        forwards=usage.forwards,
        drafted=usage.drafted,
        accepted=usage.accepted,
        forced=usage.forced,
        cached_tokens=usage.cached_tokens,
        by_source={s: AcceptanceRecord(d, a) for s, (d, a) in usage.by_source.items()},
    )


def _coverage(coverage: Coverage) -> CoverageRecord:
    return CoverageRecord(coverage.share, coverage.num_windows, coverage.num_tokens)


def _counts(items: tuple[ItemRecord, ...]) -> CountsRecord:
    statuses = [item.status for item in items]
    return CountsRecord(len(items), statuses.count("succeeded"), statuses.count("failed"))


def _reason(waiting: Waiting | None) -> str | None:
    return waiting.reason if waiting else None


def _eta_s(job: Job, now: float) -> float | None:
    """From the pace of the windows so far; None before the first one, and for jobs that do not run."""
    if job.state is not State.RUNNING or not job.windows_done or job.running_since is None:
        return None
    per_window = (now - job.running_since) / job.windows_done
    return round(per_window * (job.num_windows - job.windows_done), 1)


def _time(seconds: float) -> str:
    stamp = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return stamp.replace("+00:00", "Z")
