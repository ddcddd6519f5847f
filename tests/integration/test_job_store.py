"""Job records, claims, fences and the sweeper against a real Redis."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from redis import Redis

from pipeline.errors import PipelineError
from pipeline.remote.errors import ServerBusy, ServerSilent, ServerUnreachable
from pipeline.types import Extent, ModeChoice, SummaryQuery, SummaryReport, WindowDone
from retrieval.types import Document, Turn
from workers.broker import open_broker
from workers.errors import (
    ClaimLost,
    DuplicateQueryId,
    EmptyQuery,
    JobMissing,
    NoQueries,
    NotClaimable,
    StoreUnavailable,
    TooManyQueries,
    TranscriptMissing,
    WorkersError,
)
from workers.jobs import keys
from workers.jobs.store import JobStore
from workers.jobs.sweeper import Sweeper
from workers.jobs.types import ENDED, HELD, Claim, Job, JobLimits, State
from workers.tasks.app import CeleryDoorbell, build_app
from workers.tasks.pulse import Pulse
from workers.tasks.runner import Runner, Summarizer
from workers.tasks.scripted import ScriptedSummarizer

pytestmark = pytest.mark.redis

QUERIES = (SummaryQuery("1", "harbour fees"), SummaryQuery("2", "new boat"))
FAST = JobLimits(lease_s=0.3, heartbeat_s=0.1, ring_again_s=0.3)


class Bell:
    """A doorbell that remembers who rang."""

    def __init__(self) -> None:
        self.rung: list[str] = []

    def ring(self, job_id: str) -> None:
        self.rung.append(job_id)


class Breaking(ScriptedSummarizer):
    """Breaks with the given errors, one per run, before it does its work."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def summarize(
        self,
        transcript: Document,
        queries: Sequence[SummaryQuery],
        *,
        mode: ModeChoice,
        read: Extent = "all",
        should_stop: Callable[[], bool],
    ) -> Iterator[WindowDone | SummaryReport]:
        if self.errors:
            raise self.errors.pop()
        yield from super().summarize(
            transcript, queries, mode=mode, read=read, should_stop=should_stop
        )


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with open_broker(None, tmp_path) as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[JobStore]:
    store = JobStore(url, limits=FAST, retries=0)
    yield store
    store.close()


def make_transcript(num_turns: int = 2) -> Document:
    turns, text = [], ""
    for number in range(num_turns):
        words = f"Turn {number} about harbour fees and the new boat."
        text += "Ada: "
        turns.append(Turn(words, len(text), len(text) + len(words), "Ada", number * 5.0))
        text += words + "\n"
    return Document("m.vtt", "m", text, "text/vtt", tuple(turns))


def submit(store: JobStore, *, num_turns: int = 2) -> Job:
    return store.submit(make_transcript(num_turns), QUERIES, mode="multi")


def make_runner(store: JobStore, summarizer: Summarizer | None = None) -> Runner:
    return Runner(store, lambda: summarizer or ScriptedSummarizer(), worker_id="w1")


def states(store: JobStore, job: Job) -> list[State]:
    return [event.state for event in store.events(job.id)]


def lapse(store: JobStore) -> None:
    time.sleep(store.limits.lease_s + 0.05)


def test_whatever_happens_in_whatever_order_every_index_agrees_with_the_records(
    store: JobStore,
) -> None:
    dice = random.Random(7)
    jobs = [submit(store) for _ in range(6)]
    claims: list[Claim] = []
    deeds: list[Callable[[Job], object]] = [
        lambda job: claims.append(store.claim(job.id, "w")),
        lambda job: claims.append(store.claim(job.id, "w")),
        lambda job: store.interrupt(job.id, dice.randint(1, 3), "dice"),
        lambda job: store.give_back(dice.choice(claims), "dice"),
        lambda job: store.progress(dice.choice(claims), windows_done=1, num_windows=2),
        lambda job: store.fail(dice.choice(claims), "dice") if dice.random() < 0.2 else None,
        lambda job: store.cancel(job.id) if dice.random() < 0.1 else None,
        lambda job: store.expire(job.id) if dice.random() < 0.05 else None,
    ]
    seen = set()
    for _ in range(400):
        with suppress(WorkersError, IndexError):
            dice.choice(deeds)(dice.choice(jobs))
        now = [store.load(job.id) for job in jobs]
        seen |= {job.state for job in now}
        queued = {job.id.encode() for job in now if job.state is State.QUEUED}
        held = {keys.lease_member(job.id, job.attempt).encode() for job in now if job.state in HELD}
        with Redis.from_url(store.url) as redis:
            assert set(redis.zrange(keys.WAITING, 0, -1)) == queued
            assert set(redis.zrange(keys.BELLS, 0, -1)) == queued
            assert set(redis.zrange(keys.LEASES, 0, -1)) == held
        if all(job.state in ENDED for job in now):
            jobs = [submit(store) for _ in range(6)]
    assert seen >= {State.QUEUED, *HELD, State.CANCELLED, State.FAILED}  # the dice went far enough


def test_a_submitted_job_is_there_for_every_other_process(store: JobStore) -> None:
    job = submit(store)
    other = JobStore(store.url)
    assert other.load(job.id) == job
    assert other.transcript(job) == make_transcript()
    assert states(other, job) == [State.QUEUED]
    other.close()


@pytest.mark.parametrize(
    ("queries", "error"),
    [
        ([], NoQueries),
        ([SummaryQuery("1", "  ")], EmptyQuery),
        ([SummaryQuery("1", "a"), SummaryQuery("1", "b")], DuplicateQueryId),
        ([SummaryQuery(str(n), "a") for n in range(65)], TooManyQueries),
    ],
)
def test_a_job_that_cannot_be_run_is_refused_at_once(
    store: JobStore, queries: list[SummaryQuery], error: type[WorkersError]
) -> None:
    with pytest.raises(error):
        store.submit(make_transcript(), queries, mode="multi")
    assert store.unheard() == []


def test_jobs_are_listed_newest_first(store: JobStore) -> None:
    ids = [submit(store).id for _ in range(3)]
    assert store.job_ids() == ids[::-1]
    assert store.job_ids(limit=1) == ids[-1:]


def test_an_unknown_job_is_an_error_that_says_so(store: JobStore) -> None:
    with pytest.raises(JobMissing, match="submit it again"):
        store.load("nope")


def test_of_many_that_claim_at_once_exactly_one_gets_the_job(store: JobStore) -> None:
    for _ in range(10):
        job = submit(store)

        def claim(number: int, job_id: str = job.id) -> Claim | None:
            try:
                return store.claim(job_id, f"w{number}")
            except NotClaimable:
                return None

        with ThreadPoolExecutor(8) as pool:
            won = [claim for claim in pool.map(claim, range(8)) if claim]
        assert len(won) == 1
        assert store.load(job.id).worker_id == won[0].worker_id
        assert store.load(job.id).attempt == 1


def test_a_worker_that_was_given_up_cannot_write_any_more(store: JobStore) -> None:
    job = submit(store)
    late = store.claim(job.id, "late")
    store.interrupt(job.id, late.attempt, "it stopped answering")
    current = store.claim(job.id, "current")
    report = next(
        step
        for step in ScriptedSummarizer().summarize(
            make_transcript(), QUERIES, mode="multi", read="all", should_stop=lambda: False
        )
        if isinstance(step, SummaryReport)
    )
    with pytest.raises(ClaimLost):
        store.progress(late, windows_done=1, num_windows=2)
    with pytest.raises(ClaimLost):
        store.finish(late, report)
    assert not store.renew(late)
    assert not store.may_go_on(late)
    assert store.renew(current)
    assert store.may_go_on(current)
    store.finish(current, report)
    with pytest.raises(ClaimLost):
        store.finish(current, report)
    assert states(store, job).count(State.SUCCEEDED) == 1


def test_a_runner_brings_a_job_to_its_end_with_citations(store: JobStore) -> None:
    job = submit(store)
    make_runner(store).run(job.id)
    done = store.load(job.id)
    assert done.state is State.SUCCEEDED
    assert done.coverage is not None
    assert done.coverage.share == 1.0
    text = make_transcript().text
    for item in done.items:
        (citation,) = item.citations
        assert text[citation.start : citation.end] == citation.quote
        assert citation.speaker == "Ada"
    assert (done.windows_done, done.num_windows) == (2, 2)


def test_a_message_delivered_twice_does_its_work_once(store: JobStore) -> None:
    job = submit(store)
    runner = make_runner(store)
    runner.run(job.id)
    first = store.load(job.id)
    runner.run(job.id)
    assert store.load(job.id) == first


def test_a_message_delivered_during_the_work_changes_nothing(store: JobStore) -> None:
    job = submit(store, num_turns=6)
    working = threading.Thread(target=make_runner(store).run, args=(job.id,))
    working.start()
    while store.load(job.id).state is State.QUEUED:
        time.sleep(0.01)
    Runner(store, ScriptedSummarizer, worker_id="w2").run(job.id)
    working.join()
    done = store.load(job.id)
    assert (done.state, done.attempt, done.worker_id) == (State.SUCCEEDED, 1, "w1")


def test_a_job_cancelled_before_its_start_never_runs(store: JobStore) -> None:
    job = submit(store)
    assert store.cancel(job.id).state is State.CANCELLED
    make_runner(store, Breaking(AssertionError("it ran"))).run(job.id)
    assert states(store, job) == [State.QUEUED, State.CANCELLED]
    assert store.load(job.id).attempt == 0


def test_a_running_job_is_cancelled_within_a_second(store: JobStore) -> None:
    job = submit(store, num_turns=200)
    working = threading.Thread(target=make_runner(store).run, args=(job.id,))
    working.start()
    while not store.load(job.id).windows_done:
        time.sleep(0.01)
    assert store.cancel(job.id).state is State.CANCELLING
    working.join(timeout=1.0)
    assert not working.is_alive()
    assert store.load(job.id).state is State.CANCELLED


def test_an_error_with_a_remedy_fails_the_job_at_once(store: JobStore) -> None:
    job = submit(store)
    make_runner(store, Breaking(PipelineError("no model; fetch one"))).run(job.id)
    done = store.load(job.id)
    assert (done.state, done.error) == (State.FAILED, "no model; fetch one")
    assert {item.error for item in done.items} == {"no model; fetch one"}


@pytest.mark.parametrize(
    "trouble",
    [
        ServerSilent("http://h/v1", 1.0),
        ServerBusy("http://h/v1", 503, attempts=2, wait_s=None),
        ServerUnreachable("http://h/v1", "refused", attempts=2),
    ],
)
def test_trouble_that_may_pass_is_tried_again_until_the_attempts_are_used_up(
    store: JobStore, trouble: PipelineError
) -> None:
    passed, stayed = submit(store), submit(store)
    runner = make_runner(store, Breaking(trouble))
    runner.run(passed.id)
    runner.run(passed.id)
    assert (store.load(passed.id).state, store.load(passed.id).attempt) == (State.SUCCEEDED, 2)
    runner = make_runner(store, Breaking(*[trouble] * 9))
    for _ in range(9):
        runner.run(stayed.id)
    done = store.load(stayed.id)
    assert (done.state, done.attempt) == (State.FAILED, store.limits.max_attempts)
    assert str(trouble) in (done.error or "")


def test_an_unforeseen_error_is_tried_again_and_then_it_works(store: JobStore) -> None:
    job = submit(store)
    runner = make_runner(store, Breaking(OSError("disk"), MemoryError()))
    for _ in range(3):
        runner.run(job.id)
    done = store.load(job.id)
    assert (done.state, done.attempt) == (State.SUCCEEDED, 3)


def test_an_unforeseen_error_ends_a_job_that_has_no_attempt_left(store: JobStore) -> None:
    job = submit(store)
    runner = make_runner(store, Breaking(*(OSError("disk") for _ in range(9))))
    for _ in range(9):
        runner.run(job.id)
    done = store.load(job.id)
    assert (done.state, done.attempt) == (State.FAILED, 3)
    assert done.error is not None
    assert "OSError: disk" in done.error


def test_a_job_whose_transcript_has_gone_fails_with_that_reason(store: JobStore) -> None:
    brief = JobStore(store.url, limits=JobLimits(queue_days=0.0, keep_days=1.2 / 86_400))
    job = submit(brief)  # its transcript is kept for one second
    time.sleep(1.1)
    claim = brief.claim(job.id, "w1")
    with pytest.raises(TranscriptMissing, match="submit the job again"):
        brief.transcript(claim.job)
    brief.close()


def test_a_lapsed_claim_goes_back_to_the_queue_and_is_rung(store: JobStore) -> None:
    job = submit(store)
    store.claim(job.id, "dead")
    bell = Bell()
    sweeper = Sweeper(store, bell)
    assert sweeper.sweep().interrupted == ()
    lapse(store)
    swept = sweeper.sweep()
    assert swept.interrupted == (job.id,)
    assert bell.rung == [job.id]
    assert store.load(job.id).state is State.QUEUED
    assert sweeper.sweep().rung == ()


def test_a_renewed_claim_is_left_alone(store: JobStore) -> None:
    claim = store.claim(submit(store).id, "alive")
    for _ in range(5):
        time.sleep(0.1)
        assert store.renew(claim)
    assert Sweeper(store, Bell()).sweep().interrupted == ()


def test_a_job_that_kills_its_workers_fails_after_three(store: JobStore) -> None:
    job = submit(store)
    sweeper = Sweeper(store, Bell())
    for _ in range(3):
        store.claim(job.id, "doomed")
        lapse(store)
        sweeper.sweep()
    done = store.load(job.id)
    assert done.state is State.FAILED
    assert done.error is not None
    assert "stopped answering" in done.error
    with pytest.raises(NotClaimable):
        store.claim(job.id, "next")


def test_a_cancelled_job_of_a_dead_worker_ends_cancelled(store: JobStore) -> None:
    job = submit(store)
    store.claim(job.id, "dead")
    store.cancel(job.id)
    lapse(store)
    Sweeper(store, Bell()).sweep()
    assert store.load(job.id).state is State.CANCELLED


def test_a_job_whose_message_was_lost_is_rung_again_but_not_too_often(store: JobStore) -> None:
    job = submit(store)
    bell = Bell()
    sweeper = Sweeper(store, bell)
    sweeper.sweep()
    assert bell.rung == []
    time.sleep(store.limits.ring_again_s + 0.05)
    sweeper.sweep()
    sweeper.sweep()
    assert bell.rung == [job.id]


def test_a_job_is_not_rung_again_while_its_message_may_still_be_in_the_queue(
    store: JobStore,
) -> None:
    job = submit(store)
    app = build_app(store.url)
    bell = CeleryDoorbell(app)
    bell.ring(job.id)
    time.sleep(store.limits.ring_again_s + 0.05)
    assert store.unheard() == []
    app.close()


def test_a_job_that_nobody_runs_expires(url: str) -> None:
    store = JobStore(url, limits=JobLimits(queue_days=0.1 / 86_400))
    job = submit(store)
    time.sleep(0.15)
    assert Sweeper(store, Bell()).sweep().expired == (job.id,)
    done = store.load(job.id)
    assert done.state is State.EXPIRED
    assert done.error is not None
    assert "gleandraft worker" in done.error
    store.close()


def test_an_ended_job_can_be_read_for_its_time_and_then_it_is_gone(url: str) -> None:
    store = JobStore(url, limits=JobLimits(keep_days=1.2 / 86_400))
    job = submit(store)
    store.cancel(job.id)
    assert store.load(job.id).state is State.CANCELLED
    time.sleep(1.3)
    with pytest.raises(JobMissing):
        store.load(job.id)
    store.close()


def test_only_one_worker_at_a_time_takes_a_turn_at_a_duty(store: JobStore) -> None:
    assert store.take_turn("sweep", every_s=0.2)
    assert not store.take_turn("sweep", every_s=0.2)
    time.sleep(0.25)
    assert store.take_turn("sweep", every_s=0.2)


def test_a_waiting_job_says_why(store: JobStore) -> None:
    first, second = submit(store), submit(store)
    waiting = store.waiting(first)
    assert waiting is not None
    assert (waiting.reason, waiting.position) == ("no_worker_alive", 1)
    store.worker_lives("w1")
    reasons = [place.reason for job in (first, second) if (place := store.waiting(job))]
    assert reasons == ["starting", "n_ahead"]
    store.claim(first.id, "w1")
    waiting = store.waiting(second)
    assert waiting is not None
    assert (waiting.reason, waiting.position) == ("n_ahead", 1)
    assert store.waiting(store.load(first.id)) is None


def test_a_worker_counts_as_alive_until_it_misses_its_heartbeats_or_signs_off(
    store: JobStore,
) -> None:
    store.worker_lives("w1")
    store.worker_lives("w2")
    store.worker_gone("w2")
    assert store.workers_alive() == ["w1"]
    lapse(store)
    assert store.workers_alive() == []


def test_the_pulse_keeps_a_worker_and_its_claim_alive_and_signs_off(store: JobStore) -> None:
    job = submit(store, num_turns=16)
    runner = make_runner(store)
    pulse = Pulse(store, runner, Sweeper(store, Bell()))
    pulse.start()
    runner.run(job.id)  # takes more than twice the lease
    assert store.workers_alive() == ["w1"]
    pulse.stop()
    assert store.workers_alive() == []
    assert (store.load(job.id).state, store.load(job.id).attempt) == (State.SUCCEEDED, 1)


def test_who_waits_for_events_gets_the_next_one_as_it_happens(store: JobStore) -> None:
    job = submit(store)
    (queued,) = store.events(job.id)
    assert store.events(job.id, after=queued.id, wait_s=0.05) == []
    cancelling = threading.Timer(0.2, store.cancel, args=(job.id,))
    cancelling.start()
    before = time.monotonic()
    (event,) = store.events(job.id, after=queued.id, wait_s=5)
    assert event.state in ENDED
    assert time.monotonic() - before < 2
    cancelling.join()


def test_a_redis_that_does_not_answer_is_named_without_its_password() -> None:
    store = JobStore("redis://:secret@127.0.0.1:1/0", retries=0)
    with pytest.raises(StoreUnavailable, match="GLEANDRAFT_REDIS_URL") as caught:
        store.ping()
    assert "secret" not in str(caught.value)
    store.close()


def test_a_bell_that_cannot_ring_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    app = build_app("redis://127.0.0.1:1/0")
    CeleryDoorbell(app).ring("j")
    app.close()
    assert "no message could be sent for job j" in caplog.text
