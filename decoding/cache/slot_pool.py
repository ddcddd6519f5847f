"""The slots of running texts, and of past ones for as long as memory lasts: their beginnings are reused."""

from collections import OrderedDict
from collections.abc import Sequence

from decoding.cache.kv_cache import KVLayout, Slot, rounded_up
from decoding.common_prefix import common_prefix_len
from decoding.errors import CacheExhausted, CacheTooSmall

WORTH_REUSING = 16  # tokens; below it, reading again is as quick as copying


class SlotPool:
    """Hands out slots that already hold as much of a prompt as any earlier text had in common with it.

    A past text is taken over in place where the new one continues at least half of it; else the common beginning is
    copied, so that one system prompt or transcript serves any number of texts. The memory of all slots together
    stays within `most_bytes`; past texts give way first, the longest unused before the others.
    """

    def __init__(self, layout: KVLayout, *, most_bytes: int) -> None:
        self.layout = layout
        self.most_bytes = most_bytes
        self._running: list[Slot] = []
        self._past: OrderedDict[int, Slot] = OrderedDict()  # by identity, longest unused first

    @property
    def num_bytes(self) -> int:
        return sum(slot.num_bytes for slot in (*self._running, *self._past.values()))

    def check(self, capacity: int) -> None:
        """Raises `CacheTooSmall` where a slot of this size can never be had."""
        if self._bytes_of(capacity) > self.most_bytes:
            raise CacheTooSmall(self._bytes_of(capacity), limit=self.most_bytes)

    def has_room(self, capacity: int) -> bool:
        """Whether a slot can be had now, if past texts give way."""
        return self._num_running_bytes + self._bytes_of(capacity) <= self.most_bytes

    def acquire(self, prompt: Sequence[int], *, capacity: int) -> Slot:
        """A slot with room for `capacity` columns, of which it may already hold the first few of the prompt.

        The last token of the prompt is never among them: the first forward pass has to start from something.
        """
        source, shared = self._best_source(prompt)
        if source is not None and id(source) in self._past:
            return self._continue(source, shared=shared, capacity=capacity)
        self._make_room(capacity)

        return self._make(source, shared=shared, capacity=capacity)

    def release(self, slot: Slot) -> None:
        """The text is over; its columns stay for others to start from."""
        self.discard(slot)
        if slot.length >= WORTH_REUSING:
            self._past[id(slot)] = slot

    def discard(self, slot: Slot) -> None:
        """The text is over and its columns are not to be trusted."""
        self._running = [running for running in self._running if running is not slot]

    def _continue(self, past: Slot, *, shared: int, capacity: int) -> Slot:
        del self._past[id(past)]  # not to be evicted while it is needed
        needed = past.num_bytes + self._bytes_of(capacity)
        has_room_for_both = self._num_running_bytes + needed <= self.most_bytes
        is_worth_keeping = shared * 2 < past.length and has_room_for_both
        if past.capacity >= capacity and not is_worth_keeping:
            past.truncate(shared)
            self._running.append(past)
            return past
        if not has_room_for_both:
            self._make_room(capacity)
            return self._make(None, shared=0, capacity=capacity)
        self._make_room(capacity, beside=past)
        slot = self._make(past, shared=shared, capacity=capacity)
        self._past[id(past)] = past

        return slot

    def _best_source(self, prompt: Sequence[int]) -> tuple[Slot | None, int]:
        beginning = prompt[:-1]
        best, most = None, WORTH_REUSING - 1
        for slot in (*self._past.values(), *self._running):
            shared = common_prefix_len(slot.tokens, beginning)
            if shared > most:
                best, most = slot, shared

        return best, most if best else 0

    def _make(self, source: Slot | None, *, shared: int, capacity: int) -> Slot:
        try:
            slot = Slot(self.layout, capacity=capacity)
        except (RuntimeError, MemoryError) as error:  # what torch raises where memory is out
            raise CacheExhausted(self._bytes_of(capacity), cause=error) from error
        if source is not None:
            slot.copy_from(source, length=shared)
        self._running.append(slot)

        return slot

    def _make_room(self, capacity: int, *, beside: Slot | None = None) -> None:
        needed = self._bytes_of(capacity) + (beside.num_bytes if beside else 0)
        excess = self.num_bytes + needed - self.most_bytes
        while self._past and excess > 0:
            _, slot = self._past.popitem(last=False)
            excess -= slot.num_bytes

    @property
    def _num_running_bytes(self) -> int:
        return sum(slot.num_bytes for slot in self._running)

    def _bytes_of(self, capacity: int) -> int:
        return self.layout.bytes_per_token * rounded_up(capacity)
