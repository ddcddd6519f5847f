"""The tables of a knowledge base: documents and passages are the truth, words and vectors follow from them."""

from collections.abc import Iterator

from retrieval import lexical

VERSION = 2

_TABLES = """
create table facts (
    name text primary key,
    value text not null
) strict;

create table collections (
    number integer primary key,
    name text not null unique
) strict;

create table documents (
    id text primary key,
    collection integer not null references collections (number),
    origin text not null,  -- tells documents of a collection apart; an absolute path for files
    digest text not null,  -- of what was handed in: a file's bytes, or a document's fields
    recipe text not null,  -- how passages were made from it
    source text not null,  -- path or name, as given
    title text not null,
    media_type text not null,
    added_at text not null,  -- ISO 8601, UTC
    text text not null,
    turns text not null,  -- JSON list of [text, start, end, speaker, start_s, end_s]
    pages text not null,  -- JSON list of starts, characters
    metadata text not null,  -- JSON object
    unique (collection, origin)
) strict;
create index documents_by_digest on documents (digest);

create table passages (
    number integer primary key,
    id text not null unique,
    document_id text not null references documents (id),
    start integer not null,  -- characters; the passage is documents.text[start:end]
    "end" integer not null,
    context text not null,  -- title and heading, for search
    text text not null,
    heading text not null,
    page integer,
    time real,
    speaker text,
    digest blob not null  -- of what is embedded
) strict;
create index passages_by_document on passages (document_id);
create index passages_by_digest on passages (digest);

create table vectors (  -- so that no text is embedded twice and every index can be built again
    number integer primary key references passages (number),
    vector blob not null  -- float16, little endian
) strict;

create table pending (  -- what the vector index has yet to be told
    passage_id text primary key,
    collection integer not null,
    action text not null check (action in ('embed', 'forget'))
) strict;
"""


def statements() -> Iterator[str]:
    """What makes an empty database a knowledge base."""
    for part in f"{_TABLES}{lexical.SCHEMA}".split(";\n"):
        if part.strip():
            yield part
    yield f"pragma user_version = {VERSION}"
