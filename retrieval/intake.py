"""Taking files and documents in: what has changed since last time is stored, in groups, and indexed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Protocol

from retrieval.embed import Embedder
from retrieval.errors import DocumentError
from retrieval.files import printable, read_regular
from retrieval.indexer import Indexer
from retrieval.ingest import (
    check_metadata,
    check_text,
    digest_of_document,
    digest_of_file,
    document_id,
    is_gone,
    origin_of,
    prepare,
    recipe,
)
from retrieval.pace import Pace
from retrieval.truth import KnownDocument, NewDocument, Truth
from retrieval.types import AddOutcome, AddStatus, Document, Progress, Scalar
from retrieval.walk import Found


class FileReader(Protocol):
    """Bytes to a document; raises `DocumentError`."""

    def read_bytes(self, content: bytes, *, name: str) -> Document: ...


@dataclass(frozen=True, slots=True)
class Item:
    """Something to be added: how it is told apart, what it says now, and how to read it."""

    name: str
    origin: str
    digest: str
    read: Callable[[], Document]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to become of one item; `new` is None if there is nothing to store."""

    outcome: AddOutcome
    new: NewDocument | None = None

    @property
    def size(self) -> int:
        return max(1, len(self.new.passages)) if self.new else 1


class Intake:
    """One addition to a collection, from what was found to what can be searched."""

    def __init__(
        self,
        collection: str,
        *,
        writing: Callable[[], AbstractContextManager[tuple[Truth, Indexer]]],
        embedder: Embedder,
        num_files: int = 0,  # if it is known
    ) -> None:
        """`writing` lends the truth and the indexer to one thread at a time."""
        self._collection = collection
        self._writing = writing
        self._embedder = embedder
        self._recipe = recipe(embedder)
        self._progress = Progress(num_files, 0, 0, 0)
        self._pace = Pace(256, least=64, most=1024)  # passages or files that are stored together

    def run(self, items: Iterable[Item | AddOutcome]) -> Iterator[AddOutcome | Progress]:
        """
        One outcome per item, in order, once it is safely stored and can be found; in between, how
        far it has come. What could not even be looked at comes as its outcome.
        """
        while num_told := self._step():  # what an interrupted process left behind
            yield self._advance(num_passages=num_told, num_indexed=num_told)
        group: list[_Plan] = []
        origins: set[str] = set()  # of the group
        for item in items:
            plan = self._plan(item)
            origin = item.origin if isinstance(item, Item) else ""
            taken = {other.new.id for other in group if other.new}
            if origin in origins or (plan.new and plan.new.id in taken):
                # Planned before its predecessor was stored: what it changes shows only after that.
                yield from self._carry_out(group)
                group, origins, plan = [], set(), self._plan(item)
            group.append(plan)
            if origin:
                origins.add(origin)
            yield self._advance(num_read=1, num_passages=len(plan.new.passages) if plan.new else 0)
            if sum(plan.size for plan in group) >= self._pace.size:
                yield from self._carry_out(group)
                group, origins = [], set()
        yield from self._carry_out(group)

    def _plan(self, item: Item | AddOutcome) -> _Plan:
        if isinstance(item, AddOutcome):
            return _Plan(item)
        with self._writing() as (truth, _):
            known = truth.find(origin=item.origin, collection=self._collection)
            moved = None if known else self._moved(truth, item)
        if known and (known.digest, known.recipe) == (item.digest, self._recipe):
            return _Plan(AddOutcome(item.name, "unchanged", "", known.num_passages))
        try:
            document = item.read()
        except DocumentError as error:
            return _Plan(AddOutcome(item.name, "skipped", str(error), 0))
        before = known or moved
        new = prepare(
            document,
            id=before.id if before else self._new_id(item),
            origin=item.origin,
            collection=self._collection,
            digest=item.digest,
            embedder=self._embedder,
        )
        status: AddStatus = "updated" if known else "renamed" if moved else "added"
        reason = f"was {moved.source}" if moved else ""
        return _Plan(AddOutcome(item.name, status, reason, len(new.passages)), new)

    def _moved(self, truth: Truth, item: Item) -> KnownDocument | None:
        """The document of a file with the same content that is not there any more."""
        for twin in truth.twins(digest=item.digest, collection=self._collection):
            if is_gone(twin.origin):
                return twin
        return None

    def _new_id(self, item: Item) -> str:
        """Stable: the same place in the same collection gets the same id, unless a renamed one has it."""
        with self._writing() as (truth, _):
            attempt = 0
            while truth.has(
                candidate := document_id(
                    origin=item.origin, collection=self._collection, attempt=attempt
                )
            ):
                attempt += 1
            return candidate

    def _carry_out(self, group: list[_Plan]) -> Iterator[AddOutcome | Progress]:
        new = [plan.new for plan in group if plan.new]
        if new:
            begun = perf_counter()
            with self._writing() as (truth, _):
                truth.save(new)
            while num_told := self._step():
                yield self._advance(num_indexed=num_told)
            self._pace.took(perf_counter() - begun, size=sum(plan.size for plan in group))
        yield from (plan.outcome for plan in group)

    def _step(self) -> int:
        # Nothing is held while the caller looks at how far we are.
        with self._writing() as (_, indexer):
            return indexer.step()

    def _advance(
        self, *, num_read: int = 0, num_passages: int = 0, num_indexed: int = 0
    ) -> Progress:
        before = self._progress
        made = before.num_passages + num_passages
        self._progress = Progress(
            max(before.num_files, before.num_read + num_read),
            before.num_read + num_read,
            made,
            min(made, before.num_indexed + num_indexed),
        )
        return self._progress


def file_items(
    found: Iterable[Found], *, reader: FileReader, metadata: Mapping[str, Scalar]
) -> Iterator[Item | AddOutcome]:
    """Files as items; each is opened once, and read only if its content has changed."""
    for each in found:
        name = printable(each.path)
        if each.problem:
            yield AddOutcome(name, "skipped", each.problem, 0)
            continue
        try:
            content = read_regular(each.path)
        except DocumentError as error:
            yield AddOutcome(name, "skipped", str(error), 0)
            continue
        yield _item_of(
            content, name=name, origin=origin_of(each.path), reader=reader, metadata=metadata
        )


def content_item(
    content: bytes, *, name: str, reader: FileReader, metadata: Mapping[str, Scalar]
) -> Item:
    """What came through a pipe, under a name of its own."""
    return _item_of(content, name=name, origin=name, reader=reader, metadata=metadata)


def document_items(documents: Iterable[Document]) -> Iterator[Item | AddOutcome]:
    for document in documents:
        try:
            check_text(document)
        except DocumentError as error:
            yield AddOutcome(document.source, "skipped", str(error), 0)
            continue
        digest = digest_of_document(document)
        yield Item(document.source, document.source, digest, lambda document=document: document)  # type: ignore[misc]


def _item_of(
    content: bytes, *, name: str, origin: str, reader: FileReader, metadata: Mapping[str, Scalar]
) -> Item:
    def read() -> Document:
        document = reader.read_bytes(content, name=name)
        document = replace(document, metadata={**document.metadata, **metadata})
        check_metadata(document.metadata)
        return document

    return Item(name, origin, digest_of_file(content, metadata), read)
