"""The decode loop: texts queue up, get a slot, take part in every pass of the batch, and leave at their end."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from time import perf_counter

from decoding.admission import capacity_for, check_request, deadline_of, reason_to_end
from decoding.batch import Batch
from decoding.cache.slot_pool import SlotPool
from decoding.drafting.drafter import Drafter
from decoding.drafting.guarded import GuardedDrafter
from decoding.errors import InvalidEngine, QueueFull
from decoding.model import CausalModel
from decoding.scheduler import Pace
from decoding.stream import Stream
from decoding.turns import Turns
from decoding.types import Cost, Request, Step


class Engine:
    """Writes texts with one model, several at a time; requests join and leave between any two forward passes.

    Drafted, plain, alone or in a batch: the tokens are those of plain decoding, one token per forward pass. In float32
    this holds up to ties within rounding, which hardly a text of the property tests meets; in bfloat16 near-ties are
    common, and a drafter that only grows chains makes every logit equal to the bit (see docs/lossless.md).

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
        self.num_slots = num_slots  # texts that are written at the same time
        self.most_waiting = most_waiting  # texts that may wait for a slot
        self.pace = Pace()
        self._pool = SlotPool(model.layout, most_bytes=cache_bytes)
        self._clock = clock
        self._turns = Turns(tidy_up=self._retire)
        self._inbox: deque[Stream] = deque()  # in order of submission
        self._num_submitted = 0
        self._batch = Batch(
            model,
            drafts=guarded(drafter or default_drafter(model), model),
            pool=self._pool,
            pace=self.pace,
            clock=clock,
        )

    @property
    def drafter(self) -> Drafter:
        """May be exchanged while nothing is written."""
        return self._batch.drafts.drafter

    @drafter.setter
    def drafter(self, drafter: Drafter) -> None:
        self._batch.drafts = guarded(drafter, self.model)

    @property
    def num_running(self) -> int:
        """Texts that have a slot."""
        return len(self._batch)

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
        check_request(request, model=self.model, pool=self._pool)

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
            had_texts = bool(self._batch)
            self._batch.abandon(error)
            if not had_texts or not isinstance(error, Exception):
                raise

    def _step(self) -> None:
        self._retire()
        self._admit()
        self._batch.step()

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
            has_slot = len(self._batch) + num_kept < self.num_slots
            if not has_slot or not self._pool.has_room(kept_capacity + capacity):
                break
            if self._batch.is_being_read(stream.request.prompt):
                num_kept += 1
                kept_capacity += capacity
                continue
            with self._turns.lock:
                self._inbox.remove(stream)
            self._batch.start(stream)

    def _retire(self) -> None:
        """Ends texts that were cancelled or are late, running and waiting ones alike."""
        now = self._clock()
        self._batch.retire(now=now)
        with self._turns.lock:
            for stream in list(self._inbox):
                if reason := reason_to_end(stream, now=now):
                    self._inbox.remove(stream)
                    stream.push(Step(stream.number, (), Cost(), finish=reason))


def default_drafter(model: CausalModel) -> Drafter:
    from decoding.drafting.tree_drafter import TreeDrafter

    return TreeDrafter(vocabulary=model.vocabulary)


def guarded(drafter: Drafter, model: CausalModel) -> GuardedDrafter:
    return GuardedDrafter(drafter, vocabulary=model.vocabulary)
