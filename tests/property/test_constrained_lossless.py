"""Drafting never changes a token where processors, stop strings, templates, patterns or schemas restrict the text."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from decoding import CausalModel, Cost, Engine, FinishReason, Request, SamplingParams, tiny_model
from decoding.choice import Choice
from decoding.constrain import Constraint, Template
from decoding.errors import GrammarDeadEnd, NoTokenLeft
from decoding.processors import (
    FrequencyPenalty,
    LogitBias,
    LogitsProcessor,
    MinNewTokens,
    NoRepeatNgram,
    PresencePenalty,
    RepetitionPenalty,
)
from decoding.schema import JsonSchema, Lexicon, Pattern
from decoding.stop import StopStrings

TOKENIZER = Path(__file__).parents[2] / "models" / "main" / "tokenizer.json"
VOCABULARY = 96
SPELLING_VOCABULARY = 8_192
STOP = 0
NUM_PROMPTS = 8
NUM_NEW = 24
CLOSING = 9
TOKEN_BYTES = [bytes(random.Random(token).choices(b"ab\n", k=token % 4)) for token in range(96)]
PROCESSORS: list[list[LogitsProcessor]] = [
    [RepetitionPenalty(1.4)],
    [PresencePenalty(1.0)],
    [FrequencyPenalty(0.7)],
    [NoRepeatNgram(2)],
    [LogitBias({7: 4.0, 8: 4.0, 9: -np.inf})],
    [MinNewTokens(12, stop_ids={STOP}), LogitBias({STOP: 9.0})],
    [RepetitionPenalty(0.8), FrequencyPenalty(0.3), NoRepeatNgram(3), PresencePenalty(-0.5)],
]


@dataclass(frozen=True)
class Written:
    texts: list[list[int]]
    finishes: list[FinishReason | None]
    cost: Cost


@pytest.fixture(scope="module")
def model() -> CausalModel:
    return tiny_model(3, vocabulary=VOCABULARY)


@pytest.fixture(scope="module")
def spelling_model() -> CausalModel:
    """A random model over the embedded tokenizer."""
    return tiny_model(4, vocabulary=SPELLING_VOCABULARY)


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return Lexicon(TOKENIZER, vocabulary=SPELLING_VOCABULARY, stop_ids={STOP})


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(TOKENIZER))


def write(engine: Engine, requests: Sequence[Request]) -> Written:
    texts: list[list[int]] = [[] for _ in requests]
    finishes: list[FinishReason | None] = [None for _ in requests]
    cost = Cost()
    for step in engine.generate(requests):
        texts[step.request].extend(step.tokens)
        finishes[step.request] = step.finish
        cost += step.cost

    return Written(texts, finishes, cost)


def requests_like(request: Request, *, vocabulary: int = VOCABULARY) -> list[Request]:
    """The same demands on different prompts, each of which repeats itself in part."""
    rng = random.Random(2)
    found = []
    for seed in range(NUM_PROMPTS):
        phrase = [rng.randrange(vocabulary) for _ in range(rng.randint(1, 5))]
        prompt = [rng.randrange(vocabulary), *phrase, *phrase]
        sampling = replace(request.sampling, seed=seed)
        found.append(replace(request, prompt=prompt, sampling=sampling))

    return found


def noisy(tokens: Sequence[int], rng: random.Random) -> list[int]:
    return [token if rng.random() < 0.85 else rng.randrange(VOCABULARY) for token in tokens]


def assert_drafting_changes_nothing(model: CausalModel, requests: Sequence[Request]) -> Written:
    """What the drafts of all rows wrote, alone and together, is what plain decoding writes."""
    rng = random.Random(1)
    plain = write(Engine(model), [replace(request, draft=False) for request in requests])
    seeded = [
        replace(request, references=[[*request.prompt[-2:], *noisy(text, rng)], noisy(text, rng)])
        for request, text in zip(requests, plain.texts, strict=True)
    ]
    together = write(Engine(model, num_slots=3), seeded)
    assert together.texts == plain.texts
    assert together.finishes == plain.finishes
    alone = [write(Engine(model), [request]) for request in seeded]
    assert [written.texts[0] for written in alone] == plain.texts
    assert together.cost.accepted > 0  # the drafts were put to the test

    return together


@pytest.mark.parametrize("temperature", [0.0, 0.9])
@pytest.mark.parametrize(
    "processors",
    PROCESSORS,
    ids=lambda processors: "+".join(type(processor).__name__ for processor in processors),
)
def test_processors_see_the_path_that_leads_to_each_token(
    processors: list[LogitsProcessor], temperature: float, model: CausalModel
) -> None:
    request = Request(
        prompt=[1],
        max_new_tokens=NUM_NEW,
        stop_ids=frozenset({STOP}),
        sampling=SamplingParams(temperature, top_p=0.95),
        processors=processors,
    )
    assert_drafting_changes_nothing(model, requests_like(request))


def test_what_processors_forbid_is_not_written_inside_accepted_drafts(model: CausalModel) -> None:
    request = Request(
        prompt=[1],
        max_new_tokens=NUM_NEW,
        stop_ids=frozenset({STOP}),
        processors=[MinNewTokens(15, stop_ids={STOP}), NoRepeatNgram(2), LogitBias({STOP: 3.0})],
    )
    for text in assert_drafting_changes_nothing(model, requests_like(request)).texts:
        assert len(text) >= 15
        assert len(set(pairwise(text))) == len(text) - 1


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_stop_strings_end_a_text_inside_an_accepted_path(
    temperature: float, model: CausalModel
) -> None:
    strings = [b"\n\nab", b"aaa", b"bab\n"]
    request = Request(
        prompt=[1],
        max_new_tokens=NUM_NEW,
        sampling=SamplingParams(temperature),
        stop=StopStrings(strings, TOKEN_BYTES),
    )
    written = assert_drafting_changes_nothing(model, requests_like(request))
    for text, finish in zip(written.texts, written.finishes, strict=True):
        holds = [
            any(string in spelled for string in strings)
            for spelled in accumulate(TOKEN_BYTES[token] for token in text)
        ]
        assert not any(holds[:-1])
        assert holds[-1] == (finish is FinishReason.STOP)
    assert FinishReason.STOP in written.finishes


@pytest.mark.parametrize("temperature", [0.0, 1.2])
def test_a_template_is_filled_alike(temperature: float, model: CausalModel) -> None:
    free = np.zeros(VOCABULARY, dtype=np.bool_)
    free[20:60] = True
    closers = np.zeros(VOCABULARY, dtype=np.bool_)
    closers[[CLOSING, 10]] = True
    literals = [[1, 2, 3], [CLOSING, 4, 1], [CLOSING, 5]]
    request = Request(
        prompt=[1],
        max_new_tokens=60,
        sampling=SamplingParams(temperature),
        constraint=Template(literals, free=free, closers=closers, longest_gap=6),
        processors=[NoRepeatNgram(3)],
    )
    written = assert_drafting_changes_nothing(model, requests_like(request))
    assert set(written.finishes) == {FinishReason.STOP}
    for text in written.texts:
        assert text[:3] == literals[0]
        assert text[-2:] == literals[2]
        assert text.count(CLOSING) == 2
    assert written.cost.forced >= NUM_PROMPTS * 6


@pytest.mark.parametrize("temperature", [0.0, 1.2])
def test_a_choice_is_made_alike(temperature: float, model: CausalModel) -> None:
    rng = random.Random(5)
    opening = [rng.randrange(VOCABULARY) for _ in range(3)]
    texts = [[*opening, *rng.choices(range(VOCABULARY), k=20)] for _ in range(6)]
    texts += [[*text[:12], *rng.choices(range(VOCABULARY), k=9)] for text in texts]
    request = Request(
        prompt=[1],
        max_new_tokens=NUM_NEW,
        sampling=SamplingParams(temperature),
        constraint=Choice(texts, vocabulary=VOCABULARY),
    )
    written = assert_drafting_changes_nothing(model, requests_like(request))
    assert all(text in texts for text in written.texts)
    assert len({tuple(text) for text in written.texts}) > 1
    assert set(written.finishes) == {FinishReason.STOP}
    assert written.cost.forced > written.cost.output_tokens / 2


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_schema_is_kept_alike(
    temperature: float, spelling_model: CausalModel, lexicon: Lexicon, tokenizer: Tokenizer
) -> None:
    schema: dict[str, object] = {
        "type": "object",
        "properties": {
            "summary": {"type": "string", "maxLength": 20},
            "turns": {
                "type": "array",
                "items": {"type": "integer", "minimum": 1, "maximum": 99},
                "maxItems": 5,
            },
            "mood": {"enum": ["calm", "cheerful", "not cheerful at all"]},
        },
        "required": ["summary", "turns", "mood"],
        "additionalProperties": False,
    }
    written = assert_drafting_changes_nothing(
        spelling_model, spelled(JsonSchema(lexicon, schema), temperature=temperature)
    )
    assert set(written.finishes) == {FinishReason.STOP}
    for text in written.texts:
        answer = json.loads(tokenizer.decode(text, skip_special_tokens=False))
        assert list(answer) == ["summary", "turns", "mood"]
        assert len(answer["summary"]) <= 20
    assert written.cost.forced > NUM_PROMPTS * 10


def test_a_pattern_is_kept_alike(
    spelling_model: CausalModel, lexicon: Lexicon, tokenizer: Tokenizer
) -> None:
    pattern = Pattern(lexicon, r"(yes|no)( and (yes|no)){3,9}")
    requests = spelled(pattern, temperature=1.0)
    for text in assert_drafting_changes_nothing(spelling_model, requests).texts:
        answer = tokenizer.decode(text, skip_special_tokens=False)
        assert set(answer.split(" and ")) <= {"yes", "no"}


def spelled(constraint: Constraint, *, temperature: float) -> list[Request]:
    request = Request(
        prompt=[1],
        max_new_tokens=200,
        stop_ids=frozenset({STOP}),
        sampling=SamplingParams(temperature),
        constraint=constraint,
    )
    return requests_like(request, vocabulary=SPELLING_VOCABULARY)


def test_a_text_that_nothing_can_continue_fails_alone(model: CausalModel) -> None:
    engine = Engine(model)
    stuck = Request(
        prompt=[1], max_new_tokens=9, processors=[LogitBias(dict.fromkeys(range(96), -np.inf))]
    )
    fine = replace(stuck, processors=())
    failing, working = engine.submit(stuck), engine.submit(fine)
    assert sum(len(step.tokens) for step in working) == 9
    with pytest.raises(NoTokenLeft):
        list(failing)


def test_a_dead_end_of_a_form_fails_alone(spelling_model: CausalModel, tmp_path: Path) -> None:
    form = Pattern(letters_alone(tmp_path), "a(b|c)(X|Y)d")
    engine = Engine(spelling_model)
    stuck = Request(prompt=[1], max_new_tokens=9, constraint=form)
    failing, working = engine.submit(stuck), engine.submit(replace(stuck, constraint=None))
    assert sum(len(step.tokens) for step in working) == 9
    with pytest.raises(GrammarDeadEnd):
        list(failing)


def letters_alone(folder: Path) -> Lexicon:
    """A tokenizer that spells small letters and nothing else."""
    from tokenizers import decoders, models, pre_tokenizers

    tokens = ["<|end|>", *"abcdefghijklmnopqrstuvwxyz"]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|end|>"])
    tokenizer.save(str(folder / "tokenizer.json"))

    return Lexicon(folder / "tokenizer.json", vocabulary=SPELLING_VOCABULARY, stop_ids={STOP})
