"""Blocks over a window: the product's prompt and forced form, with only the summaries to learn."""

import random
from collections.abc import Sequence

import pytest
from tokenizers import Tokenizer

from pipeline.prompts import NOTHING_SAID, NumberedText, multi_query
from pipeline.summarize import parse_summaries
from training.exercises import ANSWER, LANGUAGE, Group, Piece
from training.meetings import Window, WindowQuery
from training.prompt_tokens import PromptTokens
from training.windows import MOST_WORDS, WindowWriter, summary_of

TURNS = [
    NumberedText(1, 'We said "nine" \\ ten, and the harbour wall needs repair in spring.', "Ann"),
    NumberedText(2, "The crane of the Kittiwake was broken again last Tuesday.", "Bob"),
    NumberedText(3, "Um, so tickets for dogs should cost one pound from June on.", "Ann"),
    NumberedText(4, "Nobody has paid for the tea in the waiting room since May.", "Bob"),
]
QUERIES = [
    WindowQuery("What about the harbour wall?", "the harbour wall needs repair in spring"),
    WindowQuery("What did Bob say about the crane?", "crane of the Kittiwake was broken again"),
    WindowQuery("Tickets for dogs?", "tickets for dogs should cost one pound"),
    WindowQuery("Who paid for the tea?", None),
]
ANSWERED = QUERIES[:3]


def group_of(
    tokens: PromptTokens, queries: Sequence[WindowQuery], *, length: int = 1024, seed: int = 3
) -> Group:
    writer = WindowWriter(tokens, rng=random.Random(seed), length=length)
    return writer.group(Window(TURNS, queries))


def text_of(piece: Piece, tokenizer: Tokenizer, *, kind: int | None = None) -> str:
    chosen = [i for i, k in zip(piece.ids, piece.learned, strict=True) if kind in (None, k)]
    return str(tokenizer.decode(chosen, skip_special_tokens=False))


@pytest.mark.parametrize("length", [1024, 2048])
def test_the_forced_answer_parses_into_as_many_summaries_as_queries(
    length: int, tiny_tokens: PromptTokens, tiny_tokenizer: Tokenizer
) -> None:
    asked: list[int] = []
    for seed in range(8):
        group = group_of(tiny_tokens, ANSWERED, length=length, seed=seed)
        for block in group.blocks:
            prompt, _, answer = text_of(block, tiny_tokenizer).partition("Summaries as JSON:\n")
            num_queries = sum(query.text in prompt for query in ANSWERED)
            summaries = parse_summaries(answer)
            assert len(summaries) == num_queries
            learned = text_of(block, tiny_tokenizer, kind=ANSWER)
            assert learned == "".join(f'{summary}"' for summary in summaries)
            asked.append(num_queries)
    assert set(asked) >= ({1, 2} if length == 1024 else {3})


def test_context_and_block_begin_with_the_products_prompt(
    tiny_tokens: PromptTokens, tiny_tokenizer: Tokenizer
) -> None:
    group = group_of(tiny_tokens, ANSWERED[:1])
    (block,) = group.blocks
    prompt = multi_query(TURNS, [ANSWERED[0].text])
    ids = tiny_tokens.encode_prompt(prompt)
    assert (group.context.ids + block.ids)[: len(ids)] == ids
    assert set(group.context.learned) == {LANGUAGE}
    assert "Queries:" not in text_of(group.context, tiny_tokenizer)


def test_every_query_is_asked_once_in_some_block(
    tiny_tokens: PromptTokens, tiny_tokenizer: Tokenizer
) -> None:
    texts = [
        text_of(block, tiny_tokenizer).partition("For each query")[0]
        for block in group_of(tiny_tokens, ANSWERED, seed=5).blocks
    ]
    assert [sum(query.text in text for text in texts) for query in ANSWERED] == [1, 1, 1]


def test_a_query_that_the_window_says_nothing_on_is_asked_sometimes_and_told_so(
    tiny_tokens: PromptTokens, tiny_tokenizer: Tokenizer
) -> None:
    found = [group_of(tiny_tokens, QUERIES[3:], seed=seed).blocks for seed in range(30)]
    told = {text_of(block, tiny_tokenizer, kind=ANSWER) for blocks in found for block in blocks}
    assert told == {f'{NOTHING_SAID}"'}
    assert 0 < sum(not blocks for blocks in found) < 30


def test_nothing_is_longer_than_the_length(tiny_tokens: PromptTokens) -> None:
    context = len(group_of(tiny_tokens, []))
    for length in range(context, context + 500, 50):
        assert len(group_of(tiny_tokens, ANSWERED, length=length)) <= length


def test_a_summary_reports_the_turn_closest_to_what_was_wanted() -> None:
    assert summary_of(TURNS, QUERIES[1].target) == (
        "Bob said that the crane of the Kittiwake was broken again last Tuesday [2]."
    )


def test_a_second_turn_is_reported_where_it_is_close_as_well() -> None:
    wanted = "The harbour wall needs repair, and tickets for dogs should cost one pound"
    summary = summary_of(TURNS, wanted)
    assert "[1]" in summary
    assert "[3]" in summary


def test_a_summary_of_two_turns_has_so_many_words_at_most() -> None:
    long = [
        NumberedText(n, f"The harbour wall needs repair {'very ' * 25}soon.", "Ann") for n in (1, 2)
    ]
    summary = summary_of(long, "harbour wall needs repair")
    assert summary.count("[") == 1
    assert len(summary.split()) <= MOST_WORDS


def test_silence_is_told_as_the_prompt_asks() -> None:
    assert summary_of(TURNS, None) == NOTHING_SAID
