"""The pipeline in LangChain's hands, with real parts around a random model."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, AIMessageChunk, message_to_dict
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda, RunnablePassthrough

from pipeline import (
    KnowledgeBaseRetriever,
    Pipeline,
    PipelineRunnable,
    Question,
    build_pipeline,
    load_settings,
)
from pipeline.chain import ChainInput
from pipeline.errors import EmptyQuestion, InvalidChainInput
from pipeline.local_writer import LocalWriter
from retrieval.errors import CollectionMissing
from retrieval.types import Scalar

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples" / "documents"
QUESTION = "How many passengers does the Sandpiper carry?"
ALWAYS = Question(QUESTION, retrieve="always")


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Iterator[Pipeline]:
    settings = load_settings(
        kb=tmp_path_factory.mktemp("kb"),
        model=str(tiny_checkpoint),
        proxy=str(tiny_checkpoint),
        embedder="hash-256",
        answer_tokens=40,
    )
    with build_pipeline(settings) as built:
        metadata: dict[str, Scalar] = {"year": 2024, "source": "not ours"}
        assert list(built.knowledge_base.add([SAMPLES], metadata=metadata))
        yield built


@pytest.fixture(scope="module")
def runnable(pipeline: Pipeline) -> PipelineRunnable:
    return PipelineRunnable(pipeline)


def told(message: AIMessage) -> dict[str, Any]:
    """All of a message that does not differ from one call to the next, the score but for rounding."""
    plain = message.model_dump(include={"content", "additional_kwargs", "response_metadata"})
    del plain["response_metadata"]["timings"]
    decision = plain["response_metadata"]["decision"]
    decision |= {"score": round(decision["score"], 3), "reason": decision["reason"][:20]}
    return plain


def test_a_message_says_what_the_answer_says(
    pipeline: Pipeline, runnable: PipelineRunnable
) -> None:
    answer, message = pipeline.ask(ALWAYS), runnable.invoke(ALWAYS)
    assert type(message) is AIMessage
    assert message.content == answer.text
    assert message.id is not None
    assert message.id.startswith("ans_")
    queries = message.response_metadata["decision"]["queries"]
    assert tuple(query["text"] for query in queries) == answer.decision.queries
    assert message.response_metadata["finish_reason"] == ("length" if answer.is_cut else "stop")
    cited = [each["quote"] for each in message.additional_kwargs["citations"]]
    assert cited == [citation.quote for citation in answer.citations]
    assert message.usage_metadata
    assert message.usage_metadata["output_tokens"] == answer.usage.output_tokens
    read = [Document(**each) for each in message.additional_kwargs["passages"]]
    assert [each.page_content for each in read] == [hit.passage.text for hit in answer.passages]
    assert read


def test_a_message_can_be_kept_as_json(runnable: PipelineRunnable) -> None:
    message = runnable.invoke(ALWAYS)
    kept = json.loads(json.dumps(message_to_dict(message)))
    assert kept["data"]["content"] == message.content


@pytest.mark.parametrize(
    "given",
    [
        ALWAYS,
        {"question": QUESTION, "retrieve": "always"},
        {"question": QUESTION, "retrieve": "always", "num_passages": 4, "draft": False},
    ],
)
def test_a_question_may_be_put_in_several_forms(runnable: PipelineRunnable, given: Any) -> None:
    assert told(runnable.invoke(given)) == told(runnable.invoke(ALWAYS))


@pytest.mark.parametrize("given", [QUESTION, {"question": QUESTION}, Question(QUESTION)])
def test_options_can_be_bound(runnable: PipelineRunnable, given: Any) -> None:
    bound = runnable.bind(retrieve="always", num_passages=2)
    message = bound.invoke(given)
    assert message.response_metadata["decision"]["reason"] == "the caller asked for retrieval"
    assert len(message.additional_kwargs["passages"]) == 2
    assert told(sum_of(bound.stream(given))) == told(message)


def test_queries_may_come_as_a_list(runnable: PipelineRunnable) -> None:
    message = runnable.invoke({"question": "Who pays?", "retrieve": "always", "queries": ["fares"]})
    queries = message.response_metadata["decision"]["queries"]
    assert [query["text"] for query in queries] == ["Who pays?", "fares"]


@pytest.mark.parametrize("question", [ALWAYS, Question("Hello there!"), Question("Who pays?")])
def test_what_is_streamed_is_what_is_answered_whole(
    runnable: PipelineRunnable, question: Question
) -> None:
    whole = runnable.invoke(question)
    chunks = list(runnable.stream(question))
    assert "".join(chunk.text for chunk in chunks) == whole.content
    assert told(sum_of(chunks)) == told(whole)
    assert [bool(chunk.response_metadata.get("decision")) for chunk in chunks].index(True) == 0
    assert chunks[-1].chunk_position == "last"


def sum_of(chunks: Any) -> AIMessageChunk:
    first, *others = chunks
    total: AIMessageChunk = first + others
    return total


def test_the_ways_that_wait_say_the_same(runnable: PipelineRunnable) -> None:
    async def ask() -> tuple[AIMessage, list[AIMessageChunk], list[AIMessage]]:
        chunks = [chunk async for chunk in runnable.astream(ALWAYS)]
        return await runnable.ainvoke(ALWAYS), chunks, await runnable.abatch([ALWAYS, ALWAYS])

    whole, chunks, batch = asyncio.run(ask())
    expected = told(runnable.invoke(ALWAYS))
    assert told(whole) == expected
    assert told(sum_of(chunks)) == expected
    assert [told(message) for message in batch] == [expected, expected]


def test_a_batch_answers_in_order(runnable: PipelineRunnable) -> None:
    questions = [f"What is said of {thing}?" for thing in ("boats", "tickets", "dogs")]
    inputs: list[ChainInput] = [
        {"question": question, "retrieve": "always"} for question in questions
    ]
    batch = runnable.batch(inputs, config={"max_concurrency": 2})
    decisions = [message.response_metadata["decision"] for message in batch]
    assert [decision["queries"][0]["text"] for decision in decisions] == questions
    assert [told(message) for message in batch] == [told(runnable.invoke(each)) for each in inputs]


def test_who_stops_listening_stops_the_writing(
    pipeline: Pipeline, runnable: PipelineRunnable
) -> None:
    async def listen_for_a_moment() -> None:
        chunks = runnable.astream(ALWAYS)
        async for chunk in chunks:
            if chunk.text:
                break
        await chunks.aclose()  # type: ignore[attr-defined]  # an async generator's

    asyncio.run(listen_for_a_moment())
    assert isinstance(pipeline.writer, LocalWriter)
    engine = pipeline.writer.engine
    assert runnable.invoke(ALWAYS).content  # and whoever comes next is served
    assert engine.num_running == engine.num_waiting == 0


def sure_to_search(text: str) -> ChainInput:
    return {"question": text, "retrieve": "always"}


def test_it_composes_with_parsers_and_lambdas(runnable: PipelineRunnable) -> None:
    chain = RunnableLambda(sure_to_search) | (runnable | StrOutputParser())
    expected = runnable.invoke(ALWAYS).content
    assert chain.invoke(QUESTION) == expected
    pieces = list(chain.stream(QUESTION))
    assert "".join(pieces) == expected
    assert len([piece for piece in pieces if piece]) > 1


class Witness(BaseCallbackHandler):
    """Writes down what it is called for."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_chain_start(self, *_: Any, run_id: UUID, **more: Any) -> None:
        self.seen.append(f"{more['name']} started with {more['tags']}")

    def on_chain_end(self, outputs: Any, **_: Any) -> None:
        self.seen.append(f"it said {outputs.content!r}")

    def on_chain_error(self, error: BaseException, **_: Any) -> None:
        self.seen.append(type(error).__name__)

    def on_retriever_start(self, serialized: Any, query: str, **_: Any) -> None:
        self.seen.append(f"searching {query}")

    def on_retriever_end(self, documents: Any, **_: Any) -> None:
        self.seen.append(f"{len(documents)} found")


def test_callbacks_hear_of_every_run(runnable: PipelineRunnable) -> None:
    expected = runnable.invoke(ALWAYS).content
    for run in ("invoke", "stream", "ainvoke", "astream"):
        witness = Witness()
        config = {"callbacks": [witness], "tags": ["ferry"], "run_name": "desk"}
        asyncio.run(spent(getattr(runnable, run)(ALWAYS, config)))
        assert witness.seen == ["desk started with ['ferry']", f"it said {expected!r}"]


async def spent(run: Any) -> None:
    if hasattr(run, "__await__"):
        await run
    elif hasattr(run, "__aiter__"):
        [chunk async for chunk in run]
    else:
        list(run)


def test_our_errors_pass_as_they_are(runnable: PipelineRunnable) -> None:
    unheard = Question("Who?", collection="nowhere")
    for run in ("invoke", "stream", "ainvoke", "astream"):
        for question, error in ((Question(" "), EmptyQuestion), (unheard, CollectionMissing)):
            witness = Witness()
            with pytest.raises(error):
                asyncio.run(spent(getattr(runnable, run)(question, {"callbacks": [witness]})))
            assert witness.seen[1:] == [error.__name__]
    outcomes = runnable.batch([" ", ALWAYS], return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [EmptyQuestion, AIMessage]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"retrieve": "always"}, "it has no 'question'"),
        ({"question": "Who?", "top_k": 3}, "unknown option 'top_k'"),
        ({"question": "Who?", "retrieve": "maybe"}, "retrieve='maybe'"),
        ({"question": "Who?", "num_passages": "many"}, "num_passages='many'"),
        ({"question": None}, "text=None"),
        (["Who?"], "it is a list"),
        (None, "it is a NoneType"),
    ],
)
def test_what_is_no_question_is_refused(
    runnable: PipelineRunnable, given: Any, problem: str
) -> None:
    with pytest.raises(InvalidChainInput, match=rf"{re.escape(problem)}.*with 'question' and any"):
        runnable.invoke(given)


def test_a_retriever_tells_where_each_passage_stands(pipeline: Pipeline) -> None:
    retriever = KnowledgeBaseRetriever(knowledge_base=pipeline.knowledge_base, limit=3)
    found = retriever.invoke(QUESTION)
    hits = pipeline.knowledge_base.search([QUESTION], limit=3)
    assert [document.id for document in found] == [hit.passage.id for hit in hits]
    for document, hit in zip(found, hits, strict=True):
        place = document.metadata
        text = pipeline.knowledge_base.document_text(place["document_id"])
        assert text[place["start"] : place["end"]] == document.page_content == hit.passage.text
        assert place["score"] == hit.score
        assert place["year"] == 2024
        assert place["source"] == hit.passage.source  # ours wins against metadata of the same name
        assert "page" not in place
    assert asyncio.run(retriever.ainvoke(QUESTION)) == found


def test_a_retriever_tells_who_spoke_and_when(pipeline: Pipeline) -> None:
    knowledge_base = pipeline.knowledge_base
    said = b"WEBVTT\n\n00:01:00.000 --> 00:01:09.000\n<v Ann Lee>The heron nests by the slipway.\n"
    (outcome,) = knowledge_base.add_content(said, name="walk.vtt", collection="talks")
    assert outcome.status == "added"
    retriever = KnowledgeBaseRetriever(knowledge_base=knowledge_base, collection="talks")
    (document,) = retriever.invoke("Where does the heron nest?")
    assert (document.metadata["speaker"], document.metadata["time"]) == ("Ann Lee", 60.0)


def test_a_retriever_searches_only_where_it_may(pipeline: Pipeline) -> None:
    knowledge_base = pipeline.knowledge_base
    assert not KnowledgeBaseRetriever(
        knowledge_base=knowledge_base, where={"year": {"lt": 2024}}
    ).invoke(QUESTION)
    with pytest.raises(CollectionMissing):
        KnowledgeBaseRetriever(knowledge_base=knowledge_base, collection="nowhere").invoke("Who?")


def test_a_retriever_runs_inside_a_chain_and_tells_callbacks(pipeline: Pipeline) -> None:
    retriever = KnowledgeBaseRetriever(knowledge_base=pipeline.knowledge_base, limit=2)
    chain = RunnablePassthrough.assign(context=lambda asked: asked["question"]) | {
        "context": (lambda asked: asked["context"]) | retriever
    }
    witness = Witness()
    found = chain.invoke({"question": QUESTION})["context"]
    retriever.invoke(QUESTION, {"callbacks": [witness]})
    assert len(found) == 2
    assert witness.seen == [f"searching {QUESTION}", "2 found"]


def test_the_documentations_examples_run(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "langchain.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    opened = "pipeline = build_pipeline(load_settings())\n"
    assert opened in blocks[0]
    names: dict[str, Any] = {"pipeline": pipeline}
    for block in blocks:
        exec(compile(block.replace(opened, ""), "docs/langchain.md", "exec"), names)
    assert "because" in capsys.readouterr().out
    assert len(blocks) >= 3
