"""What the proxy shows of a guess: scores of its own tokens, and of nothing that came behind them."""

from pathlib import Path

import pytest

from decoding import Engine, NoDrafts, load_model
from pipeline.proxy import Proxy
from pipeline.tokenizer import load_tokenizer

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


def proxy_of(folder: Path, *, engine: Engine | None = None) -> Proxy:
    return Proxy(engine or Engine(load_model(folder)), load_tokenizer(folder), guess_tokens=24)


def test_the_line_break_that_ends_a_guess_is_paid_for_but_not_scored(line_breaker: Path) -> None:
    guesses = [proxy_of(line_breaker).guess(question) for question in QUESTIONS]
    ended = [guess for guess in guesses if guess.num_tokens < 24]
    assert ended
    assert all(len(guess.margins) == guess.num_tokens - 1 for guess in ended)
    assert all("\n" not in guess.text for guess in guesses)


def test_the_scores_of_a_guess_do_not_depend_on_drafts(line_breaker: Path) -> None:
    drafting = proxy_of(line_breaker)
    plain = proxy_of(line_breaker, engine=Engine(load_model(line_breaker), drafter=NoDrafts()))
    for question in QUESTIONS:
        drafting.guess(question)  # so that the second time there is something to draft from
        guess, expected = drafting.guess(question), plain.guess(question)
        assert (guess.text, guess.num_tokens) == (expected.text, expected.num_tokens)
        assert guess.margins == pytest.approx(expected.margins, abs=1e-4)
        assert guess.logprobs == pytest.approx(expected.logprobs, abs=1e-4)
        assert guess.entropies == pytest.approx(expected.entropies, abs=1e-4)
