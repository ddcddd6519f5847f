"""Looks for everything that may be wrong with a knowledge base, and repairs all but the truth itself."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from retrieval.embed import Embedder
from retrieval.indexer import Differences, Indexer
from retrieval.ingest import prepare, recipe
from retrieval.truth import Truth
from retrieval.types import Progress


@dataclass(frozen=True, slots=True)
class Report:
    """What was found; everything but `flaws` has been repaired."""

    num_documents: int
    num_passages: int
    vectors: Differences
    were_words_wrong: bool  # the word index was not what the passages say
    num_remade: int  # documents whose passages had been made in another way
    flaws: tuple[str, ...]  # of the database file itself, as SQLite words them

    @property
    def num_repaired(self) -> int:
        return self.vectors.num_vectors + self.num_remade + self.were_words_wrong

    @property
    def is_sound(self) -> bool:
        """Nothing was wrong, or it is right again."""
        return not self.flaws


class Upkeep:
    def __init__(
        self,
        writing: Callable[[], AbstractContextManager[tuple[Truth, Indexer]]],
        *,
        embedder: Embedder,
        settle: Callable[[], None],
    ) -> None:
        """`writing` lends the truth and the indexer to one thread at a time."""
        self._writing = writing
        self._embedder = embedder
        self._settle = settle

    def check(self) -> Iterator[Progress | Report]:
        """Checks everything and repairs it; ends with the report."""
        with self._writing() as (truth, indexer):
            flaws = tuple(truth.flaws())
            were_words_wrong = not truth.has_sound_words()
            if were_words_wrong:
                truth.rebuild_words()
            differences = indexer.check()
        num_remade = self._remake()
        yield from self._catch_up()
        yield self._report(differences, were_words_wrong, num_remade, flaws)

    def rebuild(self) -> Iterator[Progress | Report]:
        """Makes passages, words and vectors anew from the documents, for the embedder at hand."""
        with self._writing() as (truth, indexer):
            flaws = tuple(truth.flaws())
            truth.rebuild_words()

            def take_over() -> None:
                if truth.fact("embedder") != self._embedder.name:
                    truth.ledger.drop_all_vectors()
                truth.record_embedder(self._embedder.name, given_as=self._embedder.given_as)

            indexer.begin_anew(take_over)
        num_remade = self._remake()
        yield from self._catch_up()
        yield self._report(Differences(), False, num_remade, flaws)

    def _remake(self) -> int:
        """Makes the passages of documents anew that were made by another recipe."""
        with self._writing() as (truth, _):
            stale = truth.with_other_recipe(recipe(self._embedder))
        for known in stale:
            with self._writing() as (truth, _):
                new = prepare(
                    truth.document(known.id),
                    id=known.id,
                    origin=known.origin,
                    collection=known.collection,
                    digest=known.digest,
                    embedder=self._embedder,
                )
                truth.save([new])
        return len(stale)

    def _catch_up(self) -> Iterator[Progress]:
        with self._writing() as (truth, _):
            num_documents, num_passages = truth.num_documents, truth.ledger.num_pending
        num_indexed = 0
        while num_told := self._step():
            num_indexed += num_told
            yield Progress(num_documents, num_documents, num_passages, num_indexed)
        self._settle()

    def _step(self) -> int:
        # Nothing is held while the caller looks at how far we are.
        with self._writing() as (_, indexer):
            return indexer.step()

    def _report(
        self,
        differences: Differences,
        were_words_wrong: bool,
        num_remade: int,
        flaws: tuple[str, ...],
    ) -> Report:
        with self._writing() as (truth, _):
            return Report(
                truth.num_documents,
                truth.num_passages,
                differences,
                were_words_wrong,
                num_remade,
                flaws,
            )
