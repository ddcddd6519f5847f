"""What stands before queries and passages, by family."""

import json
from pathlib import Path

import pytest

from retrieval.errors import UnknownPrefixFamily
from retrieval.prefixes import DECLARED, FAMILIES, PLAIN, Prefixes, choose_prefixes


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("intfloat/e5-small-v2", "e5"),
        ("intfloat/e5-large", "e5"),
        ("intfloat/multilingual-e5-base", "e5"),
        ("intfloat/multilingual-e5-large-instruct", "e5-instruct"),
        ("intfloat/e5-mistral-7b-instruct", "e5-instruct"),
        ("BAAI/bge-small-en-v1.5", "bge-en"),
        ("BAAI/bge-base-en", "bge-en"),
        ("BAAI/bge-large-zh-v1.5", "bge-zh"),
        ("BAAI/bge-large-zh-noinstruct", PLAIN),
        ("BAAI/bge-m3", PLAIN),
        ("nomic-ai/nomic-embed-text-v1.5", "nomic"),
        ("Snowflake/snowflake-arctic-embed-m-v1.5", "arctic"),
        ("Snowflake/snowflake-arctic-embed-m-long", "arctic"),
        ("Snowflake/snowflake-arctic-embed-l-v2.0", "arctic-2"),
        ("mixedbread-ai/mxbai-embed-large-v1", "mxbai"),
        ("thenlper/gte-small", PLAIN),
        ("Alibaba-NLP/gte-multilingual-base", PLAIN),
        ("sentence-transformers/multi-qa-mpnet-base-dot-v1", PLAIN),
        ("jinaai/jina-embeddings-v2-base-en", PLAIN),
        ("models--intfloat--e5-base-v2", "e5"),
        ("the5-small", PLAIN),
    ],
)
def test_a_model_belongs_to_the_family_that_its_name_tells(
    model: str, family: str, tmp_path: Path
) -> None:
    assert choose_prefixes(tmp_path, known_as=[model]).source == family


def test_a_renamed_folder_is_known_by_its_second_name(tmp_path: Path) -> None:
    chosen = choose_prefixes(tmp_path, known_as=["ours", "intfloat/e5-small-v2"])
    assert chosen == Prefixes("query: ", "passage: ", source="e5")


def test_what_a_model_declares_goes_before_its_name_and_what_a_person_says_before_both(
    tmp_path: Path,
) -> None:
    file = tmp_path / "config_sentence_transformers.json"
    file.write_text(json.dumps({"prompts": {"query": "Q: ", "passage": "P: "}}))
    names = ["intfloat/e5-small-v2"]
    assert choose_prefixes(tmp_path, known_as=names) == Prefixes("Q: ", "P: ", source=DECLARED)
    assert choose_prefixes(tmp_path, known_as=names, family="bge-en").source == "bge-en"
    assert choose_prefixes(tmp_path, known_as=names, family=PLAIN) == Prefixes()


@pytest.mark.parametrize("prompts", [None, {}, {"query": "", "document": ""}, {"cluster": "c: "}])
def test_declaring_nothing_for_searching_is_no_declaration(
    prompts: dict[str, str] | None, tmp_path: Path
) -> None:
    file = tmp_path / "config_sentence_transformers.json"
    file.write_text(json.dumps({"prompts": prompts}))
    assert choose_prefixes(tmp_path, known_as=["intfloat/e5-small-v2"]).source == "e5"


def test_an_unknown_family_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UnknownPrefixFamily, match=r"'x'; .*arctic, arctic-2, .*plain"):
        choose_prefixes(tmp_path, known_as=[], family="x")


def test_families_have_names_that_can_stand_behind_a_folder() -> None:
    assert {PLAIN, DECLARED}.isdisjoint(FAMILIES)
    assert not any(set("#@/") & set(name) for name in FAMILIES)
