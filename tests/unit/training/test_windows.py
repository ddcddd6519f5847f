"""Blocks over a window: the product's prompt and forced form, with only the summaries to learn."""

import random
from collections.abc import Sequence

import pytest
from tokenizers import Tokenizer

from pipeline.local_window_reader import parse_summaries
from pipeline.prompts import NOTHING_SAID, NumberedText, multi_query
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
    WindowQuery("What about the harbour wall?", is_silent=False),
    WindowQuery("What did Bob say about the crane?", is_silent=False),
    WindowQuery("Tickets for dogs?", is_silent=False),
    WindowQuery("Who fed the parrot?", is_silent=True),
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
        text_of(block, tiny_tokenizer).partition("Queries:")[2].partition("Summaries as")[0]
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


def test_silence_is_never_taught_over_turns_that_seem_to_tell(tiny_tokens: PromptTokens) -> None:
    query = WindowQuery("Who paid for the tea in the waiting room?", is_silent=True)
    assert not any(group_of(tiny_tokens, [query], seed=seed).blocks for seed in range(30))


def test_a_summary_reports_the_turns_shown_in_their_order() -> None:
    assert summary_of([TURNS[1], TURNS[3]]) == (
        "Bob said that the crane of the Kittiwake was broken again last Tuesday [2]. "
        "Bob said that Nobody has paid for the tea in the waiting room since May [4]."
    )


def test_turns_are_shown_while_they_have_so_many_words_at_most(
    tiny_tokens: PromptTokens, tiny_tokenizer: Tokenizer
) -> None:
    lengths = (MOST_WORDS // 2, MOST_WORDS, 9)
    turns = [
        NumberedText(n, f"The harbour wall needs repair{' very' * (length - 6)} soon.", "Ann")
        for n, length in enumerate(lengths, start=1)
    ]
    shown = set()
    for seed in range(20):
        writer = WindowWriter(tiny_tokens, rng=random.Random(seed), length=1024)
        (block,) = writer.group(Window(turns, QUERIES[:1])).blocks
        summary = text_of(block, tiny_tokenizer, kind=ANSWER)
        shown.add(tuple(sorted(n for n in (1, 2, 3) if f"[{n}]" in summary)))
    assert shown == {(1,), (1, 3)}


def test_a_query_without_a_turn_that_is_short_enough_is_not_asked(
    tiny_tokens: PromptTokens,
) -> None:
    turns = [NumberedText(1, f"The wall is {'very ' * MOST_WORDS}old.", "Ann")]
    writer = WindowWriter(tiny_tokens, rng=random.Random(1), length=1024)
    assert not writer.group(Window(turns, QUERIES[:1])).blocks
