"""Finding: documents in, passages out; a name is imported when it is first used."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retrieval.documents import read_document, read_transcript
    from retrieval.embed import Embedder, HashEmbedder, open_embedder
    from retrieval.errors import DocumentError, KnowledgeBaseLocked, RetrievalError
    from retrieval.focus import cosines, rank_texts
    from retrieval.knowledge_base import KnowledgeBase
    from retrieval.lexical import Probe
    from retrieval.opening import open_knowledge_base, visit_knowledge_base
    from retrieval.pair_classifier import PairClassifier, open_pair_classifier
    from retrieval.reader import Excerpt, Reader, Reading, WordShare
    from retrieval.rerank import CrossEncoderReranker, Reranker, open_reranker
    from retrieval.retriever import Selection
    from retrieval.sentence_embedder import MiniLmEmbedder, SentenceEmbedder
    from retrieval.sentences import split_sentences
    from retrieval.transcripts import parse_transcript
    from retrieval.types import (
        AddOutcome,
        AddStatus,
        Document,
        DocumentInfo,
        Hit,
        Passage,
        Progress,
        Rank,
        Turn,
    )
    from retrieval.upkeep import Report

__all__ = [
    "AddOutcome",
    "AddStatus",
    "CrossEncoderReranker",
    "Document",
    "DocumentError",
    "DocumentInfo",
    "Embedder",
    "Excerpt",
    "HashEmbedder",
    "Hit",
    "KnowledgeBase",
    "KnowledgeBaseLocked",
    "MiniLmEmbedder",
    "PairClassifier",
    "Passage",
    "Probe",
    "Progress",
    "Rank",
    "Reader",
    "Reading",
    "Report",
    "Reranker",
    "RetrievalError",
    "Selection",
    "SentenceEmbedder",
    "Turn",
    "WordShare",
    "cosines",
    "open_embedder",
    "open_knowledge_base",
    "open_pair_classifier",
    "open_reranker",
    "parse_transcript",
    "rank_texts",
    "read_document",
    "read_transcript",
    "split_sentences",
    "visit_knowledge_base",
]

# numpy alone takes longer to import than a command line may take to answer `--help`.
_HOMES = {
    "AddOutcome": "types",
    "AddStatus": "types",
    "CrossEncoderReranker": "rerank",
    "Document": "types",
    "DocumentError": "errors",
    "DocumentInfo": "types",
    "Embedder": "embed",
    "Excerpt": "reader",
    "HashEmbedder": "embed",
    "Hit": "types",
    "KnowledgeBase": "knowledge_base",
    "KnowledgeBaseLocked": "errors",
    "MiniLmEmbedder": "sentence_embedder",
    "PairClassifier": "pair_classifier",
    "Passage": "types",
    "Probe": "lexical",
    "Progress": "types",
    "Rank": "types",
    "Reader": "reader",
    "Reading": "reader",
    "Report": "upkeep",
    "Reranker": "rerank",
    "RetrievalError": "errors",
    "Selection": "retriever",
    "SentenceEmbedder": "sentence_embedder",
    "Turn": "types",
    "WordShare": "reader",
    "cosines": "focus",
    "open_embedder": "embed",
    "open_knowledge_base": "opening",
    "open_pair_classifier": "pair_classifier",
    "open_reranker": "rerank",
    "parse_transcript": "transcripts",
    "rank_texts": "focus",
    "read_document": "documents",
    "read_transcript": "documents",
    "split_sentences": "sentences",
    "visit_knowledge_base": "opening",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
