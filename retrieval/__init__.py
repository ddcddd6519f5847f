"""Finding: documents in, passages out; a name is imported when it is first used."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retrieval.documents import read_document, read_transcript
    from retrieval.embed import Embedder, HashEmbedder, MiniLmEmbedder, open_embedder
    from retrieval.errors import DocumentError, KnowledgeBaseLocked, RetrievalError
    from retrieval.focus import rank_texts
    from retrieval.knowledge_base import KnowledgeBase, open_knowledge_base
    from retrieval.reader import Excerpt, Reader, Reading, WordShare
    from retrieval.sentences import split_sentences
    from retrieval.store import ChromaStore, MemoryStore, VectorStore
    from retrieval.transcripts import parse_transcript
    from retrieval.types import AddOutcome, AddStatus, Document, Hit, Passage, Rank, Turn

__all__ = [
    "AddOutcome",
    "AddStatus",
    "ChromaStore",
    "Document",
    "DocumentError",
    "Embedder",
    "Excerpt",
    "HashEmbedder",
    "Hit",
    "KnowledgeBase",
    "KnowledgeBaseLocked",
    "MemoryStore",
    "MiniLmEmbedder",
    "Passage",
    "Rank",
    "Reader",
    "Reading",
    "RetrievalError",
    "Turn",
    "VectorStore",
    "WordShare",
    "open_embedder",
    "open_knowledge_base",
    "parse_transcript",
    "rank_texts",
    "read_document",
    "read_transcript",
    "split_sentences",
]

# numpy alone takes longer to import than a command line may take to answer `--help`.
_HOMES = {
    "AddOutcome": "types",
    "AddStatus": "types",
    "ChromaStore": "store",
    "Document": "types",
    "DocumentError": "errors",
    "Embedder": "embed",
    "Excerpt": "reader",
    "HashEmbedder": "embed",
    "Hit": "types",
    "KnowledgeBase": "knowledge_base",
    "KnowledgeBaseLocked": "errors",
    "MemoryStore": "store",
    "MiniLmEmbedder": "embed",
    "Passage": "types",
    "Rank": "types",
    "Reader": "reader",
    "Reading": "reader",
    "RetrievalError": "errors",
    "Turn": "types",
    "VectorStore": "store",
    "WordShare": "reader",
    "open_embedder": "embed",
    "open_knowledge_base": "knowledge_base",
    "parse_transcript": "transcripts",
    "rank_texts": "focus",
    "read_document": "documents",
    "read_transcript": "documents",
    "split_sentences": "sentences",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
