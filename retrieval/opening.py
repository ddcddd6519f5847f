"""Opens a knowledge base for the one who writes or for one who only reads, and makes good what a crash left undone."""

import logging
import uuid
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.edition import read_edition
from retrieval.embed import Embedder, open_embedder
from retrieval.errors import EmbedderMismatch, KnowledgeBaseMissing, NotShared, SchemaMismatch
from retrieval.indexer import Indexer
from retrieval.knowledge_base import KnowledgeBase
from retrieval.lock import DirectoryLock, Visit
from retrieval.places import DEFAULT_STORE, is_shared, open_place, open_shared_place
from retrieval.truth import Truth
from retrieval.view import SharedStore, View
from retrieval.writer import Writer

if TYPE_CHECKING:
    from retrieval.rerank import Reranker

TRUTH_FILE = "truth.sqlite3"

log = logging.getLogger(__name__)


def open_knowledge_base(
    path: Path,
    *,
    embedder: Embedder | None = None,
    store: str = DEFAULT_STORE,
    reranker: "Reranker | None" = None,
    catch_up: bool = True,
    to_mend: bool = False,
) -> KnowledgeBase:
    """
    The knowledge base in the directory `path`, which is created if missing; this process alone may
    write to it. `store` says where vectors live: "chroma" in this process, "exact" in its memory,
    or the URL of a Chroma server. Whatever a crash or a lost index left undone is made good before
    it returns; without `catch_up` only the next addition or check embeds what is missing. Opened
    `to_mend`, for a check or a rebuild, it takes any embedder and leaves documents and vectors as
    they are, unless the vectors do not answer or belong to another truth: an empty index takes
    their place. Raises a `KnowledgeBaseError` that says what is in the way.
    """
    embedder = embedder or open_embedder()
    with ExitStack() as undo:
        lock = DirectoryLock(path)
        undo.callback(lock.release)
        truth = Truth(path / TRUTH_FILE)
        undo.callback(truth.close)
        if not to_mend:
            _check_embedder(truth, embedder, path)
        is_strange = _is_strange(truth, path, store=store)
        name = _name(truth)
        place = open_place(store, lock, name=name, dimension=embedder.dimension)
        indexer = Indexer(truth, place=place, embedder=embedder)
        undo.callback(indexer.close)
        if is_strange:
            indexer.begin_anew()
        indexer.tidy()
        writer = Writer(truth, indexer, path, name=name, store=store)
        view = View(
            path / TRUTH_FILE,
            lend_store=lambda _: indexer.lent_store(),
            close_store=indexer.close,
        )
        knowledge_base = KnowledgeBase(
            lock, view=view, embedder=embedder, writer=writer, reranker=reranker
        )
        if not to_mend:
            _repair(indexer, path, catch_up=catch_up)
            writer.settle()
        undo.pop_all()
    return knowledge_base


def visit_knowledge_base(
    path: Path,
    *,
    store: str,
    embedder: Embedder | None = None,
    reranker: "Reranker | None" = None,
) -> KnowledgeBase:
    """
    The same for reading only, by any number of processes beside the one that writes: `store` must
    be the URL of a Chroma server. Raises a `KnowledgeBaseError`.
    """
    embedder = embedder or open_embedder()
    if not is_shared(store):
        raise NotShared(store)
    file = path / TRUTH_FILE
    if not file.is_file():
        raise KnowledgeBaseMissing(path)
    try:
        truth = Truth(file, read_only=True)
    except SchemaMismatch as error:
        if error.found:
            raise
        raise KnowledgeBaseMissing(path) from None  # it is being made just now
    try:
        name = truth.fact("name")
        if name is None or truth.fact("embedder") is None:
            raise KnowledgeBaseMissing(path)
        check = partial(_check_embedder, embedder=embedder, path=path)
        place = open_shared_place(store, name=name, dimension=embedder.dimension)
        shared = SharedStore(place, check=check)
        with shared.lent(truth):
            pass  # so that what is wrong is said now
    finally:
        truth.close()
    view = View(file, lend_store=shared.lent, close_store=shared.close)
    return KnowledgeBase(Visit(path), view=view, embedder=embedder, reranker=reranker)


def _repair(indexer: Indexer, path: Path, *, catch_up: bool) -> None:
    if indexer.needs_check() and (found := indexer.check()):
        repair = {"action": "vectors_repaired", "kb": str(path), "vectors": found.num_vectors}
        message = "%d vectors of %s differ from the documents; repairing them"
        log.warning(message, found.num_vectors, path, extra=repair)
    while catch_up and indexer.step():
        pass


def _is_strange(truth: Truth, path: Path, *, store: str) -> bool:
    """
    Whether the vectors, if there are any, belong to another truth than this: it was restored, or
    copied here, or the vectors were kept elsewhere meanwhile. A copy gets a name of its own, or
    mending it would replace the vectors of the original on the same server.
    """
    token, edition = truth.fact("edition"), read_edition(path)
    if token is None:
        return False  # it has not been in order yet; what is unsettled is checked anyway
    if edition is None or edition.name != truth.fact("name"):
        truth.record_fact("name", _new_name())
        return True
    return (edition.token, edition.store) != (token, store)


def _name(truth: Truth) -> str:
    """What tells this knowledge base from others, wherever it lies."""
    name = truth.fact("name")
    if name is None:
        name = _new_name()
        truth.record_fact("name", name)
    return name


def _new_name() -> str:
    return uuid.uuid4().hex[:12]


def _check_embedder(truth: Truth, embedder: Embedder, path: Path) -> None:
    """Vectors of different models never meet in one index."""
    recorded = truth.fact("embedder")
    if recorded is None:
        truth.record_embedder(embedder.name, given_as=embedder.given_as)
    elif recorded != embedder.name:
        given_as = truth.fact("embedder given as") or recorded
        raise EmbedderMismatch(path, recorded=given_as, given=embedder.given_as)
