"""The decode loop: schedule, grow a draft tree per row, one forward over all rows, verify, commit, emit."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from decoding.cache.slot_pool import SlotPool, common_prefix
from decoding.drafting.draft_tree import DraftTree
from decoding.drafting.drafter import Ask, Drafter
from decoding.drafting.guarded import MOST_NODES, GuardedDrafter
from decoding.errors import (
    EmptyPrompt,
    InvalidEngine,
    InvalidLimit,
    PassFailed,
    PromptTooLong,
    QueueFull,
    UnknownTokens,
)
from decoding.forward_pass import Span
from decoding.model import CausalModel
from decoding.row import Row
from decoding.scheduler import LONGEST_CHUNK, Chunk, Pace, Reading, plan_chunks
from decoding.stream import Stream
from decoding.turns import Turns
from decoding.types import Cost, FinishReason, Request, Step

ROOT_COLUMN = 1
WORTH_WAITING = 32  # tokens of a beginning that another text is about to read


class Engine:
    """Writes texts with one model, several at a time; requests join and leave between any two forward passes.

    Drafted, plain, alone or in a batch: the tokens are those of plain decoding, one token per forward pass. In float32
    this holds up to ties within rounding, which the property tests have not met; in bfloat16 near-ties are common,
    and a drafter that only grows chains makes every logit equal to the bit (see docs/lossless.md).

    All methods may be called from any thread.
    """

    def __init__(
        self,
        model: CausalModel,
        *,
        drafter: Drafter | None = None,
        num_slots: int = 8,
        most_waiting: int = 256,
        cache_bytes: int = 1 << 30,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """Raises `InvalidEngine`."""
        for name, value in (("num_slots", num_slots), ("most_waiting", most_waiting)):
            if value < 1:
                raise InvalidEngine(name, value)
        self.model = model
        self.drafter = drafter or default_drafter(model)
        self.num_slots = num_slots  # texts that are written at the same time
        self.most_waiting = most_waiting  # texts that may wait for a slot
        self.pace = Pace()
        self._pool = SlotPool(model.layout, most_bytes=cache_bytes)
        self._clock = clock
        self._turns = Turns(tidy_up=self._retire)
        self._inbox: deque[Stream] = deque()  # in order of submission
        self._rows: dict[int, Row] = {}  # by number of the request, in order of arrival
        self._streams: dict[int, Stream] = {}
        self._num_submitted = 0

    @property
    def drafter(self) -> Drafter:
        """May be exchanged while nothing is written."""
        return self._drafts.drafter

    @drafter.setter
    def drafter(self, drafter: Drafter) -> None:
        self._drafts = GuardedDrafter(drafter, vocabulary=self.model.vocabulary)

    @property
    def num_running(self) -> int:
        """Texts that have a slot."""
        return len(self._rows)

    @property
    def num_waiting(self) -> int:
        """Texts that wait for a slot."""
        return len(self._inbox)

    def submit(self, request: Request) -> Stream:
        """Queues a text. Raises what is wrong with the request, or `QueueFull`."""
        self.check(request)
        with self._turns.lock:
            if len(self._inbox) >= self.most_waiting:
                raise QueueFull(self.most_waiting)
            return self._enqueue(request)

    def generate(self, requests: Sequence[Request]) -> Iterator[Step]:
        """Steps of all requests as they come, numbered from 0 in the order given.

        Raises what is wrong with a request before anything is written. What goes wrong with a text later ends all of
        them, and so does leaving the iteration early; `submit` keeps them apart.
        """
        requests = list(requests)
        for request in requests:
            self.check(request)
        return self._generate(requests)

    def step(self) -> None:
        """One forward pass, if there is anything to do; streams call it by themselves."""
        self._turns.work_once(self._pass)

    def check(self, request: Request) -> None:
        """Raises `EmptyPrompt`, `PromptTooLong`, `UnknownTokens`, `InvalidLimit` or `CacheTooSmall`."""
        if not request.prompt:
            raise EmptyPrompt
        if request.max_new_tokens < 1:
            raise InvalidLimit(request.max_new_tokens)
        if total_tokens(request) > self.model.context:
            raise PromptTooLong(total_tokens(request), limit=self.model.context)
        for name, tokens in (("prompt", request.prompt), *references_of(request)):
            if tokens and not 0 <= min(tokens) <= max(tokens) < self.model.vocabulary:
                raise UnknownTokens(name, vocabulary=self.model.vocabulary)
        self._pool.check(capacity_for(request))

    def _generate(self, requests: Sequence[Request]) -> Iterator[Step]:
        waiting = deque(enumerate(requests))
        running: dict[int, Stream] = {}

        def can_go_on() -> bool:
            has_news = any(stream.has_news for stream in running.values())
            return has_news or self._num_welcome(len(waiting), num_running=len(running)) > 0

        try:
            while waiting or running:
                with self._turns.lock:
                    for _ in range(self._num_welcome(len(waiting), num_running=len(running))):
                        number, request = waiting.popleft()
                        running[number] = self._enqueue(request)
                self._turns.work_until(can_go_on, self._pass)
                for number, stream in list(running.items()):
                    for step in stream.drain():
                        yield replace(step, request=number)
                    if stream.is_over:
                        del running[number]
        finally:
            for stream in running.values():
                stream.cancel()

    def _enqueue(self, request: Request) -> Stream:
        stream = Stream(
            request,
            number=self._num_submitted,
            deadline=deadline_of(request, submitted=self._clock()),
            wait=self._wait_for,
            cancel=self._cancel,
        )
        self._num_submitted += 1
        self._inbox.append(stream)

        return stream

    def _num_welcome(self, num_waiting: int, *, num_running: int) -> int:
        """How many further texts may join, of one `generate`: enough to refill every slot at once."""
        room = self.most_waiting - len(self._inbox)
        return min(num_waiting, 2 * self.num_slots - num_running, room)

    def _wait_for(self, stream: Stream) -> None:
        self._turns.work_until(lambda: stream.has_news, self._pass)

    def _cancel(self, stream: Stream) -> None:
        stream.is_cancelled = True
        self._turns.tidy_soon()

    def _pass(self) -> None:
        try:
            self._step()
        except BaseException as error:
            # A mistake of ours, or an interrupt: what is half done ends here, so that nobody waits for it or reads it.
            had_rows = bool(self._rows)
            self._fail_all(list(self._rows), error)
            if not had_rows or not isinstance(error, Exception):
                raise

    def _step(self) -> None:
        self._retire()
        self._admit()
        decoding = {n: row for n, row in self._rows.items() if not row.num_unread}
        chunks = plan_chunks(
            [Reading(n, row.num_unread) for n, row in self._rows.items() if row.num_unread],
            budget=self.pace.longest_chunk() if decoding else LONGEST_CHUNK,
        )
        if not decoding and not chunks:
            return
        started = self._clock()
        asks = self._asks(decoding)
        decoding = {n: row for n, row in decoding.items() if n in asks}
        trees = self._grow(asks)
        spans = [span_of(row, trees[n]) for n, row in decoding.items()]
        spans += [chunk_of(self._rows[chunk.number], chunk) for chunk in chunks]
        if not spans:
            return
        try:
            logits = self.model.forward(spans)
        except Exception as error:
            self._fail_all([*decoding, *(chunk.number for chunk in chunks)], error)
            return
        seconds = self._clock() - started  # drafting included: it must pay for itself
        num_tokens = 0
        for number, tree, row_logits in zip(decoding, trees.values(), logits, strict=False):
            num_tokens += self._take(number, tree, row_logits)
        for chunk in chunks:
            row = self._rows[chunk.number]
            read = chunk_of(row, chunk).tokens
            row.slot.commit(read, columns=range(len(read)))
        self._observe(decoding, trees, chunks, num_tokens=num_tokens, seconds=seconds)

    def _asks(self, decoding: dict[int, Row]) -> dict[int, Ask]:
        """What the rows want drafted; a row whose constraint has come to a dead end fails by itself."""
        asks = {}
        for number, row in decoding.items():
            try:
                asks[number] = row.ask()
            except Exception as error:
                self._fail(number, error)

        return asks

    def _grow(self, asks: dict[int, Ask]) -> dict[int, DraftTree]:
        return dict(zip(asks, self._drafts.draft(list(asks.values())), strict=True))

    def _take(self, number: int, tree: DraftTree, logits: NDArray[np.float32]) -> int:
        """Tokens that the text grew by."""
        row = self._rows[number]
        last_token = row.last_token
        try:
            step, walk = row.take(tree, logits)
        except Exception as error:
            self._fail(number, error)
            return 0
        walked = [last_token, *walk.tokens[: walk.num_accepted]]
        row.slot.commit(walked, columns=walk.columns)
        self._streams[number].push(replace(step, request=number))
        if row.finish:
            self._close(number)

        return len(step.tokens)

    def _observe(
        self,
        decoding: dict[int, Row],
        trees: dict[int, DraftTree],
        chunks: Sequence[Chunk],
        *,
        num_tokens: int,
        seconds: float,
    ) -> None:
        num_prompt_tokens = sum(chunk.num_tokens for chunk in chunks)
        self.pace.observe(
            num_prompt_tokens=num_prompt_tokens, is_decoding=bool(decoding), seconds=seconds
        )
        if decoding and not chunks:
            self._drafts.observe(
                num_rows=len(decoding),
                num_columns=sum(ROOT_COLUMN + len(tree) for tree in trees.values()),
                context=max(row.slot.length for row in decoding.values()),
                num_tokens=num_tokens,
                seconds=seconds,
            )

    def _admit(self) -> None:
        """Gives slots to waiting texts, in order.

        One whose beginning is just being read waits to share it. The slot and the memory it will need are kept for it:
        nobody overtakes those who wait.
        """
        with self._turns.lock:
            waiting = list(islice(self._inbox, self.num_slots))
        num_kept = kept_capacity = 0
        for stream in waiting:
            capacity = capacity_for(stream.request)
            has_slot = len(self._rows) + num_kept < self.num_slots
            if not has_slot or not self._pool.has_room(kept_capacity + capacity):
                break
            if self._is_being_read(stream.request.prompt):
                num_kept += 1
                kept_capacity += capacity
                continue
            with self._turns.lock:
                self._inbox.remove(stream)
            self._start(stream)

    def _start(self, stream: Stream) -> None:
        try:
            row = self._make_row(stream.request)
        except Exception as error:
            stream.fail(error)
            return
        self._rows[stream.number] = row
        self._streams[stream.number] = stream

    def _make_row(self, request: Request) -> Row:
        with ExitStack() as undo:
            drafting = self._drafts.begin(request)
            undo.callback(drafting.close)
            slot = self._pool.acquire(request.prompt, capacity=capacity_for(request))
            undo.callback(self._pool.discard, slot)
            row = Row(request, slot=slot, drafting=drafting)
            undo.pop_all()

        return row

    def _is_being_read(self, prompt: Sequence[int]) -> bool:
        return any(
            common_prefix(row.request.prompt, prompt) > row.slot.length + WORTH_WAITING
            for row in self._rows.values()
            if row.num_unread
        )

    def _retire(self) -> None:
        """Ends texts that were cancelled or are late, running and waiting ones alike."""
        now = self._clock()
        for number, stream in list(self._streams.items()):
            if reason := reason_to_end(stream, now=now):
                stream.push(Step(number, (), Cost(), finish=reason))
                self._close(number)
        with self._turns.lock:
            for stream in list(self._inbox):
                if reason := reason_to_end(stream, now=now):
                    self._inbox.remove(stream)
                    stream.push(Step(stream.number, (), Cost(), finish=reason))

    def _close(self, number: int) -> None:
        row = self._rows.pop(number)
        row.drafting.close()
        self._pool.release(row.slot)
        del self._streams[number]

    def _fail(self, number: int, error: Exception) -> None:
        """Ends one text with its error; what its slot holds is not trusted any more."""
        row = self._rows.pop(number)
        row.drafting.close()
        self._pool.discard(row.slot)
        self._streams.pop(number).fail(error)

    def _fail_all(self, numbers: Sequence[int], cause: BaseException) -> None:
        for number in numbers:
            error = PassFailed(cause)
            error.__cause__ = cause
            self._fail(number, error)


def default_drafter(model: CausalModel) -> Drafter:
    from decoding.drafting.tree_drafter import TreeDrafter

    return TreeDrafter(vocabulary=model.vocabulary)


def span_of(row: Row, tree: DraftTree) -> Span:
    """The last token of the text as column 0, node k of the tree as column k + 1."""
    parents = (-1, *(ROOT_COLUMN + parent for parent in tree.parents))
    return Span(row.slot, (row.last_token, *tree.tokens), parents)


def chunk_of(row: Row, chunk: Chunk) -> Span:
    start = row.slot.length
    tokens = row.request.prompt[start : start + chunk.num_tokens]
    return Span(row.slot, tokens, wants_logits=False)


def total_tokens(request: Request) -> int:
    return len(request.prompt) + request.max_new_tokens


def capacity_for(request: Request) -> int:
    return total_tokens(request) + ROOT_COLUMN + MOST_NODES


def references_of(request: Request) -> list[tuple[str, Sequence[int]]]:
    return [
        *(("reference", tokens) for tokens in request.references),
        *(("guess", tokens) for tokens in request.guesses),
    ]


def deadline_of(request: Request, *, submitted: float) -> float | None:
    return None if request.deadline_s is None else submitted + request.deadline_s


def reason_to_end(stream: Stream, *, now: float) -> FinishReason | None:
    """Why the text is to end before its time, if it is."""
    if stream.is_cancelled:
        return FinishReason.CANCELLED
    if stream.deadline is not None and now > stream.deadline:
        return FinishReason.DEADLINE

    return None
