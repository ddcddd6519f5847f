"""The only place that wires the parts together: settings in, a pipeline or a summarizer out."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from pipeline.answer_form import declared_form
from pipeline.ask import Pipeline
from pipeline.briefing import Briefer
from pipeline.context import Ranker
from pipeline.judge import Judge
from pipeline.judges import open_gate
from pipeline.local_window_reader import LocalWindowReader
from pipeline.local_writer import LocalWriter
from pipeline.proxy import LocalProxy, Proxy
from pipeline.remote.address import is_remote
from pipeline.remote.opening import open_main_model, open_remote_proxy
from pipeline.remote.proxy import RemoteProxy
from pipeline.remote.window_reader import RemoteWindowReader
from pipeline.remote.writer import RemoteWriter
from pipeline.rewriters import open_rewriter
from pipeline.settings import Settings
from pipeline.summarize import Summarizer
from pipeline.support import Support, load_support
from pipeline.tokenizer import load_tokenizer
from pipeline.window_reader import WindowReader
from pipeline.writer import Writer
from retrieval import (
    Embedder,
    KnowledgeBase,
    Reader,
    cosines,
    open_embedder,
    open_knowledge_base,
    open_reranker,
    rank_texts,
    visit_knowledge_base,
)
from retrieval.places import is_shared


def build_pipeline(settings: Settings, *, may_add: bool = False) -> Pipeline:
    """Opens the knowledge base and loads both models. Beside a Chroma server any number of pipelines may read a
    knowledge base; only one process may add to it.

    Raises the errors of `retrieval` and `decoding`: a locked or broken knowledge base, a missing model; and those of
    `open_gate`, `open_rewriter` and `load_support`.
    """
    embedder = open_embedder(settings.embedder)
    knowledge_base = open_library(settings, embedder=embedder, may_add=may_add)
    try:
        return pipeline_over(knowledge_base, settings, embedder=embedder)
    except BaseException:
        knowledge_base.close()
        raise


def pipeline_over(
    knowledge_base: KnowledgeBase, settings: Settings, *, embedder: Embedder
) -> Pipeline:
    """The pipeline of the settings, over a knowledge base that is open already. Raises as `build_pipeline` does."""
    writer = build_writer(settings)
    return Pipeline(
        knowledge_base=knowledge_base,
        proxy=build_proxy(settings),
        judge=build_judge(settings),
        rewriter=open_rewriter(settings),
        writer=writer,
        briefer=build_briefer(settings, embedder=embedder, count=writer.count),
        settings=settings,
    )


def open_library(
    settings: Settings,
    *,
    embedder: Embedder | None = None,
    may_add: bool = False,
    catch_up: bool = True,
    to_mend: bool = False,
) -> KnowledgeBase:
    """The knowledge base of the settings; where others may write beside us, it is for reading unless we `may_add`.

    Raises the errors of `open_knowledge_base` and `visit_knowledge_base`.
    """
    embedder = embedder or open_embedder(settings.embedder)
    reranker = open_reranker(settings.reranker) if settings.reranker else None
    if not may_add and is_shared(settings.store):
        return visit_knowledge_base(
            settings.kb, store=settings.store, embedder=embedder, reranker=reranker
        )

    return open_knowledge_base(
        settings.kb,
        embedder=embedder,
        store=settings.store,
        reranker=reranker,
        catch_up=catch_up,
        to_mend=to_mend,
    )


def build_summarizer(settings: Settings) -> Summarizer:
    """Opens the main model; needs no knowledge base. Raises the errors of `declared_form`."""
    rank = ranker(RememberingEmbedder(open_embedder(settings.embedder)))
    writer, reader = build_window_reader(settings)
    if is_remote(settings.model):  # every window costs an answer to each query
        window = min(settings.remote_window_tokens, writer.context // 2)
        settings = settings.model_copy(update={"window_tokens": window})

    return Summarizer(writer=writer, reader=reader, rank=rank, settings=settings)


def build_window_reader(settings: Settings) -> tuple[Writer, WindowReader]:
    """The main model as a writer, and as a reader of windows."""
    if is_remote(settings.model):
        model = open_main_model(settings)
        return RemoteWriter(model), RemoteWindowReader(
            model, summary_tokens=settings.summary_tokens, layout=settings.layout
        )
    writer = build_local_writer(settings)
    return writer, LocalWindowReader(writer, settings, must_quote=must_quote(settings))


def build_writer(settings: Settings) -> Writer:
    if is_remote(settings.model):
        return RemoteWriter(open_main_model(settings))

    return build_local_writer(settings)


def build_local_writer(settings: Settings) -> LocalWriter:
    from decoding import Engine, TreeDrafter, load_model, set_threads
    from pipeline.draft_memory import DraftMemory

    set_threads(settings.threads)
    model = load_model(settings.model, dtype=settings.dtype)
    memory = None
    drafter = TreeDrafter(model.vocabulary, only_chains=settings.deterministic)
    if settings.remember:
        memory = DraftMemory(settings.drafts_dir, model, only_chains=settings.deterministic)
        drafter = memory.drafter
    engine = Engine(model, drafter=drafter, cache_bytes=settings.cache_mb << 20)
    return LocalWriter(engine, load_tokenizer(settings.model), memory=memory)


def build_proxy(settings: Settings) -> Proxy:
    if is_remote(settings.proxy):
        return RemoteProxy(
            open_remote_proxy(settings),
            guess_tokens=settings.guess_tokens,
            wants_sub_questions=settings.sub_questions,
        )

    from decoding import Engine, load_model

    return LocalProxy(
        Engine(load_model(settings.proxy, dtype=settings.dtype)),
        load_tokenizer(settings.proxy),
        guess_tokens=settings.guess_tokens,
        wants_sub_questions=settings.sub_questions,
    )


def build_judge(settings: Settings) -> Judge:
    """Rules first, then the gate that the settings name. Raises the errors of `open_gate`."""
    return Judge(open_gate(settings))


def build_briefer(
    settings: Settings, *, embedder: Embedder, count: Callable[[str], int]
) -> Briefer:
    """Raises the errors of `load_support` and `declared_form`; `count` tells the main model's tokens of a text."""
    sentences = RememberingEmbedder(embedder)  # the gate asks for vectors of sentences just ranked
    reader = build_reader(settings, embedder=embedder.name)
    return Briefer(
        rank=ranker(sentences),
        reader=reader,
        support=build_support(settings, embedder=sentences) if reader else None,
        count=count,
        num_lines=settings.num_focus,
        must_quote=must_quote(settings),
    )


def must_quote(settings: Settings) -> bool:
    """Raises the errors of `declared_form`."""
    return (settings.answer_form or declared_form(settings.model)) == "quote"


def build_reader(settings: Settings, *, embedder: str) -> Reader | None:
    """None where the setting is empty, or where another embedder was chosen than the reader is made of."""
    if not settings.reader or embedder != Reader.embedder:
        return None

    return Reader(Path(settings.reader))


def build_support(settings: Settings, *, embedder: Embedder) -> Support | None:
    """The gate beside the main model's weights; None without one, or where the setting switches it off.

    Raises the errors of `load_support`.
    """
    least = settings.support_threshold
    if least == 0:
        return None
    gate = load_support(Path(settings.model), embedder=embedder.name, reader=Path(settings.reader))
    if gate is None:
        return None

    return Support(gate if least is None else replace(gate, threshold=least), similarity(embedder))


def ranker(embedder: Embedder) -> Ranker:
    """Sentences by fused dense and lexical score."""
    return lambda query, texts: rank_texts(query, texts, embedder=embedder)


def similarity(embedder: Embedder) -> Ranker:
    """The cosine of each text with the query."""
    return lambda query, texts: cosines(query, texts, embedder=embedder)


class RememberingEmbedder:
    """Keeps the vectors of the texts that were embedded last, for other queries over the same; thread-safe."""

    def __init__(self, embedder: Embedder, *, most: int = 32_768) -> None:
        self.name = embedder.name
        self.given_as = embedder.given_as
        self.dimension = embedder.dimension
        self.max_tokens = embedder.max_tokens
        self.count_tokens = embedder.count_tokens
        self._embedder = embedder
        self._most = most
        self._turn = Lock()
        self._passages: dict[str, NDArray[np.float32]] = {}
        self._queries: dict[str, NDArray[np.float32]] = {}

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with self._turn:
            return self._remembered(texts, self._passages, self._embedder.embed)

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with self._turn:
            return self._remembered(texts, self._queries, self._embedder.embed_queries)

    def _remembered(
        self,
        texts: Sequence[str],
        memory: dict[str, NDArray[np.float32]],
        embed: Callable[[Sequence[str]], NDArray[np.float32]],
    ) -> NDArray[np.float32]:
        unknown = [text for text in dict.fromkeys(texts) if text not in memory]
        found = dict(zip(unknown, embed(unknown), strict=True))
        vectors = {text: memory[text] for text in texts if text in memory} | found
        memory.update(found)
        while len(memory) > self._most:
            del memory[next(iter(memory))]

        rows = np.empty((len(texts), self.dimension), np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[:] = vectors[text]
        return rows
