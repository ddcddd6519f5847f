"""The door to LangChain: the pipeline as a Runnable that answers with a message, the knowledge base as a retriever."""

from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields
from typing import Any, cast

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import run_in_executor
from pydantic import TypeAdapter, ValidationError

from pipeline.ask import AnswerDone, AnswerEvent, DecisionMade, Pipeline, TextPiece
from pipeline.errors import InvalidChainInput
from pipeline.types import Answer, Decision, Question
from retrieval import Hit, KnowledgeBase, Selection
from retrieval.filters import Where

ChainInput = str | Mapping[str, Any] | Question

_OPTIONS = frozenset(field.name for field in fields(Question)) - {"text"}


class PipelineRunnable(Runnable[ChainInput, AIMessage]):
    """Questions in, messages out, over a pipeline that its owner closes.

    A question is a text, a `Question`, or a mapping of `question` and any of the other fields of `Question`, which may
    also be bound: `runnable.bind(retrieve="always")`. The message's content is the answer's text; `additional_kwargs`
    holds `citations` and the `passages` that were read, `response_metadata` the `decision` and how the answer came
    about, all as plain JSON. What is streamed are chunks whose sum is that message; the first one tells the decision.
    Several threads may ask at once: a batch is written as one.

    Raises `InvalidChainInput`, and whatever the pipeline raises, as it is.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    def invoke(
        self, input: ChainInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AIMessage:
        return self._call_with_config(self._answer, input, config, **kwargs)

    async def ainvoke(
        self, input: ChainInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AIMessage:
        return await self._acall_with_config(self._answer_async, input, config, **kwargs)

    def stream(
        self, input: ChainInput, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> Iterator[AIMessageChunk]:
        chunks = self._transform_stream_with_config(iter([input]), self._stream, config, **kwargs)
        return cast("Iterator[AIMessageChunk]", chunks)

    async def astream(
        self, input: ChainInput, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> AsyncIterator[AIMessageChunk]:
        async def given() -> AsyncIterator[ChainInput]:
            yield input

        chunks = self._atransform_stream_with_config(given(), self._stream_async, config, **kwargs)
        async for chunk in cast("AsyncIterator[AIMessageChunk]", chunks):
            yield chunk

    def _answer(self, given: ChainInput, **options: Any) -> AIMessage:
        return whole_message(list(self._chunks(given, **options)))

    async def _answer_async(self, given: ChainInput, **options: Any) -> AIMessage:
        return whole_message([chunk async for chunk in self._chunks_async(given, **options)])

    def _stream(self, inputs: Iterator[ChainInput], **options: Any) -> Iterator[AIMessageChunk]:
        for given in inputs:
            yield from self._chunks(given, **options)

    async def _stream_async(
        self, inputs: AsyncIterator[ChainInput], **options: Any
    ) -> AsyncIterator[AIMessageChunk]:
        async for given in inputs:
            async for chunk in self._chunks_async(given, **options):
                yield chunk

    def _chunks(self, given: ChainInput, **options: Any) -> Generator[AIMessageChunk, None, None]:
        yield from chunks_of(self.pipeline.stream(question_of(given, options)))

    async def _chunks_async(
        self, given: ChainInput, **options: Any
    ) -> AsyncIterator[AIMessageChunk]:
        """One thread sees a text through; who stops listening stops its writing."""
        chunks = self._chunks(given, **options)
        thread = ThreadPoolExecutor(1, thread_name_prefix="gleandraft-chain")
        try:
            while (chunk := await run_in_executor(thread, next, chunks, None)) is not None:
                yield chunk
        finally:
            thread.submit(chunks.close)  # behind a step that is still under way
            thread.shutdown(wait=False)


class KnowledgeBaseRetriever(BaseRetriever):
    """A knowledge base's passages as documents, best first; the arguments are those of `KnowledgeBase.search`.

    A document's id is its passage's. Its metadata is what was added with the file, and beside it, under names that are
    ours, where the passage stands: `source`, `title`, `document_id`, `start` and `end` in characters, `score`, and as
    far as they are known `heading`, `page`, `time` in seconds and `speaker`. Raises what the search raises.
    """

    knowledge_base: KnowledgeBase
    limit: int = 4
    collection: str | None = None  # None searches all collections
    where: Where | None = None
    selection: Selection | None = None

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        hits = self.knowledge_base.search(
            [query],
            limit=self.limit,
            collection=self.collection,
            where=self.where,
            selection=self.selection,
        )
        return [document_of(hit) for hit in hits]


def document_of(hit: Hit) -> Document:
    passage = hit.passage
    known = {
        "source": passage.source,
        "title": passage.title,
        "heading": passage.heading or None,
        "page": passage.page,
        "time": passage.time,
        "speaker": passage.speaker,
        "document_id": passage.document_id,
        "start": passage.start,
        "end": passage.end,
        "score": hit.score,
    }
    place = {name: value for name, value in known.items() if value is not None}

    return Document(passage.text, id=passage.id, metadata={**passage.metadata, **place})


def question_of(given: ChainInput, options: Mapping[str, Any]) -> Question:
    """Raises `InvalidChainInput`."""
    if isinstance(given, Question) and not options:
        return given
    asked = {**mapping_of(given), **options}
    if "question" not in asked:
        raise InvalidChainInput("it has no 'question'", known=_OPTIONS)
    if unknown := asked.keys() - _OPTIONS - {"question"}:
        names = ", ".join(map(repr, sorted(unknown, key=str)))
        raise InvalidChainInput(f"it has the unknown option {names}", known=_OPTIONS)
    try:
        return TypeAdapter(Question).validate_python({"text": asked.pop("question"), **asked})
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, each['loc']))}={each['input']!r}: {each['msg']}"
            for each in error.errors()
        ]
        raise InvalidChainInput("; ".join(problems), known=_OPTIONS) from error


def mapping_of(given: ChainInput) -> Mapping[str, Any]:
    if isinstance(given, str):
        return {"question": given}
    if isinstance(given, Question):
        return {"question": given.text} | {name: getattr(given, name) for name in _OPTIONS}
    if not isinstance(given, Mapping):
        raise InvalidChainInput(f"it is a {type(given).__name__}", known=_OPTIONS)
    return given


def chunks_of(events: Iterator[AnswerEvent]) -> Generator[AIMessageChunk, None, None]:
    """What happened as the parts of one message; white space at the answer's end is no part of it."""
    held_back = ""
    for event in events:
        if isinstance(event, DecisionMade):
            yield AIMessageChunk(content="", response_metadata={"decision": told(event.decision)})
        elif isinstance(event, TextPiece):
            come = held_back + event.text
            text = come.rstrip()
            held_back = come[len(text) :]
            if text:
                yield AIMessageChunk(content=text)
        elif isinstance(event, AnswerDone):
            yield last_chunk(event.answer)


def last_chunk(answer: Answer) -> AIMessageChunk:
    usage = answer.usage
    return AIMessageChunk(
        content="",
        id=answer.id,
        chunk_position="last",
        additional_kwargs={
            "citations": [asdict(citation) for citation in answer.citations],
            "passages": [
                document_of(hit).model_dump(include={"id", "page_content", "metadata"})
                for hit in answer.passages
            ],
        },
        response_metadata={
            "model_name": answer.model,
            "finish_reason": "length" if answer.is_cut else "stop",
            "support": answer.support,
            "coverage": asdict(answer.coverage),
            "timings": dict(answer.timings),
        },
        usage_metadata=UsageMetadata(
            input_tokens=usage.prompt_tokens,
            output_tokens=usage.output_tokens,
            total_tokens=usage.prompt_tokens + usage.output_tokens,
            input_token_details=InputTokenDetails(cache_read=usage.cached_tokens),
        ),
    )


def whole_message(chunks: list[AIMessageChunk]) -> AIMessage:
    first, *others = chunks
    message = message_chunk_to_message(first + others)
    assert isinstance(message, AIMessage)
    return message


def told(decision: Decision) -> dict[str, Any]:
    """A decision as plain values; digits that differ by how a pass was cut are left out."""
    return {
        "retrieve": decision.retrieve,
        "score": round(decision.score, 4),
        "reason": decision.reason,
        "queries": [asdict(query) for query in decision.plan.queries],
        "features": {name: round(value, 4) for name, value in decision.judgement.features.items()},
    }
