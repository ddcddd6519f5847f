"""The one door to everything that has been added: add files, search passages, read documents."""

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from retrieval import retriever
from retrieval.documents import printable, read_document
from retrieval.embed import Embedder, open_embedder
from retrieval.errors import DocumentError, EmbedderMismatch, KnowledgeBaseClosed
from retrieval.ingest import Found, check_text, origin_of, prepare, walk
from retrieval.lock import DirectoryLock
from retrieval.store import VectorStore, open_store
from retrieval.truth import NewDocument, Truth
from retrieval.types import AddOutcome, AddStatus, Document, Hit, Passage

DEFAULT_COLLECTION = "default"
TRUTH_FILE = "truth.sqlite3"

_GROUP_SIZE = 64  # passages or files; so many are stored together
_DRAIN_SIZE = 256  # passages embedded between two commits

_LONGEST_NAME = 160  # characters of title or heading; passages must not be crowded out

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to become of one file; `new` is None if there is nothing to store."""

    outcome: AddOutcome
    new: NewDocument | None = None


class KnowledgeBase:
    """
    Documents, their passages and both indexes. Documents are committed before their vectors are
    computed, and what is still owed to the vector index is part of the same commit: after a crash
    the next opening catches up. Use it from any thread, but from one process.
    """

    def __init__(
        self, lock: DirectoryLock, *, truth: Truth, store: VectorStore, embedder: Embedder
    ) -> None:
        """Takes over lock, truth and store; closes them with itself."""
        self._lock = lock
        self._truth = truth
        self._store = store
        self._embedder = embedder
        self._turn = threading.RLock()
        self._is_closed = False

    @property
    def path(self) -> Path:
        return self._lock.path

    @property
    def embedder(self) -> Embedder:
        return self._embedder

    @property
    def num_documents(self) -> int:
        with self._opened() as truth:
            return truth.num_documents

    @property
    def num_passages(self) -> int:
        with self._opened() as truth:
            return truth.num_passages

    @property
    def collections(self) -> list[str]:
        """The names of the collections that hold documents, sorted."""
        with self._opened() as truth:
            return truth.collections()

    def add(
        self, paths: Iterable[Path], *, collection: str = DEFAULT_COLLECTION
    ) -> Iterator[AddOutcome]:
        """
        One outcome per file, once it is safely stored and can be found; directories are walked. A
        file that cannot be read is skipped with its reason and keeps the version it had.
        """
        found = walk(paths, exclude=self.path)
        return self._in_groups(self._plan_file(each, collection) for each in found)

    def add_documents(
        self, documents: Iterable[Document], *, collection: str = DEFAULT_COLLECTION
    ) -> Iterator[AddOutcome]:
        """As `add`, for documents that are no files; one of the same source is replaced."""
        return self._in_groups(self._plan_text(each, collection) for each in documents)

    def remove(self, document_id: str) -> None:
        """Removes a document and its passages; raises `DocumentMissing` if there is none."""
        with self._opened() as truth:
            truth.remove(document_id)
            self._drain()

    def search(
        self, queries: Sequence[str], *, limit: int, collection: str | None = None
    ) -> list[Hit]:
        """
        The best `limit` passages, best first, for all queries together: 50 dense and 50 lexical
        candidates each, fused by rank. Without a collection all are searched.
        """
        with self._opened() as truth:
            return retriever.search(
                queries,
                limit=limit,
                collection=collection,
                truth=truth,
                store=self._store,
                embedder=self._embedder,
            )

    def document(self, document_id: str) -> Document:
        """The document as it was read; raises `DocumentMissing`."""
        with self._opened() as truth:
            return truth.document(document_id)

    def document_text(self, document_id: str) -> str:
        """The text that the offsets of its passages point into; raises `DocumentMissing`."""
        return self.document(document_id).text

    def check(self) -> int:
        """Makes the vector index agree with the documents; how many vectors it was off."""
        with self._opened() as truth:
            num_repaired = truth.reconcile(self._store.ids())
            self._drain()
            return num_repaired

    def close(self) -> None:
        """Closes everything and lets other processes in; a second call does nothing."""
        with self._turn:
            if self._is_closed:
                return
            self._lock.check_process()
            self._is_closed = True
            self._store.close()
            self._truth.close()
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _plan_file(self, found: Found, collection: str) -> _Plan:
        name = printable(found.path)
        if found.problem:
            return _Plan(AddOutcome(name, "skipped", found.problem, 0))
        try:
            document = read_document(found.path)
        except DocumentError as error:
            return _Plan(AddOutcome(name, "skipped", str(error), 0))
        return self._plan(document, origin=origin_of(found.path), collection=collection)

    def _plan_text(self, document: Document, collection: str) -> _Plan:
        try:
            check_text(document)
        except DocumentError as error:
            return _Plan(AddOutcome(document.source, "skipped", str(error), 0))
        return self._plan(document, origin=document.source, collection=collection)

    def _plan(self, document: Document, *, origin: str, collection: str) -> _Plan:
        new = prepare(
            document,
            origin=origin,
            collection=collection,
            count_tokens=self._embedder.count_tokens,
        )
        with self._opened() as truth:
            known = truth.find(origin=origin, collection=collection)
        if known and known.digest == new.digest:
            return _Plan(AddOutcome(document.source, "unchanged", "", known.num_passages))
        status: AddStatus = "updated" if known else "added"
        return _Plan(AddOutcome(document.source, status, "", len(new.chunks)), new)

    def _in_groups(self, plans: Iterable[_Plan]) -> Iterator[AddOutcome]:
        group: list[_Plan] = []
        for plan in plans:
            if plan.new and plan.new.id in {other.new.id for other in group if other.new}:
                # Planned before its predecessor was stored: what it changes shows only after that.
                yield from self._carry_out(group)
                group, new = [], plan.new
                plan = self._plan(new.document, origin=new.origin, collection=new.collection)
            group.append(plan)
            if _size(group) >= _GROUP_SIZE:
                yield from self._carry_out(group)
                group = []
        yield from self._carry_out(group)

    def _carry_out(self, group: Sequence[_Plan]) -> list[AddOutcome]:
        new = [plan.new for plan in group if plan.new]
        if new:
            with self._opened() as truth:
                truth.save(new)
                self._drain()
        return [plan.outcome for plan in group]

    def _drain(self) -> None:
        """Tells the vector index all that it has yet to be told."""
        while pending := self._truth.pending(limit=_DRAIN_SIZE):
            self._embed([each.passage_id for each in pending if each.action == "embed"])
            self._store.delete([each.passage_id for each in pending if each.action == "forget"])
            self._truth.settle([each.passage_id for each in pending])

    def _embed(self, passage_ids: Sequence[str]) -> None:
        if not passage_ids:
            return
        passages = self._truth.passages(passage_ids)
        collections = self._truth.collections_of(passage_ids)
        vectors = self._embedder.embed([embedding_text(passages[each]) for each in passage_ids])
        self._store.upsert(
            passage_ids, vectors, collections=[collections[each] for each in passage_ids]
        )

    @contextmanager
    def _opened(self) -> Iterator[Truth]:
        """The truth, for one thread at a time, if this process may still use it."""
        with self._turn:
            if self._is_closed:
                raise KnowledgeBaseClosed(self.path)
            self._lock.check_process()
            yield self._truth


def open_knowledge_base(
    path: Path, *, embedder: Embedder | None = None, store: str = "chroma"
) -> KnowledgeBase:
    """
    The knowledge base in the directory `path`, which is created if missing, for this process
    alone. Whatever a crash or a lost index left undone is made good before it returns. Raises a
    `KnowledgeBaseError` that says what is in the way.
    """
    embedder = embedder or open_embedder()
    with ExitStack() as undo:
        lock = DirectoryLock(path)
        undo.callback(lock.release)
        truth = Truth(path / TRUTH_FILE)
        undo.callback(truth.close)
        _check_embedder(truth, embedder, path)
        vectors = open_store(store, lock, dimension=embedder.dimension)
        undo.callback(vectors.close)
        knowledge_base = KnowledgeBase(lock, truth=truth, store=vectors, embedder=embedder)
        num_repaired = knowledge_base.check()
        undo.pop_all()
    if num_repaired:
        repair = {"action": "vectors_repaired", "vectors": num_repaired}
        log.warning("vector index differed from the documents and was repaired", extra=repair)
    return knowledge_base


def embedding_text(passage: Passage) -> str:
    """What is embedded for a passage: what stands above it, and its text."""
    context = dict.fromkeys(name[:_LONGEST_NAME] for name in (passage.title, passage.heading))
    return "\n".join((*filter(None, context), passage.text))


def _size(group: Sequence[_Plan]) -> int:
    return sum(max(1, len(plan.new.chunks)) if plan.new else 1 for plan in group)


def _check_embedder(truth: Truth, embedder: Embedder, path: Path) -> None:
    """Vectors of different models never meet in one index."""
    recorded = truth.fact("embedder")
    if recorded is None:
        truth.record_fact("embedder", embedder.name)
    elif recorded != embedder.name:
        raise EmbedderMismatch(path, recorded=recorded, given=embedder.name)
