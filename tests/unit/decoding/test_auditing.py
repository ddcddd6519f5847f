"""The audit finds every token that the model would not have written, and nothing else."""

import pytest

from decoding import CausalModel, Engine, Request, SamplingParams, tiny_model
from decoding.auditing import audit
from decoding.choice import Choice
from decoding.errors import EmptyPrompt, PromptTooLong, UnknownTokens

PROMPT = [5, 9, 2, 7, 5, 9]


@pytest.fixture(scope="module")
def model() -> CausalModel:
    return tiny_model(3)


def written(model: CausalModel, sampling: SamplingParams) -> list[int]:
    request = Request(PROMPT, max_new_tokens=40, sampling=sampling)
    return [token for step in Engine(model).generate([request]) for token in step.tokens]


@pytest.mark.parametrize("sampling", [SamplingParams(), SamplingParams(temperature=0.9, seed=4)])
def test_what_the_engine_writes_passes(model: CausalModel, sampling: SamplingParams) -> None:
    report = audit(model, PROMPT, output=written(model, sampling), sampling=sampling)
    assert (report.num_tokens, report.findings) == (40, ())
    assert report.is_lossless(epsilon=0.0)
    assert report.narrowest > 0


@pytest.mark.parametrize("place", [0, 7, 39])
def test_a_changed_token_is_found_where_it_stands(model: CausalModel, place: int) -> None:
    output = written(model, SamplingParams())
    right = output[place]
    output[place] = (right + 1) % model.vocabulary
    report = audit(model, PROMPT, output=output)
    first = report.findings[0]
    assert (first.position, first.written, first.chosen) == (place, output[place], right)
    assert first.gap > 0
    assert not report.is_lossless(epsilon=1e-4)


def test_a_text_longer_than_one_pass_is_checked_to_its_end(model: CausalModel) -> None:
    prompt = [token % model.vocabulary for token in range(300)]
    request = Request(prompt, max_new_tokens=60)
    output = [t for step in Engine(model).generate([request]) for t in step.tokens]
    assert audit(model, prompt, output=output).findings == ()
    output[-1] = (output[-1] + 1) % model.vocabulary
    assert [f.position for f in audit(model, prompt, output=output).findings] == [59]


def test_what_cannot_be_audited_is_refused_by_name(model: CausalModel) -> None:
    with pytest.raises(EmptyPrompt):
        audit(model, [], output=[1])
    with pytest.raises(PromptTooLong):
        audit(model, [1] * 500, output=[1] * 100)
    with pytest.raises(UnknownTokens):
        audit(model, [1], output=[96])


@pytest.fixture(scope="module")
def form(model: CausalModel) -> Choice:
    return Choice([[4, 8, 15], [4, 16, 23, 42], [7, 7]], vocabulary=model.vocabulary)


def chosen(model: CausalModel, form: Choice) -> list[int]:
    request = Request(PROMPT, max_new_tokens=40, constraint=form)
    return [token for step in Engine(model).generate([request]) for token in step.tokens]


def test_a_text_held_to_a_form_is_checked_within_the_form(model: CausalModel, form: Choice) -> None:
    output = chosen(model, form)
    assert audit(model, PROMPT, output=output, constraint=form).findings == ()
    assert audit(model, PROMPT, output=output).findings  # by itself the model writes something else


def test_a_choice_that_the_model_does_not_make_is_found_with_its_gap(
    model: CausalModel, form: Choice
) -> None:
    output = chosen(model, form)
    other = [7, 7] if output[0] == 4 else [4, 8, 15]
    (first, *_) = audit(model, PROMPT, output=other, constraint=form).findings
    assert (first.position, first.written, first.chosen) == (0, other[0], output[0])
    assert 0 < first.gap < float("inf")


def test_a_token_that_the_form_forbids_ends_the_check(model: CausalModel, form: Choice) -> None:
    report = audit(model, PROMPT, output=[7, 9, 9], constraint=form)
    forbidden = report.findings[-1]
    assert (forbidden.position, forbidden.written, forbidden.chosen) == (1, 9, 7)
    assert forbidden.gap == float("inf")
    assert not report.is_lossless(epsilon=1.0)


def test_where_everything_was_forced_there_was_no_second_choice(model: CausalModel) -> None:
    form = Choice([[5, 6, 7]], vocabulary=model.vocabulary)
    report = audit(model, PROMPT, output=[5, 6, 7], constraint=form)
    assert (report.findings, report.narrowest) == ((), float("inf"))
