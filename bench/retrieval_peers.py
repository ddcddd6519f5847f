"""Another library's word search beside ours: BM25S, with and without a stemmer."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

from bench.retrieval_runs import DEPTH, NUM_TIMED, Run, Taken, seconds
from bench.retrieval_sets import SearchSet

PEERS = {
    "bm25s, lucene": ("lucene", True),
    "bm25s, robertson": ("robertson", True),
    "bm25s, lucene, no stemmer": ("lucene", False),
}


class Bm25s:
    """An index in memory over title and text, with the library's own settings and stop words."""

    def __init__(self, search_set: SearchSet, *, method: str, has_stemmer: bool) -> None:
        import bm25s
        import Stemmer

        self._stemmer = Stemmer.Stemmer("english") if has_stemmer else None
        self._tokenize: Any = bm25s.tokenize
        self._ids = [entry.id for entry in search_set.entries]
        texts = [f"{entry.title}\n{entry.text}" for entry in search_set.entries]
        started = perf_counter()
        self._index: Any = bm25s.BM25(method=method)
        self._index.index(self._tokens(texts), show_progress=False)
        self.insert_s = perf_counter() - started

    def search(self, text: str) -> Sequence[str]:
        count = min(DEPTH, len(self._ids))
        found, _ = self._index.retrieve(self._tokens([text]), k=count, show_progress=False)
        return [self._ids[at] for at in found[0]]

    def _tokens(self, texts: Sequence[str]) -> Any:
        return self._tokenize(
            list(texts), stopwords="en", stemmer=self._stemmer, show_progress=False
        )


def peer_run(search_set: SearchSet, name: str) -> tuple[Run, list[Taken], float]:
    """What a peer finds, the seconds of single queries, and those of indexing all passages."""
    method, has_stemmer = PEERS[name]
    peer = Bm25s(search_set, method=method, has_stemmer=has_stemmer)
    run = {id_: peer.search(text) for id_, text in search_set.queries.items()}
    return run, seconds(peer.search, list(search_set.queries.values())[:NUM_TIMED]), peer.insert_s
