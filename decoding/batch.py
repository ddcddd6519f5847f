"""The texts that are being written, and one pass: grow a tree per row, one forward over all, verify, commit, emit."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from decoding.admission import ROOT_COLUMN, capacity_for, reason_to_end
from decoding.cache.slot_pool import SlotPool
from decoding.common_prefix import common_prefix_len
from decoding.drafting.draft_tree import DraftTree
from decoding.drafting.drafter import Ask
from decoding.drafting.guarded import GuardedDrafter
from decoding.errors import PassFailed
from decoding.forward_pass import COMMITTED, Span
from decoding.model import CausalModel
from decoding.row import Row
from decoding.scheduler import LONGEST_CHUNK, Chunk, Pace, Reading, plan_chunks
from decoding.stream import Stream
from decoding.types import Cost, Request, Step

WORTH_WAITING = 32  # tokens of a beginning that another text is about to read


class Batch:
    """The texts that have a slot, each a row; numbered as their requests are, in order of arrival.

    What goes wrong with one text ends that text alone, with the error in its stream. One thread at a time may use it.
    """

    def __init__(
        self,
        model: CausalModel,
        *,
        drafts: GuardedDrafter,
        pool: SlotPool,
        pace: Pace,
        clock: Callable[[], float],
    ) -> None:
        self.drafts = drafts  # may be exchanged while there is no text
        self._model = model
        self._pool = pool
        self._pace = pace
        self._clock = clock
        self._rows: dict[int, Row] = {}
        self._streams: dict[int, Stream] = {}

    def __len__(self) -> int:
        """Texts that have a slot."""
        return len(self._rows)

    def start(self, stream: Stream) -> None:
        """Gives a text its slot."""
        try:
            row = self._make_row(stream.request)
        except Exception as error:
            stream.fail(error)
            return
        self._rows[stream.number] = row
        self._streams[stream.number] = stream
        self._jump(stream.number)

    def is_being_read(self, prompt: Sequence[int]) -> bool:
        """Whether another text is about to read a good part of the prompt's beginning."""
        return any(
            common_prefix_len(row.request.prompt, prompt) > row.slot.length + WORTH_WAITING
            for row in self._rows.values()
            if row.num_unread
        )

    def step(self) -> None:
        """One forward pass, if there is anything to do."""
        is_decoding = any(not row.num_unread for row in self._rows.values())
        chunks = self._plan_chunks(beside_others=is_decoding)
        ends = {chunk.number for chunk in chunks if self._is_last(chunk)}
        decoding = {n: row for n, row in self._rows.items() if n in ends or not row.num_unread}
        started = self._clock()
        trees = self._grow(decoding)
        decoding = {n: decoding[n] for n in trees}
        reading = [chunk for chunk in chunks if chunk.number not in ends]
        spans = [span_of(row, trees[n]) for n, row in decoding.items()]
        spans += [chunk_of(self._rows[chunk.number], chunk) for chunk in reading]
        if not spans:
            return
        try:
            logits = self._model.forward(spans)
        except Exception as error:
            self._fail_all([*decoding, *(chunk.number for chunk in reading)], error)
            return
        seconds = self._clock() - started  # drafting included: it must pay for itself
        num_tokens = 0
        for number, row_logits in zip(trees, logits, strict=False):  # those of chunks come last
            num_tokens += self._take(number, trees[number], row_logits)
        for chunk in reading:
            self._keep(chunk)
        self._observe(decoding.values(), trees, chunks, num_tokens=num_tokens, seconds=seconds)

    def retire(self, *, now: float) -> None:
        """Ends texts that were cancelled or are late."""
        for number, stream in list(self._streams.items()):
            if reason := reason_to_end(stream, now=now):
                stream.push(Step(number, (), Cost(), finish=reason))
                self._close(number)

    def abandon(self, cause: BaseException) -> None:
        """Ends all texts with `PassFailed`."""
        self._fail_all(list(self._rows), cause)

    def _make_row(self, request: Request) -> Row:
        with ExitStack() as undo:
            drafting = self.drafts.begin(request)
            undo.callback(drafting.close)
            slot = self._pool.acquire(request.prompt, capacity=capacity_for(request))
            undo.callback(self._pool.discard, slot)
            row = Row(request, slot=slot, drafting=drafting)
            undo.pop_all()

        return row

    def _plan_chunks(self, *, beside_others: bool) -> list[Chunk]:
        return plan_chunks(
            [Reading(n, row.num_unread) for n, row in self._rows.items() if row.num_unread],
            budget=self._pace.longest_chunk() if beside_others else LONGEST_CHUNK,
        )

    def _is_last(self, chunk: Chunk) -> bool:
        """Whether the text can be written on in the same pass, behind what is left to read."""
        return chunk.num_tokens == self._rows[chunk.number].num_unread

    def _grow(self, decoding: dict[int, Row]) -> dict[int, DraftTree]:
        """A tree per row; a row whose constraint has come to a dead end fails by itself, and gets none."""
        asks: dict[int, Ask] = {}
        for number, row in decoding.items():
            try:
                asks[number] = row.ask()
            except Exception as error:
                self._fail(number, error)

        return dict(zip(asks, self.drafts.draft(list(asks.values())), strict=True))

    def _take(self, number: int, tree: DraftTree, logits: NDArray[np.float32]) -> int:
        """Tokens that the text grew by."""
        row = self._rows[number]
        unread, last_token = row.unread(row.num_unread), row.last_token
        try:
            step, walk = row.take(tree, logits)
        except Exception as error:
            self._fail(number, error)
            return 0
        walked = [*unread, last_token, *walk.tokens[: walk.num_accepted]]
        columns = [*range(len(unread)), *(len(unread) + column for column in walk.columns)]
        row.slot.commit(walked, columns=columns)
        self._streams[number].push(replace(step, request=number))
        if row.finish:
            self._close(number)
        else:
            self._jump(number)

        return len(step.tokens)

    def _jump(self, number: int) -> None:
        """Lets a text grow by what its form leaves no choice about."""
        row = self._rows[number]
        try:
            step = row.jump(vocabulary=self._model.vocabulary)
        except Exception as error:
            self._fail(number, error)
            return
        if step is None:
            return
        self._streams[number].push(replace(step, request=number))
        if row.finish:
            self._close(number)

    def _keep(self, chunk: Chunk) -> None:
        row = self._rows[chunk.number]
        read = chunk_of(row, chunk).tokens
        row.slot.commit(read, columns=range(len(read)))

    def _observe(
        self,
        decoding: Iterable[Row],
        trees: dict[int, DraftTree],
        chunks: Sequence[Chunk],
        *,
        num_tokens: int,
        seconds: float,
    ) -> None:
        self._pace.observe(
            num_prompt_tokens=sum(chunk.num_tokens for chunk in chunks),
            is_decoding=bool(trees),
            seconds=seconds,
        )
        if trees and not chunks:
            self.drafts.observe(
                num_rows=len(trees),
                num_columns=sum(ROOT_COLUMN + len(tree) for tree in trees.values()),
                context=max(row.slot.length for row in decoding),
                num_tokens=num_tokens,
                seconds=seconds,
            )

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


def span_of(row: Row, tree: DraftTree) -> Span:
    """What is left to read as a chain, behind it the last token of the text and then the nodes of the tree."""
    unread = row.unread(row.num_unread)
    root = len(unread)
    parents = (*range(COMMITTED, root), *(root + ROOT_COLUMN + parent for parent in tree.parents))
    return Span(row.slot, (*unread, row.last_token, *tree.tokens), parents, num_silent=root)


def chunk_of(row: Row, chunk: Chunk) -> Span:
    """The next few tokens that are to be read, in a chain whose logits nobody wants."""
    return Span(row.slot, row.unread(chunk.num_tokens), wants_logits=False)
