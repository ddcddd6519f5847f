"""Groups over passages: the product's own prompt, the right marker, a refusal where nothing tells, never too long."""

import random
from dataclasses import replace

import pytest
from tokenizers import Tokenizer

from pipeline.clauses import clause_texts
from pipeline.context import focus, sentences_of
from pipeline.prompts import REFUSAL, NumberedText, grounded
from pipeline.support import NUM_SENTENCES
from training.exercises import ANSWER, LANGUAGE, NOTHING, Group, Piece
from training.grounded import NUM_LINES, GroundedWriter, Shown, lexical
from training.prompt_tokens import PromptTokens
from training.questions import GroundedQuestion, grounded_question
from training.tokenizer import END

TEXTS = {  # title -> passage, question, answer
    "Fares": (
        "A single ticket costs nine pounds for every adult. Children under five travel free of charge. "
        "Dogs travel free as well, but they must be on a lead.",
        "What does a single ticket cost an adult?",
        "nine pounds",
    ),
    "Boats": (
        "The Kittiwake has room for twelve cars and a crane. She was built in a yard on the mainland in 1998. "
        "Her sister was never built because the money ran out.",
        "When was the Kittiwake built in a yard?",
        "1998",
    ),
    "Weather": (
        "In a gale the boats stay in the harbour. The skipper decides one hour before the first departure. "
        "Passengers are told by text message and on the radio.",
        "Who decides before departure?",
        "The skipper",
    ),
}


def question_on(title: str) -> GroundedQuestion:
    passage, question, answer = TEXTS[title]
    found = grounded_question(question, title=title, passage=passage, answers=[answer])
    assert found is not None
    return found


def shown(title: str) -> Shown:
    item = question_on(title)
    return Shown(title, item.passage, (item,))


@pytest.fixture
def writer(tiny_tokens: PromptTokens) -> GroundedWriter:
    return GroundedWriter(tiny_tokens, rng=random.Random(3), length=4096)


def text_of(piece: Piece, tokenizer: Tokenizer, *, kind: int | None = None) -> str:
    """All of its text, or only what is learned as `kind`."""
    chosen = [i for i, k in zip(piece.ids, piece.learned, strict=True) if kind in (None, k)]
    return str(tokenizer.decode(chosen, skip_special_tokens=False))


def passages_of(group: Group, tokenizer: Tokenizer) -> list[NumberedText]:
    """The passages in the order in which the group numbers them."""
    titles = sorted(TEXTS, key=text_of(group.context, tokenizer).find)
    return [
        NumberedText(n, TEXTS[title][0], title)
        for n, title in enumerate(titles, start=1)
        if title in text_of(group.context, tokenizer)
    ]


def lines_of(block: str, passages: list[NumberedText]) -> list[NumberedText]:
    """The best lines of a question, each with the label of its passage."""
    shown = block.split("Best matches:\n")[1].split("Answer briefly")[0]
    pairs = [line.strip().removesuffix("]").rsplit(" [", 1) for line in shown.splitlines()]
    labels = {passage.number: passage.label for passage in passages}
    return [NumberedText(int(number), text, labels[int(number)]) for text, number in pairs]


def test_context_and_block_are_the_products_prompt_and_the_cited_answer(
    writer: GroundedWriter, tiny_tokenizer: Tokenizer, tiny_tokens: PromptTokens
) -> None:
    group = writer.group([shown(title) for title in TEXTS], absent=[])
    assert len(group.blocks) == len(TEXTS)
    passages = passages_of(group, tiny_tokenizer)
    texts = {text_of(block, tiny_tokenizer): block for block in group.blocks}
    for passage in passages:
        item = question_on(passage.label)
        (text,) = (text for text in texts if text.startswith(f"Question: {item.question}"))
        prompt = grounded(item.question, passages, lines=lines_of(text, passages))
        answer = f" {item.answer} [{passage.number}]"
        assert text_of(group.context, tiny_tokenizer) + text == f"{prompt.text}{answer}{END}"
        ids = [*tiny_tokens.encode_prompt(prompt), *tiny_tokens.answer(answer)]
        assert [*group.context.ids, *texts[text].ids] == ids


def test_the_best_lines_are_the_answers_clause_and_clauses_of_other_sentences(
    writer: GroundedWriter, tiny_tokenizer: Tokenizer
) -> None:
    group = writer.group([shown(title) for title in TEXTS], absent=[])
    passages = passages_of(group, tiny_tokenizer)
    cuts = {
        (sentence.number, text)
        for sentence in sentences_of(passages)
        for text in clause_texts(sentence.text)
    }
    for block in group.blocks:
        lines = lines_of(text_of(block, tiny_tokenizer), passages)
        assert len(lines) == NUM_LINES
        found = {(line.number, line.text) for line in lines}
        assert found <= cuts
        answer = text_of(block, tiny_tokenizer, kind=ANSWER).removesuffix(END)
        assert [f" {text} [{number}]" for number, text in found].count(answer) == 1


def test_only_the_answer_is_learned_as_one_and_the_passages_as_language(
    writer: GroundedWriter, tiny_tokenizer: Tokenizer
) -> None:
    group = writer.group([shown("Fares")], absent=[])
    (block,) = group.blocks
    answer = question_on("Fares").answer
    assert text_of(block, tiny_tokenizer, kind=ANSWER) == f" {answer} [1]{END}"
    assert text_of(block, tiny_tokenizer, kind=NOTHING).endswith("Answer:")
    assert set(group.context.learned) == {LANGUAGE}


def test_a_question_whose_sentence_was_taken_out_is_refused(
    writer: GroundedWriter, tiny_tokenizer: Tokenizer
) -> None:
    lacking = writer.without_answer(shown("Boats"))
    assert lacking.unanswered == (question_on("Boats").question,)
    assert question_on("Boats").sentence not in lacking.passage
    assert "Her sister was never built" in lacking.passage
    group = writer.group([lacking, shown("Fares")], absent=[])
    answers = [text_of(block, tiny_tokenizer, kind=ANSWER) for block in group.blocks]
    assert f" {REFUSAL}{END}" in answers
    assert len(answers) == 2


def test_a_passage_that_still_tells_or_has_nothing_left_stays_as_it_was(
    writer: GroundedWriter,
) -> None:
    item = question_on("Boats")
    twice = replace(item, passage=f"{item.passage} {item.answer}, as I said.")
    assert writer.without_answer(Shown("Boats", twice.passage, (twice,))).questions
    bare = Shown("Boats", item.sentence, (item,))
    assert writer.without_answer(bare) == bare


def test_a_question_about_something_else_is_refused_unless_the_passages_tell(
    writer: GroundedWriter, tiny_tokenizer: Tokenizer
) -> None:
    group = writer.group([shown("Fares")], absent=[question_on("Weather"), question_on("Fares")])
    texts = [text_of(block, tiny_tokenizer) for block in group.blocks]
    refused = [text for text in texts if text.endswith(f"Answer: {REFUSAL}{END}")]
    assert len(refused) == 1
    assert question_on("Weather").question in refused[0]
    assert len(texts) == 2


def test_a_question_whose_sentence_search_misses_is_left_out(writer: GroundedWriter) -> None:
    lost = replace(
        question_on("Boats"),
        question="What do children and dogs on a lead pay for a ticket to her sister's crane room?",
    )
    assert all(
        lost.answer not in best.text
        for best in focus(
            lost.question,
            [NumberedText(n, text, title) for n, (title, (text, *_)) in enumerate(TEXTS.items())],
            rank=lexical,
            limit=NUM_SENTENCES,
        )
    )
    both = [Shown("Boats", lost.passage, (lost,)), shown("Fares")]
    assert len(writer.group(both, absent=[]).blocks) == 1


def test_nothing_is_longer_than_the_length(tiny_tokens: PromptTokens) -> None:
    def group_within(length: int) -> Group:
        writer = GroundedWriter(tiny_tokens, rng=random.Random(3), length=length)
        return writer.group([shown(title) for title in TEXTS], absent=[])

    whole = group_within(10_000)
    lengths = range(len(whole.context.ids), len(whole), 20)
    groups = [group_within(length) for length in lengths]
    assert all(len(group) <= length for length, group in zip(lengths, groups, strict=True))
    assert {len(group.blocks) for group in groups} == {0, 1, 2}
    assert group_within(len(whole)) == whole


def test_longer_rows_hold_more_passages(tiny_tokens: PromptTokens) -> None:
    def counts(length: int) -> set[int]:
        writer = GroundedWriter(tiny_tokens, rng=random.Random(3), length=length)
        return {writer.num_passages() for _ in range(100)}

    assert counts(1024) == {1, 2, 3, 4}
    assert counts(2048) == {3, 4, 5}
