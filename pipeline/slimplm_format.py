"""The language of SlimPLM's trained models: how they are asked, and how to read what they answer, however it comes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pipeline.prompts import Prompt

KNOWN = "<Known(True)>"
UNKNOWN = "<Known(False)>"
END = "</Claims>"  # of the rewriter's answer

TASK = (
    "Read the question and the coarse answer to it, and say in the structured format what is known."
)

VERDICT = re.compile(r"<\s*known\s*\(\s*(\w*)\s*\)\s*>?", re.I)
TAG = re.compile(
    r"<\s*(?:(?P<field>question|claim|needsearch|query|task|timeliness)\s*\("
    r"|/?\s*(?:questions|claims)\s*>)",
    re.I,
)
CLOSING = ")>"

Kind = Literal["question", "claim"]
KINDS: tuple[Kind, ...] = ("question", "claim")
DETAILS = frozenset({"needsearch", "query"})  # of the question or claim before them


@dataclass(frozen=True, slots=True)
class Lookup:
    """A part of the question, or a claim of the guess, and what to search for it."""

    text: str
    needs_search: bool
    query: str = ""

    @property
    def is_wanted(self) -> bool:
        return self.needs_search and bool(self.query.strip())


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What the rewriter made of a question and the guess at its answer."""

    sub_questions: tuple[Lookup, ...] = ()
    claims: tuple[Lookup, ...] = ()


def coarse_prompt(question: str, guess: str, *, task: str = TASK) -> Prompt:
    """What judge and rewriter are given alike; one segment, for it was tokenised as a whole.

    The field names, mistakes included, are those of the released models; `task` is the sentence that theirs were
    trained behind.
    """
    body = f" Course answer: (({guess}))\nQuestion: (({question}))"
    return Prompt((f"[INST] <<SYS>>\n{task} <</SYS>>\n{body} [/INST]",))


def is_known(text: str) -> bool:
    """Whether the judge's answer says so and nothing against it; what cannot be read means that passages are needed."""
    verdicts = {match.group(1).lower() for match in VERDICT.finditer(text)}
    return verdicts == {"true"}


def read_rewriting(text: str) -> Rewriting:
    """The sub-questions and claims of the rewriter's answer, as many as can be made out; any text will do.

    A field ends at its `)>`, or else where the next one begins. What the text's end cuts off is left out, a field that
    is missing counts as `NeedSearch(True)` or as an empty query, and of a field that is said twice the first holds.
    """
    found: dict[Kind, list[Lookup]] = {"question": [], "claim": []}
    for kind, item in items_of(text):
        found[kind].append(item)

    return Rewriting(tuple(found["question"]), tuple(found["claim"]))


def items_of(text: str) -> Iterator[tuple[Kind, Lookup]]:
    """Each question or claim with the fields behind it, up to the next one or the end of the section."""
    fields: dict[str, str] = {}
    for name, content in [*fields_of(text), ("", "")]:
        if name in DETAILS:
            fields.setdefault(name, content)
            continue
        for kind in KINDS:
            if kind in fields:
                yield kind, lookup_of(kind, fields)
        fields = {name: content} if content else {}


def lookup_of(kind: Kind, fields: dict[str, str]) -> Lookup:
    needs_search = fields.get("needsearch", "").lower() != "false"
    return Lookup(fields[kind], needs_search, fields.get("query", ""))


def fields_of(text: str) -> Iterator[tuple[str, str]]:
    """Name and content of every field in order; sections' beginnings and ends are fields without a name."""
    tags = list(TAG.finditer(text))
    ends = [*(tag.start() for tag in tags), len(text)]
    for tag, end in zip(tags, ends[1:], strict=True):
        if not tag["field"]:
            yield "", ""
            continue
        content, closing, _ = text[tag.end() : end].partition(CLOSING)
        if closing or end < len(text):
            yield tag["field"].lower(), content.strip() if closing else without_closing(content)


def without_closing(content: str) -> str:
    """Of a field whose `)>` did not come whole: less the parenthesis that closes nothing."""
    content = content.strip().removesuffix(">").rstrip()
    if content.count(")") > content.count("("):
        content = content.removesuffix(")").rstrip()
    return content
