"""The audit finds every token that the model would not have written, and nothing else."""

import pytest

from decoding import CausalModel, Engine, Request, SamplingParams, tiny_model
from decoding.auditing import audit
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
