"""The one door to everything that has been added: add files, search passages, read documents."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from retrieval import retriever
from retrieval.embed import Embedder
from retrieval.errors import (
    DocumentMissing,
    KnowledgeBaseClosed,
    ReadOnly,
    VectorIndexBroken,
    VectorServerUnreachable,
)
from retrieval.filters import Where, document_filter
from retrieval.indexer import Indexer
from retrieval.ingest import check_collection, check_metadata, is_gone, origin_of
from retrieval.intake import Intake, Item, content_item, document_items, file_items
from retrieval.lease import Retired
from retrieval.lexical import Probe
from retrieval.lock import Hold
from retrieval.reading import ReadingProcess
from retrieval.retriever import Reranking, Selection
from retrieval.store import VectorStore
from retrieval.truth import Truth
from retrieval.types import AddOutcome, Document, DocumentInfo, Hit, Progress, Scalar
from retrieval.upkeep import Report, Upkeep
from retrieval.view import View
from retrieval.walk import covers, walk
from retrieval.writer import Writer

if TYPE_CHECKING:
    from retrieval.rerank import Reranker

DEFAULT_COLLECTION = "default"


class KnowledgeBase:
    """
    Documents, their passages and both indexes. Documents are committed before their vectors are
    computed, and what is still owed to the vector index is part of the same commit: after a crash
    the next opening catches up. Use it from any thread; searches do not wait for additions.
    """

    def __init__(
        self,
        hold: Hold,
        *,
        view: View,
        embedder: Embedder,
        writer: Writer | None = None,
        reranker: "Reranker | None" = None,
    ) -> None:
        """Takes over hold, view and writer, and closes them with itself; without a writer it can only be read."""
        self._hold = hold
        self._view = view
        self._embedder = embedder
        self._writer = writer
        self._reranking = Reranking(reranker) if reranker else None
        self._files = ReadingProcess()
        self._closing = threading.Lock()
        self._is_closed = False

    @property
    def path(self) -> Path:
        return self._hold.path

    @property
    def embedder(self) -> Embedder:
        return self._embedder

    @property
    def num_documents(self) -> int:
        with self._reading() as truth:
            return truth.num_documents

    @property
    def num_passages(self) -> int:
        with self._reading() as truth:
            return truth.num_passages

    @property
    def collections(self) -> list[str]:
        """The names of the collections that hold documents, sorted."""
        with self._reading() as truth:
            return list(truth.collections())

    def add(
        self,
        paths: Iterable[Path],
        *,
        collection: str = DEFAULT_COLLECTION,
        metadata: Mapping[str, Scalar] | None = None,
    ) -> Iterator[AddOutcome]:
        """
        One outcome per file, once it is safely stored and can be found; directories are walked. A
        file that cannot be read is skipped with its reason and keeps the version it had.
        `metadata` is kept with every one of them.
        """
        return _outcomes(self.ingest(paths, collection=collection, metadata=metadata))

    def ingest(
        self,
        paths: Iterable[Path],
        *,
        collection: str = DEFAULT_COLLECTION,
        metadata: Mapping[str, Scalar] | None = None,
    ) -> Iterator[AddOutcome | Progress]:
        """As `add`, with news of how far it has come in between."""
        check_metadata(metadata or {})
        found = list(walk(paths, exclude=self.path))
        items = file_items(found, reader=self._files, metadata=metadata or {})
        return self._take_in(items, collection=collection, num_files=len(found))

    def add_content(
        self,
        content: bytes,
        *,
        name: str,
        collection: str = DEFAULT_COLLECTION,
        metadata: Mapping[str, Scalar] | None = None,
    ) -> Iterator[AddOutcome]:
        """As `add`, for one document that came through a pipe; one of the same name is replaced."""
        check_metadata(metadata or {})
        item = content_item(content, name=name, reader=self._files, metadata=metadata or {})
        return _outcomes(self._take_in([item], collection=collection, num_files=1))

    def add_documents(
        self, documents: Iterable[Document], *, collection: str = DEFAULT_COLLECTION
    ) -> Iterator[AddOutcome]:
        """As `add`, for documents that are no files; one of the same source is replaced."""
        items = document_items(documents)
        return _outcomes(self._take_in(items, collection=collection, num_files=0))

    def prune(
        self, paths: Iterable[Path], *, collection: str = DEFAULT_COLLECTION
    ) -> list[AddOutcome]:
        """Removes the documents of files at or below `paths` that are not there any more."""
        named = list(paths)
        with self._writing() as (truth, _):
            gone = [
                known
                for known in truth.all_known(collection=collection)
                if is_gone(known.origin) and any(covers(path, known.origin) for path in named)
            ]
        self.remove(*(known.id for known in gone))
        return [AddOutcome(known.source, "removed", "", known.num_passages) for known in gone]

    def remove(self, *document_ids: str) -> None:
        """Removes documents and their passages, all or none; raises `DocumentMissing`."""
        with self._writing() as (truth, indexer):
            truth.remove(document_ids)
            while indexer.step():
                pass

    def set_metadata(self, document_id: str, metadata: Mapping[str, Scalar]) -> None:
        """Replaces what is known about a document; raises `DocumentMissing` or `InvalidMetadata`."""
        check_metadata(metadata)
        with self._writing() as (truth, _):
            truth.set_metadata(document_id, metadata)

    def search(
        self,
        queries: Sequence[str],
        *,
        limit: int,
        collection: str | None = None,
        where: Where | None = None,
        selection: Selection | None = None,
        probe: Probe | None = None,
    ) -> list[Hit]:
        """
        The best `limit` passages, best first, for all queries together: 100 dense and 100 lexical
        candidates each, fused by score, the first query counting most; what repeats a better one is
        left out. Without a collection all are searched; `where` limits the search to some documents,
        see `retrieval.filters.document_filter`; `selection` says what else is wanted of the hits.
        A `probe` over the same documents saves looking up the words of its query again.
        """
        search = partial(
            retriever.search,
            queries,
            limit=limit,
            collection=collection,
            chosen=document_filter(where),
            embedder=self._embedder,
            selection=selection,
            reranking=self._reranking,
            probe=probe,
        )
        with self._reading() as truth:
            generation = truth.generation
            try:
                with self._lent_store(truth) as store:
                    return search(truth=truth, store=store)
            except (VectorIndexBroken, VectorServerUnreachable):
                if truth.generation == generation:
                    raise
            with self._lent_store(truth) as store:  # the writer has begun another index meanwhile
                return search(truth=truth, store=store)

    def probe(
        self, query: str, *, collection: str | None = None, where: Where | None = None
    ) -> Probe:
        """What the words of a query find by themselves, in a few milliseconds; `search` can go on from it."""
        with self._reading() as truth:
            return retriever.look_up(
                query, collection=collection, truth=truth, chosen=document_filter(where)
            )

    def documents(
        self, *, collection: str | None = None, where: Where | None = None
    ) -> list[DocumentInfo]:
        """What has been added, by collection and source."""
        with self._reading() as truth:
            return list(truth.documents(document_filter(where), collection=collection))

    def matching(self, names: Sequence[str]) -> list[DocumentInfo]:
        """The documents of these ids, sources or paths; raises `DocumentMissing` for a name without one."""
        with self._reading() as truth:
            found: dict[str, DocumentInfo] = {}
            for name in names:
                known = truth.named(name, origin=origin_of(Path(name)))
                if not known:
                    raise DocumentMissing(name)
                found |= {each.id: each for each in known}
            return list(found.values())

    def document(self, document_id: str) -> Document:
        """The document as it was read; raises `DocumentMissing`."""
        with self._reading() as truth:
            return truth.document(document_id)

    def document_text(self, document_id: str) -> str:
        """The text that the offsets of its passages point into; raises `DocumentMissing`."""
        return self.document(document_id).text

    def check(self) -> Report:
        """Compares documents, words and vectors, and repairs whatever differs."""
        return _report(self.checking())

    def checking(self) -> Iterator[Progress | Report]:
        """As `check`, step by step; ends with the report."""
        return self._upkeep().check()

    def rebuild(self) -> Report:
        """Makes passages, words and vectors anew from the documents."""
        return _report(self.rebuilding())

    def rebuilding(self) -> Iterator[Progress | Report]:
        """As `rebuild`, step by step; ends with the report."""
        return self._upkeep().rebuild()

    def close(self) -> None:
        """Closes everything and lets other processes in; a second call does nothing."""
        with self._closing:
            if self._is_closed:
                return
            self._hold.check_process()
            self._is_closed = True
        with ExitStack() as undo:  # whatever fails, the lock must go
            undo.callback(self._hold.release)
            if self._writer:
                undo.callback(self._writer.close)
            undo.callback(self._view.close)
            undo.callback(self._files.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _upkeep(self) -> Upkeep:
        return Upkeep(self._writing, embedder=self._embedder, settle=self._settle)

    def _settle(self) -> None:
        if self._writer:
            self._writer.settle()

    @property
    def num_pending(self) -> int:
        """Changes that the vector index has yet to be told: what an interrupted addition left."""
        with self._reading() as truth:
            return truth.ledger.num_pending

    def _take_in(
        self, items: Iterable[Item | AddOutcome], *, collection: str, num_files: int
    ) -> Iterator[AddOutcome | Progress]:
        check_collection(collection)
        intake = Intake(
            collection, writing=self._writing, embedder=self._embedder, num_files=num_files
        )
        return intake.run(items)

    @contextmanager
    def _reading(self) -> Iterator[Truth]:
        self._check_open()
        with self._view.truth() as truth:
            yield truth

    @contextmanager
    def _lent_store(self, truth: Truth) -> Iterator[VectorStore]:
        try:
            with self._view.lend_store(truth) as store:
                yield store
        except Retired:
            raise KnowledgeBaseClosed(self.path) from None

    @contextmanager
    def _writing(self) -> Iterator[tuple[Truth, Indexer]]:
        """What writes, for one thread at a time, if this process may write."""
        self._check_open()
        if self._writer is None:
            raise ReadOnly(self.path)
        with self._writer.turn:
            self._check_open()  # it may have been closed while we waited
            yield self._writer.truth, self._writer.indexer

    def _check_open(self) -> None:
        if self._is_closed:
            raise KnowledgeBaseClosed(self.path)
        self._hold.check_process()


def _outcomes(news: Iterable[AddOutcome | Progress]) -> Iterator[AddOutcome]:
    return (each for each in news if isinstance(each, AddOutcome))


def _report(news: Iterable[Progress | Report]) -> Report:
    *_, last = news
    assert isinstance(last, Report), "upkeep ends with its report"
    return last
