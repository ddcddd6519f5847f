"""What a model wants to see before a query and before a passage: declared by itself, or known of its family."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from retrieval.checkpoint import read_json
from retrieval.errors import UnknownPrefixFamily

DECLARED = "declared"  # the source of prefixes that the model's own files give
PLAIN = "plain"  # the source of none

_PROMPTS_FILE = "config_sentence_transformers.json"
_QUERY_KEYS = ("query", "search_query", "retrieval.query")
_PASSAGE_KEYS = ("document", "passage", "corpus", "search_document", "retrieval.passage")
_FOR_SEARCHING = "Represent this sentence for searching relevant passages: "


@dataclass(frozen=True, slots=True)
class Prefixes:
    query: str = ""
    passage: str = ""
    source: str = PLAIN  # a family of the table, DECLARED or PLAIN


@dataclass(frozen=True, slots=True)
class _Family:
    models: str  # pattern; begins where a name or a part of it begins
    query: str
    passage: str = ""


# As the models' cards say. The names of knowledge bases refer to these rows: a row is never
# changed, only added; the first that matches counts. Models without prefixes (all-*, gte-*, bge-m3,
# jina v2, multi-qa-*) need no row, nor do those that declare theirs (Qwen3, EmbeddingGemma, jina v3).
FAMILIES: Mapping[str, _Family] = {
    "e5-instruct": _Family(
        r"(multilingual-)?e5-\w+(-\w+)?-instruct",
        "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: ",
    ),
    "e5": _Family(r"(multilingual-)?e5-(small|base|large)", "query: ", "passage: "),
    "bge-en": _Family(r"bge-(small|base|large)-en", _FOR_SEARCHING),
    "bge-zh": _Family(
        r"bge-(small|base|large)-zh(?!-noinstruct)", "为这个句子生成表示以用于检索相关文章："
    ),
    "nomic": _Family(r"nomic-embed-text", "search_query: ", "search_document: "),
    "arctic-2": _Family(r"snowflake-arctic-embed-\w+-v2", "query: "),
    "arctic": _Family(r"snowflake-arctic-embed", _FOR_SEARCHING),
    "mxbai": _Family(r"mxbai-embed-large", _FOR_SEARCHING),
}


def choose_prefixes(folder: Path, *, known_as: Iterable[str], family: str = "") -> Prefixes:
    """
    What `family` names if it is given; else what the files in `folder` declare, unless that is
    empty; else those of the family that one of the names belongs to. Raises `UnknownPrefixFamily`.
    """
    if family:
        return _of_family(family)
    return _declared(folder) or _of_names(known_as)


def _of_family(name: str) -> Prefixes:
    if name == PLAIN:
        return Prefixes()
    if name not in FAMILIES:
        raise UnknownPrefixFamily(name, known=[PLAIN, *FAMILIES])
    return Prefixes(FAMILIES[name].query, FAMILIES[name].passage, source=name)


def _declared(folder: Path) -> Prefixes | None:
    file = folder / _PROMPTS_FILE
    prompts = (read_json(file).get("prompts") or {}) if file.is_file() else {}
    query, passage = (
        next((prompts[key] for key in keys if prompts.get(key)), "")
        for keys in (_QUERY_KEYS, _PASSAGE_KEYS)
    )
    return Prefixes(query, passage, source=DECLARED) if query or passage else None


def _of_names(names: Iterable[str]) -> Prefixes:
    for name in names:
        for family, row in FAMILIES.items():
            if re.search(rf"(^|/|--){row.models}", name.lower()):
                return _of_family(family)
    return Prefixes()
