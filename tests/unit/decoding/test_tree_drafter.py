"""The tree drafter: fewer passes where texts repeat, none more where they don't, and every source on its own."""

import random
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from decoding.cost_model import CostCurve, CostModel
from decoding.drafting.draft_tree import ROOT, UNTRIED, DraftTree, Source
from decoding.drafting.drafter import Ask, Drafter, DraftState, Outcome
from decoding.drafting.recall import Recall
from decoding.drafting.text_state import NUM_STORED_BEFORE
from decoding.drafting.tree_drafter import ALL_SOURCES, TreeDrafter
from decoding.errors import ReferencesTooLong
from decoding.throttle import PATIENCE
from decoding.types import Request
from decoding.verify import Walk, verify

VOCABULARY = 200
CHEAP = CostCurve((1, 2, 64), (1000,), ((1.0, 1.1, 2.0),))


def drafter(*, sources: frozenset[Source] = ALL_SOURCES, only_chains: bool = False) -> TreeDrafter:
    return TreeDrafter(VOCABULARY, costs=CostModel(CHEAP), sources=sources, only_chains=only_chains)


def logits_for(tree: DraftTree, walk: Walk) -> NDArray[np.float32]:
    """Behind each accepted column, the token that was written is the best and the one after it the second best."""
    logits = np.zeros((1 + len(tree), VOCABULARY), dtype=np.float32)
    for at, (column, token) in enumerate(zip(walk.columns, walk.tokens, strict=False)):
        logits[column, list(walk.tokens[at + 1 : at + 2])] = 19.0
        logits[column, token] = 20.0

    return logits


@dataclass
class Text:
    """A text whose plain decoding is known, written with drafts."""

    state: DraftState
    plain: Sequence[int]
    num_prompt: int
    written: list[int] = field(default_factory=list)
    num_passes: int = 0
    drafted: list[int] = field(default_factory=list)  # nodes of each pass

    @property
    def is_over(self) -> bool:
        return len(self.written) == len(self.plain)

    def ask(self) -> Ask:
        room = len(self.plain) - len(self.written) - 1
        return Ask(self.state, self.num_prompt + len(self.written), room)

    def take(self, tree: DraftTree) -> None:
        def next_token(column: int, walked: tuple[int, ...]) -> int | None:
            at = len(self.written) + len(walked)
            return self.plain[at] if at < len(self.plain) else None

        walk = verify(tree, next_token)
        self.state.learn(Outcome(tree, walk.columns, walk.tokens, logits_for(tree, walk)))
        self.written += walk.tokens
        self.num_passes += 1
        self.drafted.append(len(tree))


def begin(
    drafter: Drafter,
    prompt: Sequence[int],
    plain: Sequence[int],
    *,
    references: Sequence[Sequence[int]] = (),
    guesses: Sequence[Sequence[int]] = (),
    group: Hashable = None,
) -> Text:
    request = Request(prompt, len(plain), references=references, guesses=guesses, group=group)
    return Text(drafter.begin(request), plain, len(prompt))


def write(drafter: Drafter, *texts: Text) -> list[list[int]]:
    """All texts side by side, to their ends."""
    running = list(texts)
    while running:
        trees = drafter.draft([text.ask() for text in running])
        for text, tree in zip(running, trees, strict=True):
            text.take(tree)
        for text in [text for text in running if text.is_over]:
            text.state.close()
            running.remove(text)

    return [text.written for text in texts]


def noise(seed: int, length: int) -> list[int]:
    rng = random.Random(seed)
    return [rng.randrange(VOCABULARY) for _ in range(length)]


def test_a_text_that_copies_is_written_in_a_few_passes() -> None:
    passage, drafts = noise(1, 120), drafter()
    text = begin(drafts, [*passage, 7, 8], passage[40:100])
    assert write(drafts, text) == [passage[40:100]]
    assert text.num_passes < 15


def test_noise_is_hardly_drafted_for() -> None:
    drafts, plain = drafter(), noise(3, 100)
    text = begin(drafts, noise(2, 100), plain)
    assert write(drafts, text) == [plain]
    assert sum(text.drafted) < len(plain)


def test_references_guesses_and_outputs_all_save_passes() -> None:
    answer = noise(4, 60)
    lengths = {}
    for name, references, guesses in (
        ("reference", [[9, *answer]], []),
        ("guess", [], [answer]),
        ("nothing", [], []),
    ):
        drafts = drafter()
        text = begin(drafts, noise(5, 30), answer, references=references, guesses=guesses)
        assert write(drafts, text) == [answer]
        lengths[name] = text.num_passes
    assert max(lengths["reference"], lengths["guess"]) < lengths["nothing"] / 3


def test_sisters_write_the_same_answer_faster() -> None:
    answer, drafts = noise(6, 60), drafter()
    one = begin(drafts, [1, 2, 3, 4], answer, group="job")
    two = begin(drafts, [5, 2, 3, 4], answer, group="job")
    for _ in range(50):  # the first is ahead
        one.take(drafts.draft([one.ask()])[0])
    assert write(drafts, one, two) == [answer, answer]
    assert two.num_passes < one.num_passes / 3


def test_a_finished_group_is_forgotten() -> None:
    drafts = drafter()
    texts = [begin(drafts, [1, 2], noise(7, 10), group="job") for _ in range(2)]
    write(drafts, *texts)
    assert len(drafts.shared.libraries) == 0


def test_closing_twice_is_closing_once() -> None:
    drafts = drafter()
    one, two = (begin(drafts, [1, 2], noise(7, 10), group="job") for _ in range(2))
    one.state.close()
    one.state.close()
    assert len(drafts.shared.libraries) == 1
    two.state.close()
    assert len(drafts.shared.libraries) == 0


@pytest.mark.parametrize("room", [0, 1, 3])
def test_no_node_is_deeper_than_the_room(room: int) -> None:
    drafts = drafter()
    state = drafts.begin(Request([*range(50), *range(20)], 40))
    (tree,) = drafts.draft([Ask(state, 70, room)])
    assert max(tree.depths(), default=0) == room


def test_forced_tokens_open_the_tree_and_guesses_follow() -> None:
    drafts = drafter()
    state = drafts.begin(Request([*range(50), 99], 40))
    (tree,) = drafts.draft([Ask(state, 51, 20, forced=(10, 11, 12))])
    assert tree.tokens[:5] == (10, 11, 12, 13, 14)
    assert tree.keys[:3] == (UNTRIED,) * 3
    assert tree.sources[2:4] == (Source.FORCED, Source.PROMPT)


def test_a_long_forced_part_is_cut_and_nothing_is_guessed_behind_the_cut() -> None:
    drafts = drafter()
    state = drafts.begin(Request([*range(150), 99], 190))
    (tree,) = drafts.draft([Ask(state, 151, 180, forced=tuple(range(100)))])
    assert set(tree.sources) == {Source.FORCED}
    assert tree.tokens == tuple(range(len(tree)))


def test_first_guesses_that_the_form_forbids_are_left_out() -> None:
    drafts = drafter()
    state = drafts.begin(Request([1, 2, 3, 50, 1, 2, 3, 60, 1, 2, 3], 40))
    (tree,) = drafts.draft([Ask(state, 11, 20, admits=lambda token: token != 50)])
    first = [t for t, parent in zip(tree.tokens, tree.parents, strict=True) if parent == ROOT]
    assert first == [60]


def test_requests_that_want_no_drafts_get_none_beside_others_that_do() -> None:
    drafts = drafter()
    copying = drafts.begin(Request([*range(50), *range(20)], 40))
    plain = drafts.begin(Request([*range(50), *range(20)], 40, draft=False))
    first, second = drafts.draft([Ask(plain, 70, 20), Ask(copying, 70, 20)])
    assert len(first) == 0
    assert len(second) > 4


def test_too_much_to_draft_from_is_refused() -> None:
    with pytest.raises(ReferencesTooLong):
        drafter().begin(Request([1], 10, references=[range(400_001)]))


@pytest.mark.parametrize("source", [Source.PROMPT, Source.OUTPUT, Source.RECYCLED, Source.LOGITS])
def test_each_source_can_stand_alone(source: Source) -> None:
    loop = [*noise(8, 12)] * 10
    drafts = drafter(sources=frozenset({source}))
    text = begin(drafts, [*loop[:40], 150], loop)
    sources: set[Source] = set()
    while not text.is_over:
        (tree,) = drafts.draft([text.ask()])
        sources.update(tree.sources)
        text.take(tree)
    assert sources <= {source}
    assert text.written == loop


def test_without_sources_decoding_is_plain() -> None:
    drafts = drafter(sources=frozenset())
    text = begin(drafts, [*range(50)], [*range(20)])
    write(drafts, text)
    assert text.num_passes == 20


def test_recycling_learns_successors_and_guesses_them() -> None:
    drafts = drafter(sources=frozenset({Source.RECYCLED}))
    loop = [*noise(9, 6)] * 20
    text = begin(drafts, [150, 151], loop)
    write(drafts, text)
    assert text.num_passes < len(loop) / 2


def test_chains_only_means_no_branches() -> None:
    drafts = drafter(only_chains=True)
    state = drafts.begin(Request([1, 2, 3, 50, 4, 1, 2, 3, 60, 5, 1, 2, 3], 40))
    (tree,) = drafts.draft([Ask(state, 13, 20)])
    assert len(tree) > 0
    assert tree.parents == tuple(range(-1, len(tree) - 1))


def test_guesses_that_fail_again_and_again_are_not_made_any_more() -> None:
    rng, drafts = random.Random(10), drafter(sources=frozenset({Source.PROMPT}))
    half = VOCABULARY // 2  # every second token of the prompt is followed by ten others, all wrong
    prompt = [t for _ in range(400) for t in (rng.randrange(40), rng.randrange(40, half))]
    plain = [t for _ in range(150) for t in (rng.randrange(40), rng.randrange(half, VOCABULARY))]
    text = begin(drafts, prompt, plain)
    assert write(drafts, text) == [plain]
    assert sum(text.drafted[-50:]) < sum(text.drafted[:50]) / 4


def test_drafts_that_slow_decoding_down_stop_and_certain_tokens_go_on() -> None:
    drafts = drafter()
    state = drafts.begin(Request([*range(50), *range(20)], 40))
    for _ in range(PATIENCE):
        drafts.observe(num_rows=1, num_columns=9, context=70, num_tokens=1, seconds=1.6)
    assert len(drafts.draft([Ask(state, 70, 20)])[0]) == 0
    assert drafts.draft([Ask(state, 70, 20, forced=(1, 2))])[0].tokens == (1, 2)


class Memory:
    """A datastore that recalls one text wherever two of its tokens come up."""

    def __init__(self, text: Sequence[int]) -> None:
        self.text = list(text)
        self.added: list[list[int]] = []

    def cursor(self) -> "MemoryCursor":
        return MemoryCursor(self.text)

    def add(self, tokens: Sequence[int]) -> None:
        self.added.append(list(tokens))


class MemoryCursor:
    def __init__(self, text: list[int]) -> None:
        self._text = text
        self._read: list[int] = []

    def extend(self, tokens: Sequence[int]) -> None:
        self._read += tokens

    def recall(self, ahead: Sequence[int] = ()) -> Recall:
        end = [*self._read, *ahead][-2:]
        for at in range(2, len(self._text)):
            if self._text[at - 2 : at] == end:
                return Recall(2, (tuple(self._text[at : at + 16]),), (1,))

        return Recall()


def test_past_outputs_save_passes_and_new_ones_are_stored() -> None:
    answer, prompt = noise(12, 60), noise(13, 40)
    memory = Memory([*prompt[-2:], *answer])
    drafts = TreeDrafter(VOCABULARY, costs=CostModel(CHEAP), datastore=memory)
    text = begin(drafts, prompt, answer)
    assert write(drafts, text) == [answer]
    assert text.num_passes < 20
    assert memory.added == [[*prompt[-NUM_STORED_BEFORE:], *answer]]


def test_a_datastore_that_is_switched_off_is_not_asked() -> None:
    memory = Memory(noise(12, 60))
    drafts = TreeDrafter(VOCABULARY, datastore=memory, sources=ALL_SOURCES - {Source.DATASTORE})
    write(drafts, begin(drafts, [1, 2], noise(12, 60)))
    assert memory.added == []


def test_many_texts_at_a_time_are_each_written_as_alone() -> None:
    drafts, passage = drafter(), noise(14, 100)
    plains = [passage[start : start + 30] for start in range(0, 60, 10)]
    texts = [begin(drafts, [*passage, start], plain) for start, plain in enumerate(plains)]
    assert write(drafts, *texts) == plains
    assert sum(text.num_passes for text in texts) < sum(map(len, plains)) / 2
