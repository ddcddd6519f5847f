"""Every prompt of the product: one pure function each, made of segments that are tokenised one by one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pipeline.clauses import clause_texts

REFUSAL = "The passages do not say."
NOTHING_SAID = "Nothing on this."

Layout = Literal["ours", "paper"]  # of a prompt for summaries: transcript first, or queries first


@dataclass(frozen=True, slots=True)
class Prompt:
    """Text for a language model, in pieces.

    Each segment is tokenised by itself, so a passage has the same token ids here, in another prompt, and as a
    reference that seeds draft trees.
    """

    segments: tuple[str, ...]

    @property
    def text(self) -> str:
        return "".join(self.segments)


@dataclass(frozen=True, slots=True)
class NumberedText:
    """A passage or a turn with the number by which the answer may cite it."""

    number: int
    text: str
    label: str = ""  # title of the document, or the speaker


def one_line(text: str) -> str:
    """Line breaks become spaces, one for one: offsets stay, and no text can pass for a line of the prompt."""
    return text.translate(LINE_BREAKS)


LINE_BREAKS = {ord(character): " " for character in "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"}


def grounded(
    question: str, passages: Sequence[NumberedText], *, lines: Sequence[NumberedText]
) -> Prompt:
    """A short answer in the words of numbered passages, cited as [n].

    `lines` holds what matches the question best (extractive compression as in RECOMP, Xu et al., 2023), clauses or
    sentences, each with the number of its passage. They stand behind the question, so that a model reads them with the
    question in mind; the passages stand before it, so that questions over the same passages share their beginning.
    """
    return Prompt(
        (
            "Passages:\n",
            *(numbered_line(passage) for passage in passages),
            f"Question: {one_line(question)}\n",
            *(("Best matches:\n",) if lines else ()),
            *(map(marked_line, lines)),
            "Answer briefly in the words of the passages and cite them like [1]. "
            f'If they do not tell, say "{REFUSAL}"\n',
            "Answer:",
        )
    )


def num_shared(prompt: Prompt) -> int:
    """How many segments of a `grounded` prompt stand before its question."""
    return next(i for i, text in enumerate(prompt.segments) if text.startswith("Question: "))


def quotes(lines: Sequence[NumberedText], *, may_refuse: bool) -> tuple[str, ...]:
    """The answers to `grounded` that are a line of its best ones, with its citation; none without a line."""
    marked = [marked_line(line).rstrip() for line in lines]
    return (*dict.fromkeys(marked), *([f" {REFUSAL}"] if marked and may_refuse else []))


def likely_answers(lines: Sequence[NumberedText]) -> tuple[str, ...]:
    """What the answer to `grounded` may well be: a clause of a line, or all of it, as the prompt marks it."""
    marked = [
        marked_line(replace(line, text=text))
        for line in lines
        for text in (*clause_texts(one_line(line.text).strip()), line.text)
    ]
    return tuple(dict.fromkeys(marked))


def closed_book(question: str) -> Prompt:
    """A short answer from memory: the proxy's guess, and the answer where nothing is retrieved."""
    return Prompt((f"Question: {one_line(question)}\n", "Short answer:"))


def sub_questions(question: str) -> Prompt:
    """What would have to be known first, one question to a line; begins as `closed_book` does."""
    return Prompt((f"Question: {one_line(question)}\n", "Simpler questions to answer first:\n1."))


def multi_query(
    turns: Sequence[NumberedText], queries: Sequence[str], *, layout: Layout = "ours"
) -> Prompt:
    """Query-OPT (Laskar et al., EMNLP 2024): all queries over one transcript in one prompt, answered by id.

    In our layout transcript and instruction come first, so that prompts over one transcript share all but their
    queries; in the paper's the queries come first. What users wrote is made `harmless` and stands on numbered lines,
    so it is no line of ours.
    """
    return laid_out(turns, queries, how=HOW_TO_SUMMARISE, ending=(SUMMARIES,), layout=layout)


def multi_query_by_number(
    turns: Sequence[NumberedText], queries: Sequence[str], *, layout: Layout = "ours"
) -> Prompt:
    """The same for a model that nobody can force into a form: it must know all of the form from the prompt."""
    shape = ", ".join(f'"{number}": "..."' for number in range(1, len(queries) + 1))
    ending = (
        "Answer with one JSON object and nothing else, the summary of each query under its number:\n",
        f"{{{shape}}}\n",
    )
    return laid_out(turns, queries, how=HOW_TO_SUMMARISE_FREELY, ending=ending, layout=layout)


def laid_out(
    turns: Sequence[NumberedText],
    queries: Sequence[str],
    *,
    how: str,
    ending: Sequence[str],
    layout: Layout,
) -> Prompt:
    said = [turn_line(turn) for turn in turns]
    asked = [f"{number}. {harmless(query)}\n" for number, query in enumerate(queries, start=1)]
    if layout == "paper":
        return Prompt(
            (
                *("A list of queries is followed by a transcript. ", how),
                *(delimiter("Queries"), *asked, delimiter("End of the queries")),
                *(delimiter("Transcript"), *said, delimiter("End of the transcript")),
                *ending,
            )
        )

    return Prompt(("Transcript:\n", *said, how, "Queries:\n", *asked, *ending))


HOW_TO_SUMMARISE = (
    "For each query quote the turns that match it best, then summarise in one or two sentences what they say "
    f'on it, citing turns like [1]. Where they say nothing, write "{NOTHING_SAID}"\n'
)
HOW_TO_SUMMARISE_FREELY = (
    "For each query summarise in one or two sentences what the transcript says on it, keeping to its words and "
    f'citing its lines like [1]. Where it says nothing, write "{NOTHING_SAID}"\n'
)
SUMMARIES = "Summaries as JSON:\n"


def delimiter(name: str) -> str:
    return f"=== {name} ===\n"


def harmless(text: str) -> str:
    """One line without what a prompt gives a meaning to, one character for another: neither markers nor delimiters."""
    line = MARKER_BRACKETS.sub(lambda match: f"({match.group()[1:-1]})", whole(one_line(text)))
    return RULE.sub(lambda match: "-" * len(match.group()), line)


def whole(text: str) -> str:
    """Text that can be encoded: what is only half of a sign becomes the sign for what is lost."""
    return HALF_SIGN.sub("\N{REPLACEMENT CHARACTER}", text)


HALF_SIGN = re.compile("[\ud800-\udfff]")  # of a pair in UTF-16: no text by itself
MARKER_BRACKETS = re.compile(r"\[[\d\s,;]+\]")
RULE = re.compile("={2,}")  # what a delimiter is made of


def turn_line(turn: NumberedText) -> str:
    label = f"{harmless(turn.label)}: " if turn.label else ""
    return f"[{turn.number}] {label}{harmless(turn.text)}\n"


def numbered_line(item: NumberedText) -> str:
    label = f"{one_line(item.label)}: " if item.label else ""
    return f"[{item.number}] {label}{one_line(item.text)}\n"


def marked_line(item: NumberedText) -> str:
    """The number behind the text: whoever copies the line has cited it."""
    return f" {one_line(item.text).strip()} [{item.number}]\n"


def marked_turn(turn: NumberedText) -> str:
    label = f"{harmless(turn.label)}: " if turn.label else ""
    return f"{label}{harmless(turn.text).strip()} [{turn.number}]"


def json_safe(text: str) -> str:
    """Text that can stand inside a JSON string as it is."""
    return text.replace("\\", "/").replace('"', "'").translate(CONTROL)


CONTROL = {code: " " for code in range(32)}


def skeleton(best: Sequence[Sequence[NumberedText]]) -> tuple[tuple[str, ...], ...]:
    """The fixed parts of the multi-query answer, in segments; a free summary stands between each two.

    `best` holds for each query the turns that match it best. They stand in the answer right before the summary: a
    forced token costs next to nothing, and a small model summarises what it has just seen far better than what it
    must look up. Every part after the first begins with the quote that closes the summary before it.
    """
    openings = [
        (
            f'{{"id":{number},"turns":"',
            json_safe(" ".join(map(marked_turn, turns))),
            '","summary":"',
        )
        for number, turns in enumerate(best, start=1)
    ]
    parts = [("[", *openings[0]), *(('"', "},", *opening) for opening in openings[1:])]

    return (*parts, ('"', "}]"))
