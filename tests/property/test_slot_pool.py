"""However texts come and go, a slot holds the beginning of its prompt and no other text, and memory keeps its limit."""

from dataclasses import dataclass, field

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from decoding.cache.kv_cache import KVLayout, KVShape, Slot
from decoding.cache.slot_pool import SlotPool

LAYOUT = KVLayout((KVShape(1, 1, 1),), dtype=torch.float32, device=torch.device("cpu"))
BASE = list(range(60))
MOST_COLUMNS = 320


@dataclass(frozen=True, slots=True)
class Start:
    num_shared: int  # tokens of the prompt that others have, too
    own: int  # then one token, many times
    num_own: int
    num_spare: int  # columns beyond the prompt

    @property
    def prompt(self) -> list[int]:
        return [*BASE[: self.num_shared], *[100 + self.own] * self.num_own]


@dataclass(frozen=True, slots=True)
class End:
    number: int  # of the running text, modulo how many there are
    is_trusted: bool


starts = st.builds(
    Start, st.integers(0, 60), st.integers(0, 3), st.integers(1, 40), st.integers(0, 60)
)
actions = st.lists(st.one_of(starts, st.builds(End, st.integers(0, 9), st.booleans())), max_size=40)


@dataclass
class Running:
    slot: Slot
    prompt: list[int]


@dataclass
class Play:
    pool: SlotPool = field(
        default_factory=lambda: SlotPool(LAYOUT, most_bytes=MOST_COLUMNS * LAYOUT.bytes_per_token)
    )
    running: list[Running] = field(default_factory=list)

    def start(self, action: Start) -> None:
        prompt = action.prompt
        capacity = len(prompt) + action.num_spare
        if not self.pool.has_room(capacity):
            return
        slot = self.pool.acquire(prompt, capacity=capacity)
        assert slot.length < len(prompt)
        assert slot.capacity >= capacity
        self.running.append(Running(slot, prompt))
        write(slot, prompt[slot.length :])

    def end(self, action: End) -> None:
        if self.running:
            text = self.running.pop(action.number % len(self.running))
            (self.pool.release if action.is_trusted else self.pool.discard)(text.slot)

    @property
    def held(self) -> list[list[int]]:
        """What stands in the columns of each running text."""
        return [text.slot.keys[0][0, 0, : text.slot.length].tolist() for text in self.running]


def write(slot: Slot, tokens: list[int]) -> None:
    columns = torch.tensor(tokens, dtype=torch.float32)[:, None, None]
    slot.write(0, columns, columns)
    slot.commit(tokens, columns=range(len(tokens)))


@given(script=actions)
@settings(max_examples=200, deadline=None)
def test_slots_are_true_to_their_prompts_and_memory_to_its_limit(
    script: list[Start | End],
) -> None:
    play = Play()
    for action in script:
        if isinstance(action, Start):
            play.start(action)
        else:
            play.end(action)
        slots = [text.slot for text in play.running]
        assert play.held == [slot.tokens for slot in slots] == [t.prompt for t in play.running]
        assert len(set(map(id, slots))) == len(slots)
        assert play.pool.num_bytes <= play.pool.most_bytes
