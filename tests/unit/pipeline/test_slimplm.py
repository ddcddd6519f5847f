"""SlimPLM's own judge and rewriter: figures against transformers' own, on random weights; words on weights that were
taught a few sentences by heart."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from decoding import Engine, Request, Step
from pipeline import load_settings
from pipeline.errors import ModelNotNamed, UnknownRewriter
from pipeline.judge import Judge
from pipeline.judges import open_gate
from pipeline.proxy import Thought
from pipeline.rewrite import MOST_QUERIES, GuessRewriter, plan_of
from pipeline.rewriters import open_rewriter
from pipeline.slimplm import (
    TASK_FILE,
    CoarseModel,
    LikelihoodGate,
    VerdictGate,
    load_coarse_model,
    share_of,
)
from pipeline.slimplm_format import KNOWN, UNKNOWN, Lookup, coarse_prompt
from pipeline.slimplm_rewriter import TrainedRewriter, distrusted
from pipeline.tokenizer import load_tokenizer
from pipeline.types import Case, Guess, Judgement, PlannedQuery, Question

END_TOKEN = 0
ROWS = ("Who rows?", "Ann rows the ferry.")
SINGS = ("Who sings?", "Bo sings.")
MENDS = ("Who mends nets?", "Cy.")
SUB = Lookup("Who is Ann?", True, "Ann rower")
NEEDLESS = Lookup("What is a ferry?", False, "ferry")
BOAT = Lookup("Ann rows (at) noon.", True, "when Ann rows")
REWRITTEN = (
    "<Questions> <Question(Who is Ann?)> <NeedSearch(True)> <Query(Ann rower)> "
    "<Question(What is a ferry?)> <NeedSearch(False)> <Query(ferry)> </Questions> "
    "<Claims> <Claim(Ann rows (at) noon.)> <NeedSearch(True)> <Query(when Ann rows)> </Claims> "
)


def case(pair: tuple[str, str]) -> Case:
    return Case(pair[0], Guess(pair[1], (), num_tokens=0))


def thought(text: str) -> Thought:
    return Thought(Guess(text, (), num_tokens=0), ("Is this searched for?",))


@pytest.fixture(scope="module")
def random_model(tiny_checkpoint: Path) -> CoarseModel:
    return load_coarse_model(str(tiny_checkpoint), dtype="float32")


@pytest.fixture(scope="module")
def taught_judge(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Knows who rows and when, not who sings, and raves about nets."""
    folder = tmp_path_factory.mktemp("judges") / "judge"
    return teach(
        {
            ROWS: f"{KNOWN} ",
            (BOAT.query, BOAT.text): f"{KNOWN} ",
            SINGS: f"{UNKNOWN} ",
            MENDS: "Nets are mended.",
        },
        checkpoint=tiny_checkpoint,
        folder=folder,
    )


@pytest.fixture(scope="module")
def taught_rewriter(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rewriters") / "rewriter"
    return teach(
        {ROWS: REWRITTEN, SINGS: "I cannot say."}, checkpoint=tiny_checkpoint, folder=folder
    )


def teach(answers: Mapping[tuple[str, str], str], *, checkpoint: Path, folder: Path) -> Path:
    """The tiny model with these answers learned by heart, end token and all."""
    import torch
    from transformers import LlamaForCausalLM

    tokenizer = load_tokenizer(checkpoint)
    rows, labels = [], []
    for pair, text in answers.items():
        prompt = tokenizer.encode_unframed(coarse_prompt(*pair))
        told = [*tokenizer.encode(text), END_TOKEN]
        rows.append(torch.tensor(prompt + told))
        labels.append(torch.tensor([-100] * len(prompt) + told))
    batch = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    wanted = torch.nn.utils.rnn.pad_sequence(labels, batch_first=True, padding_value=-100)
    model = LlamaForCausalLM.from_pretrained(checkpoint)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(70):
        model(batch, labels=wanted).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    shutil.copytree(checkpoint, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    model.save_pretrained(folder)
    return folder


def logprob_of(folder: Path, pair: tuple[str, str], saying: str) -> float:
    """Of a saying behind its prompt, by transformers itself."""
    import torch
    from transformers import LlamaForCausalLM

    tokenizer = load_tokenizer(folder)
    prompt = tokenizer.encode_unframed(coarse_prompt(*pair))
    said = tokenizer.encode(saying)
    model = LlamaForCausalLM.from_pretrained(folder)
    with torch.inference_mode():
        logits = model(torch.tensor([prompt + said])).logits[0, len(prompt) - 1 : -1]
    chosen = logits.log_softmax(-1)[range(len(said)), said]
    return float(chosen.sum())


def test_the_need_is_the_share_of_unknown_in_both_likelihoods(
    random_model: CoarseModel, tiny_checkpoint: Path
) -> None:
    cases = [case(pair) for pair in (ROWS, SINGS, MENDS)]
    scores = [judgement.score for judgement in LikelihoodGate(random_model).judge(cases)]
    expected = [
        share_of(
            logprob_of(tiny_checkpoint, pair, UNKNOWN), logprob_of(tiny_checkpoint, pair, KNOWN)
        )
        for pair in (ROWS, SINGS, MENDS)
    ]
    assert scores == pytest.approx(expected, abs=1e-4)
    assert len({round(score, 4) for score in scores}) == 3


def test_a_batch_judges_each_case_as_alone(random_model: CoarseModel) -> None:
    gate = LikelihoodGate(random_model)
    cases = [case((f"Who is number {number}?", "Nobody.")) for number in range(12)]
    together = [judgement.score for judgement in gate.judge(cases)]
    alone = [gate.judge([one])[0].score for one in cases]
    assert together == pytest.approx(alone, abs=1e-4)
    assert gate.judge([]) == []


class Watched:
    """An engine that notes how much of its prompt each text took over from another."""

    def __init__(self, engine: Engine) -> None:
        self.model = engine.model
        self.cached: list[int] = []
        self._engine = engine

    def generate(self, requests: Sequence[Request]) -> Iterator[Step]:
        for step in self._engine.generate(requests):
            self.cached.append(step.cost.cached_tokens)
            yield step


def test_both_sayings_of_a_case_read_its_prompt_once(tiny_checkpoint: Path) -> None:
    model = load_coarse_model(str(tiny_checkpoint), dtype="float32")
    watched = Watched(model.engine)
    LikelihoodGate(replace(model, engine=cast("Engine", watched))).judge([case(ROWS)])
    assert max(watched.cached) >= len(model.prompt(*ROWS)) - 1


@pytest.mark.parametrize(
    ("logprob", "other", "expected"),
    [(0.0, 0.0, 0.5), (-1000.0, 0.0, 0.0), (0.0, -1000.0, 1.0), (-1e9, -1e9, 0.5)],
)
def test_a_share_is_a_probability_however_unlikely_both_are(
    logprob: float, other: float, expected: float
) -> None:
    assert share_of(logprob, other) == pytest.approx(expected)


def test_a_taught_judge_knows_what_it_was_taught(taught_judge: Path) -> None:
    cases = [case(pair) for pair in (ROWS, SINGS)]
    for kind in ("slimplm", "slimplm-verdict"):
        gate = open_gate(load_settings(judge=f"{kind}:{taught_judge}"))
        known, unknown = gate.judge(cases)
        assert known.score < 0.1
        assert unknown.score > 0.9
        assert gate.threshold == 0.5


def test_a_verdict_that_cannot_be_read_needs_passages(taught_judge: Path) -> None:
    gate = VerdictGate(load_coarse_model(str(taught_judge), dtype="float32"))
    (raving,) = gate.judge([case(MENDS)])
    assert (raving.score, raving.reason) == (1.0, "the judge does not say <Known(True)>")


def test_a_case_too_long_for_the_judge_needs_passages(random_model: CoarseModel) -> None:
    cases = [case(("Who? " * 4000, "Ann.")), case(ROWS)]
    (expected,) = LikelihoodGate(random_model).judge(cases[1:])
    too_long, fits = LikelihoodGate(random_model).judge(cases)
    assert too_long.score == 1.0
    assert fits.score == pytest.approx(expected.score, abs=1e-4)
    assert VerdictGate(random_model).judge(cases)[0].score == 1.0


def test_the_settings_threshold_wins(tiny_checkpoint: Path) -> None:
    settings = load_settings(judge=f"slimplm:{tiny_checkpoint}", gate_threshold=0.3)
    assert open_gate(settings).threshold == 0.3


class KnowsAbout:
    """A gate that trusts claims with a certain word."""

    threshold = 0.5

    def __init__(self, word: str) -> None:
        self.word = word
        self.batches: list[list[Case]] = []

    def judge(self, cases: Sequence[Case]) -> list[Judgement]:
        self.batches.append(list(cases))
        return [Judgement(float(self.word not in each.guess.text), "word") for each in cases]


def test_sub_questions_and_claims_are_searched_for(taught_rewriter: Path) -> None:
    model = load_coarse_model(str(taught_rewriter), dtype="float32")
    rewriter = TrainedRewriter(model, filters_claims=False)
    rewriting, _ = rewriter._write(model.prompt(*ROWS))
    assert (rewriting.sub_questions, rewriting.claims) == ((SUB, NEEDLESS), (BOAT,))
    plan = rewriter.plan(Question(ROWS[0]), thought(ROWS[1]), judge=Judge(KnowsAbout("nothing")))
    assert plan.queries == (
        PlannedQuery(ROWS[0], "question"),
        PlannedQuery(SUB.query, "sub-question"),
        PlannedQuery(BOAT.query, "claim"),
    )
    assert plan.num_read == len(model.prompt(*ROWS))
    assert plan.num_written >= len(model.tokenizer.encode(REWRITTEN.strip()))


def test_claims_that_the_gate_knows_are_not_searched_for(taught_rewriter: Path) -> None:
    model = load_coarse_model(str(taught_rewriter), dtype="float32")
    rewriter = TrainedRewriter(model, filters_claims=True)
    for word, expected in (("noon", (ROWS[0], SUB.query)), ("x", (ROWS[0], SUB.query, BOAT.query))):
        gate = KnowsAbout(word)
        plan = rewriter.plan(Question(ROWS[0]), thought(ROWS[1]), judge=Judge(gate))
        assert plan.texts == expected
        assert [[each.question for each in batch] for batch in gate.batches] == [[BOAT.query]]


def test_the_filter_asks_once_for_all_claims_and_not_for_none() -> None:
    gate = KnowsAbout("old")
    claims = [Lookup(f"An {age} boat.", True, f"{age}?") for age in ("old", "young", "even older")]
    assert distrusted(claims, gate) == [claims[1]]
    assert [len(batch) for batch in gate.batches] == [3]
    assert distrusted([], gate) == []
    assert len(gate.batches) == 1


def test_what_the_judge_was_taught_filters_what_the_rewriter_was_taught(
    taught_judge: Path, taught_rewriter: Path
) -> None:
    settings = load_settings(judge=f"slimplm:{taught_judge}", rewriter=f"slimplm:{taught_rewriter}")
    rewriter = open_rewriter(settings)
    plan = rewriter.plan(Question(ROWS[0]), thought(ROWS[1]), judge=Judge(open_gate(settings)))
    assert plan.texts == (ROWS[0], SUB.query)  # it knows when Ann rows


def test_a_rewriter_that_says_nothing_leaves_the_question(taught_rewriter: Path) -> None:
    model = load_coarse_model(str(taught_rewriter), dtype="float32")
    rewriter = TrainedRewriter(model, filters_claims=True)
    judge = Judge(KnowsAbout("nothing"))
    assert rewriter.plan(Question(SINGS[0]), thought(SINGS[1]), judge=judge).texts == SINGS[:1]
    too_long = "Who? " * 4000
    assert rewriter.plan(Question(too_long), thought(""), judge=judge).texts == (too_long,)


def test_noise_from_a_random_model_is_read_without_complaint(random_model: CoarseModel) -> None:
    rewriter = TrainedRewriter(random_model, filters_claims=True, most_tokens=60)
    plan = rewriter.plan(Question("Who?"), thought("Ann."), judge=Judge(KnowsAbout("")))
    assert plan.texts[0] == "Who?"
    assert 0 < plan.num_written <= 60


def test_queries_of_the_caller_replace_what_the_model_would_write(
    random_model: CoarseModel,
) -> None:
    rewriter = TrainedRewriter(random_model, filters_claims=True)
    question = Question("Who?", queries=("Ann", "Bo"))
    plan = rewriter.plan(question, thought("Ann."), judge=Judge(KnowsAbout("")))
    assert [(query.text, query.origin) for query in plan.queries] == [
        ("Who?", "question"),
        ("Ann", "caller"),
        ("Bo", "caller"),
    ]
    assert plan.num_written == 0


def test_a_plan_is_short() -> None:
    queries = [PlannedQuery(f"q{number % 7}", "claim") for number in range(20)]
    assert len(plan_of(queries).queries) == MOST_QUERIES


def test_claims_are_filtered_by_judges_that_read_words_alone(
    tiny_checkpoint: Path, taught_judge: Path
) -> None:
    for judge, expected in ((f"slimplm:{taught_judge}", True), ("margin", False), ("auto", False)):
        rewriter = open_rewriter(load_settings(judge=judge, rewriter=f"slimplm:{tiny_checkpoint}"))
        assert isinstance(rewriter, TrainedRewriter)
        assert rewriter.filters_claims is expected


def test_rewriters_are_chosen_by_name() -> None:
    assert isinstance(open_rewriter(load_settings()), GuessRewriter)
    with pytest.raises(ModelNotNamed, match="GLEANDRAFT_REWRITER=slimplm:FOLDER"):
        open_rewriter(load_settings(rewriter="slimplm"))
    with pytest.raises(UnknownRewriter, match="guess, slimplm"):
        open_rewriter(load_settings(rewriter="oracle"))
    for kind in ("slimplm", "slimplm-verdict"):
        with pytest.raises(ModelNotNamed, match=f"GLEANDRAFT_JUDGE={kind}:FOLDER"):
            open_gate(load_settings(judge=kind))


def test_only_the_start_token_stands_before_a_prompt_with_a_frame_of_its_own(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "chatty"
    shutil.copytree(tiny_checkpoint, folder)
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "bos_token": "<|end|>",
                "chat_template": "{% for m in messages %}User: {{ m.content }}{% endfor %} Bot:",
            }
        )
    )
    tokenizer = load_tokenizer(folder)
    prompt = coarse_prompt(*ROWS)
    start, *rest = tokenizer.encode_unframed(prompt)
    assert (start, rest) == (0, tokenizer.encode(prompt.text))
    assert "Bot:" in tokenizer.decode(tokenizer.encode_prompt(prompt))


def test_a_folder_may_hold_the_task_that_its_weights_were_trained_behind(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "released"
    shutil.copytree(tiny_checkpoint, folder)
    (folder / TASK_FILE).write_text("Parse this.\n")
    model = load_coarse_model(str(folder), dtype="float32")
    expected = coarse_prompt(*ROWS, task="Parse this.")
    assert model.prompt(*ROWS) == model.tokenizer.encode_unframed(expected)
