"""What the proxy shows of a guess: scores of its own tokens, and of nothing that came behind them."""

from pathlib import Path

import pytest

from decoding import Engine, NoDrafts, load_model
from pipeline.prompts import closed_book
from pipeline.proxy import LocalProxy, listed_questions
from pipeline.tokenizer import load_tokenizer
from pipeline.types import Guess

QUESTIONS = [f"Who is number {number}?" for number in range(6)]


@pytest.fixture(scope="module")
def line_breaker(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The random model, much given to line breaks."""
    import shutil

    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("models") / "line-breaker"
    shutil.copytree(tiny_checkpoint, folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    (line_break,) = load_tokenizer(folder).encode("\n")
    model.lm_head.weight.data[line_break] *= 4
    model.save_pretrained(folder)

    return folder


def proxy_of(
    folder: Path, *, engine: Engine | None = None, wants_sub_questions: bool = False
) -> LocalProxy:
    return LocalProxy(
        engine or Engine(load_model(folder)),
        load_tokenizer(folder),
        guess_tokens=24,
        wants_sub_questions=wants_sub_questions,
    )


def guesses_of(proxy: LocalProxy, questions: list[str]) -> list[Guess]:
    return [thought.guess for thought in proxy.think(questions)]


def test_the_line_break_that_ends_a_guess_is_paid_for_but_not_scored(line_breaker: Path) -> None:
    guesses = guesses_of(proxy_of(line_breaker), QUESTIONS)
    ended = [guess for guess in guesses if guess.num_tokens < 24]
    assert ended
    assert all(len(guess.margins) == guess.num_tokens - 1 for guess in ended)
    assert all("\n" not in guess.text for guess in guesses)


def test_the_scores_of_a_guess_do_not_depend_on_drafts(line_breaker: Path) -> None:
    drafting = proxy_of(line_breaker)
    plain = proxy_of(line_breaker, engine=Engine(load_model(line_breaker), drafter=NoDrafts()))
    guesses_of(drafting, QUESTIONS)  # so that the second time there is something to draft from
    pairs = zip(guesses_of(drafting, QUESTIONS), guesses_of(plain, QUESTIONS), strict=True)
    for guess, expected in pairs:
        assert_same(guess, expected)


def assert_same(guess: Guess, expected: Guess) -> None:
    assert (guess.text, guess.num_tokens) == (expected.text, expected.num_tokens)
    assert guess.ends == expected.ends
    assert guess.margins == pytest.approx(expected.margins, abs=1e-4)
    assert guess.logprobs == pytest.approx(expected.logprobs, abs=1e-4)
    assert guess.entropies == pytest.approx(expected.entropies, abs=1e-4)


def test_guesses_of_a_batch_are_those_of_each_question_alone(line_breaker: Path) -> None:
    proxy = proxy_of(line_breaker, wants_sub_questions=True)
    together = guesses_of(proxy, QUESTIONS)
    for question, guess in zip(QUESTIONS, together, strict=True):
        assert_same(guess, guesses_of(proxy_of(line_breaker), [question])[0])


def test_the_ends_of_tokens_tell_which_characters_are_theirs(line_breaker: Path) -> None:
    for guess in guesses_of(proxy_of(line_breaker), QUESTIONS):
        assert list(guess.ends) == sorted(guess.ends)
        assert guess.ends[-1:] in ((), (len(guess.text),))
        assert guess.part(0, len(guess.text)).logprobs == guess.logprobs or not guess.ends[0]


def test_the_cost_of_a_guess_counts_what_was_read(line_breaker: Path) -> None:
    tokenizer = load_tokenizer(line_breaker)
    (guess,) = guesses_of(proxy_of(line_breaker), QUESTIONS[:1])
    assert guess.num_read == len(tokenizer.encode_prompt(closed_book(QUESTIONS[0])))


def test_simpler_questions_are_listed_without_their_numbers() -> None:
    text = " Who built the ferry?\n2. When was the ferry built?\n- Is it wet?\nThe ferry is old.\n\n1) "
    assert listed_questions("Who built the ferry of Ada?", text) == (
        "Who built the ferry?",
        "When was the ferry built?",
    )
