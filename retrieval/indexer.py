"""Keeps the vector index what the truth says: tells it what is pending, checks it, builds it again."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import perf_counter

from retrieval.embed import Embedder
from retrieval.errors import VectorIndexBroken
from retrieval.ingest import embedding_text
from retrieval.lease import Lease, Retired
from retrieval.ledger import Owed, Pending, pack, unpack
from retrieval.pace import Pace
from retrieval.store import VectorPlace, VectorStore
from retrieval.truth import Truth

_GLANCE = 32  # passages that an opening looks up by their own vectors
_LOOK = 1000  # the same of a check
_MOST_UNFOUND = 0.1  # of these; a graph may lose its way to one now and then, a broken one to many
_ALIKE = 0.999  # cosine of a vector with itself as the index returns it

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Differences:
    """How far the vector index was from the documents."""

    num_missing: int = 0  # vectors that it lacked
    num_unfound: int = 0  # that it held and did not find: a graph may lose its way to some
    num_superfluous: int = 0  # vectors of passages that are gone
    num_pending: int = 0  # changes that an interrupted process had not told it
    was_broken: bool = False  # it did not answer, or not with what it held: built again

    @property
    def num_vectors(self) -> int:
        return self.num_missing + self.num_unfound + self.num_superfluous + self.num_pending

    def __bool__(self) -> bool:
        return bool(self.num_vectors) or self.was_broken


class Indexer:
    """The only one who writes to the vector store. One thread at a time."""

    def __init__(self, truth: Truth, *, place: VectorPlace, embedder: Embedder) -> None:
        """Opens the store, a new one if the old one is broken; `check` makes it complete."""
        self._truth = truth
        self._ledger = truth.ledger
        self._place = place
        self._embedder = embedder
        self._pace = Pace(128, least=32, most=1024)
        self._was_broken = False
        try:
            self._lease = Lease(self._open())
        except VectorIndexBroken as error:
            log.warning("building the vector index again (%s)", error)
            self._was_broken = True
            self._mark_new_generation()
            self._lease = Lease(self._open())
        if not place.is_kept and truth.fact("embedder") == embedder.name:
            self._fill()

    @property
    def store(self) -> VectorStore:
        """The store as it is now, for the one who writes."""
        return self._lease.store

    @contextmanager
    def lent_store(self) -> Iterator[VectorStore]:
        """The store for a search; it stays open until that is over. Raises `Retired` once all is closed."""
        with ExitStack() as until_found:
            while True:
                lease = self._lease
                try:
                    store = until_found.enter_context(lease.lent())
                    break
                except Retired:
                    if lease is self._lease:
                        raise  # else it was replaced just now
            yield store

    def close(self) -> None:
        """Waits for searches."""
        self._lease.retire()

    def settle(self) -> bool:
        """Puts down that all is in order, if it is; whether anything had to be put down."""
        if self._ledger.num_pending or not self._ledger.is_unsettled:
            return False
        self._ledger.mark_settled()
        return True

    def needs_check(self) -> bool:
        """Whether anything speaks for a difference; the first look makes Chroma load its graph."""
        return (
            self._was_broken
            or self._ledger.is_unsettled
            or self._ledger.num_vectors != self._truth.num_passages
            or self.store.count(self._ledger.collections()) != self._truth.num_passages
            or bool(self._unfound(_GLANCE))
        )

    def check(self) -> Differences:
        """Compares every id, looks some vectors up, and puts what is wrong on the pending list."""
        was_broken, self._was_broken = self._was_broken, False
        # Behind a broken index everything is pending, which nobody interrupted.
        num_pending = 0 if was_broken else self._ledger.num_pending
        try:
            indexed = {number: self.store.ids(number) for number in self._ledger.collections()}
        except VectorIndexBroken:
            was_broken, indexed = True, {}
            self.begin_anew()
        missing, superfluous = self._ledger.reconcile(indexed)
        unfound = [] if was_broken else self._unfound(_LOOK)
        if len(unfound) > _MOST_UNFOUND * min(_LOOK, self._truth.num_passages):
            was_broken = True
            self.begin_anew()
        else:
            self._ledger.tell_again(unfound)
        return Differences(missing, len(unfound), superfluous, num_pending, was_broken)

    def step(self) -> int:
        """Tells the store some of what is pending; how many entries, 0 if there was nothing."""
        pending = self._ledger.pending(limit=self._pace.size)
        if pending:
            begun = perf_counter()
            self._tell(pending)
            self._pace.took(perf_counter() - begun, size=len(pending))
        return len(pending)

    def begin_anew(self, change: Callable[[], None] = lambda: None) -> None:
        """
        An empty index in place of the old one; everything is pending then. What else has to change
        in the truth with it is done by `change`, in the same transaction.
        """
        self._mark_new_generation(change)
        before, self._lease = self._lease, Lease(self._open())
        before.retire()
        self.tidy()

    def tidy(self) -> None:
        """Deletes what earlier generations left behind."""
        self._place.discard_before(self._truth.generation, self._ledger.collections())

    def _mark_new_generation(self, change: Callable[[], None] = lambda: None) -> None:
        with self._truth.transaction():
            change()
            self._truth.record_fact("generation", str(self._truth.generation + 1))
            self._ledger.embed_all()
            self._ledger.mark_unsettled()

    def _open(self) -> VectorStore:
        return self._place.open(self._truth.generation, self._ledger.collections())

    def _fill(self) -> None:
        """Brings a store that forgets to where it was."""
        for number in self._ledger.collections():
            self.store.upsert(number, *self._ledger.settled_vectors(number))

    def _tell(self, pending: Sequence[Pending]) -> None:
        owed = self._ledger.owed(pending)
        computed = self._embed([each for each in owed if each.vector is None])
        vectors = {each.passage_id: each.vector or computed[each.number] for each in owed}
        for number in sorted({each.collection for each in pending}):
            ids = [each.passage_id for each in owed if each.collection == number]
            if ids:
                self.store.upsert(number, ids, unpack([vectors[id_] for id_ in ids]))
            gone = [
                each.passage_id
                for each in pending
                if each.collection == number and each.passage_id not in vectors
            ]
            if gone:
                self.store.delete(number, gone)
        self._ledger.settle(pending, computed)

    def _embed(self, owed: Sequence[Owed]) -> dict[int, bytes]:
        if not owed:
            return {}
        texts = [embedding_text(each.title, each.heading, each.text) for each in owed]
        vectors = pack(self._embedder.embed(texts))
        return {each.number: vector for each, vector in zip(owed, vectors, strict=True)}

    def _unfound(self, size: int) -> list[str]:
        """Of some passages that the index was told about, those that their own vectors do not find."""
        unfound: list[str] = []
        for number, (ids, rows) in self._ledger.sample(size).items():
            try:
                nearest = self.store.nearest(rows, limit=1, collections=[number])
            except VectorIndexBroken:
                unfound += ids
                continue
            for id_, row in zip(ids, nearest, strict=True):
                # Of texts that stand twice either vector will do.
                if not row or row[0].similarity < _ALIKE:
                    unfound.append(id_)
        return unfound
