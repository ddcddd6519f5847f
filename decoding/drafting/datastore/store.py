"""Past outputs of one model: found at once, kept from one run to the next, shared by the processes of a machine."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import numpy as np

from decoding.drafting.datastore.context_order import (
    TOKEN_BYTES,
    backwards,
    context_order,
    split,
)
from decoding.drafting.datastore.cursor import LEAST_MATCH, Cursor
from decoding.drafting.datastore.folder import (
    Contents,
    delete,
    next_sequence,
    read_folder,
    sweep_unfinished,
    upkeep_lock,
    write_segment,
)
from decoding.drafting.datastore.recent_texts import MOST_TEXTS, RecentTexts
from decoding.drafting.datastore.segment import Segment, segment_parts
from decoding.drafting.datastore.snapshot import Snapshot, Tail
from decoding.drafting.datastore.upkeep import evict, merge
from decoding.errors import DatastoreBusy, DatastoreUnusable

DEFAULT_MAX_TOKENS = 1 << 23  # 64 MB on the disk


class Datastore:
    """Long-term memory of a drafter, after READER (arXiv 2508.09072).

    Texts are added in memory and found from then on. `flush` saves them as a segment, an immutable file that other
    processes find by `refresh`; `maintain` keeps segments few and the oldest texts within bounds. These three may run
    in another thread than the one that adds and recalls, which never wait for the disk. A crash at any point loses
    unsaved texts and nothing else; damaged files are passed over and deleted by `maintain`.
    """

    def __init__(
        self, folder: Path, contents: Contents, *, vocabulary: int, max_tokens: int
    ) -> None:
        """Use `open`."""
        self._folder = folder
        self._vocabulary = vocabulary
        self._max_tokens = max_tokens
        self._snapshot = Snapshot(contents, Tail())
        self._recent = RecentTexts(max_bytes=max_tokens // 2 * TOKEN_BYTES)
        self._swapping = Lock()  # held for microseconds, while memory changes
        self._writing = Lock()  # held while this process works on the folder
        for text in _newest_texts(contents.segments):
            self._recent.remember(text)

    @classmethod
    def open(
        cls, folder: Path, *, vocabulary: int, max_tokens: int = DEFAULT_MAX_TOKENS
    ) -> "Datastore":
        """The store in a folder of its own per model and tokenizer, which is made if need be.

        Token ids go from 0 up to `vocabulary`. Raises `DatastoreUnusable`.
        """
        with _disk_errors(folder):
            contents = read_folder(folder, vocabulary=vocabulary)

        return cls(folder, contents, vocabulary=vocabulary, max_tokens=max_tokens)

    @property
    def num_tokens(self) -> int:
        """Of all that is found now, with a separator for each text that is saved."""
        return self._snapshot.contents.num_tokens + self._snapshot.tail.num_tokens

    @property
    def num_unsaved(self) -> int:
        """Tokens that a crash would lose."""
        return self._snapshot.tail.num_tokens

    def cursor(self) -> Cursor:
        """For a new text, which is empty so far."""
        return Cursor(lambda: self._snapshot.indexes)

    def add(self, tokens: Sequence[int]) -> None:
        """Takes in a finished text, unless it was stored lately, is too short or not of this vocabulary."""
        ids = np.asarray(tokens, dtype=np.int64)
        if len(ids) <= LEAST_MATCH or ids.min() < 0 or ids.max() >= self._vocabulary:
            return
        text = backwards(ids)
        with self._swapping:
            if self._recent.remember(text):
                tail = self._snapshot.tail.with_text(text)
                self._snapshot = Snapshot(self._snapshot.contents, tail)

    def flush(self) -> None:
        """Saves what was added; raises `DatastoreUnusable`, and keeps it in memory for another try."""
        with self._writing, _disk_errors(self._folder):
            tail = self._snapshot.tail
            if not tail.texts:
                return
            order = context_order(tail.stream)
            parts = segment_parts(tail.stream, order, vocabulary=self._vocabulary, replaces=())
            sequence = next_sequence(self._read().names)
            write_segment(self._folder, parts, sequence=sequence)
            self._adopt(self._read(), saved=tail.texts)

    def refresh(self) -> None:
        """Finds what other processes saved; a few microseconds if that is nothing. Raises `DatastoreUnusable`."""
        if not self._writing.acquire(blocking=False):
            return  # another thread is at the folder, and looks for itself when it is done
        try:
            with _disk_errors(self._folder):
                self._adopt(self._read())
        finally:
            self._writing.release()

    def maintain(self) -> None:
        """Evicts, merges and tidies up, unless another process is at it; raises `DatastoreUnusable`."""
        with self._writing, _disk_errors(self._folder):
            try:
                with upkeep_lock(self._folder):
                    contents = self._tidied(self._read())
            except DatastoreBusy:
                return
            self._adopt(contents)

    def _tidied(self, contents: Contents) -> Contents:
        sweep_unfinished(self._folder)
        delete(contents.obsolete)
        evict(self._folder, contents, max_tokens=self._max_tokens, vocabulary=self._vocabulary)
        contents = self._read(known=contents)
        merge(self._folder, contents, vocabulary=self._vocabulary)

        return self._read(known=contents)

    def _read(self, *, known: Contents | None = None) -> Contents:
        return read_folder(
            self._folder, vocabulary=self._vocabulary, known=known or self._snapshot.contents
        )

    def _adopt(self, contents: Contents, *, saved: Sequence[bytes] = ()) -> None:
        """What is in the folder from now on, and which texts of the tail are in it, too."""
        known = self._snapshot.contents
        if contents is known and not saved:
            return
        fresh = [
            segment
            for segment in contents.segments
            if segment.path.name not in known.names and not segment.replaces
        ]
        newest, in_file = _newest_texts(fresh), frozenset(saved)
        with self._swapping:
            for text in newest:
                self._recent.remember(text)
            self._snapshot = Snapshot(contents, self._snapshot.tail.without(in_file))


def _newest_texts(segments: Sequence[Segment]) -> list[bytes]:
    """As many as are remembered, oldest first."""
    texts: list[bytes] = []
    for segment in reversed(segments):
        if len(texts) >= MOST_TEXTS:
            break
        texts = split(segment.stream()) + texts

    return texts[-MOST_TEXTS:]


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DatastoreUnusable(folder, error) from error
