"""SlimPLM's own judge: a model trained to say whether a guess shows its question to be known."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from decoding import Choice, Engine, Request
from pipeline.slimplm_format import KNOWN, TASK, UNKNOWN, coarse_prompt, is_known
from pipeline.tokenizer import TextStream, TextTokenizer, load_tokenizer
from pipeline.types import Case, Judgement

EVEN_ODDS = 0.5
TASK_FILE = (
    "slimplm_task.txt"  # the system sentence of SlimPLM's training data, for its released weights
)
VERDICT_TOKENS = 16  # hold `<Known(False)>` in any vocabulary


@dataclass(frozen=True, slots=True)
class CoarseModel:
    """A model that was trained to read a question with a coarse answer to it; it knows no chat template but its own."""

    engine: Engine
    tokenizer: TextTokenizer
    task: str = TASK

    def prompt(self, question: str, guess: str) -> list[int]:
        return self.tokenizer.encode_unframed(coarse_prompt(question, guess, task=self.task))

    def has_room(self, prompt: Sequence[int], *, num_tokens: int) -> bool:
        """Whether it can read the prompt and write so many tokens."""
        return len(prompt) + num_tokens <= self.engine.model.context


@dataclass(frozen=True, slots=True)
class LikelihoodGate:
    """The judge's probability of `<Known(False)>`, where it may say that or `<Known(True)>`.

    Cases are read as one batch, what the two sayings share once. It reads what a case says and none of its figures.
    """

    model: CoarseModel
    threshold: float = EVEN_ODDS

    def judge(self, cases: Sequence[Case]) -> list[Judgement]:
        """One judgement per case; a case that the judge cannot read whole needs passages."""
        return [
            Judgement(score, f"the judge's chance of a wrong guess {score:.2f}")
            for score in self._scores(cases)
        ]

    def _scores(self, cases: Sequence[Case]) -> Iterator[float]:
        prompts = [self.model.prompt(case.question, case.guess.text) for case in cases]
        sayings = [self.model.tokenizer.encode(saying) for saying in (KNOWN, UNKNOWN)]
        longest = max(map(len, sayings))
        fitting = [prompt for prompt in prompts if self.model.has_room(prompt, num_tokens=longest)]
        pairs = iter(self._logprobs([(prompt, said) for prompt in fitting for said in sayings]))
        for prompt in prompts:
            if self.model.has_room(prompt, num_tokens=longest):
                known, unknown = next(pairs), next(pairs)
                yield share_of(unknown, known)
            else:
                yield 1.0

    def _logprobs(self, texts: Sequence[tuple[list[int], list[int]]]) -> list[float]:
        """Of each saying behind its prompt, in nats."""
        totals = [0.0] * len(texts)
        vocabulary = self.model.engine.model.vocabulary
        requests = [
            Request(
                prompt=prompt,
                max_new_tokens=len(said),
                constraint=Choice([said], vocabulary=vocabulary),
                wants_scores=True,
            )
            for prompt, said in texts
        ]
        for step in self.model.engine.generate(requests):
            totals[step.request] += sum(score.logprob for score in step.scores)

        return totals


def share_of(logprob: float, other: float) -> float:
    """Of a probability in the sum of both."""
    return 1 / (1 + math.exp(min(other - logprob, 700.0)))  # beyond, the share is nought anyway


@dataclass(frozen=True, slots=True)
class VerdictGate:
    """What the judge writes, freely and greedily: the need is 0 or 1. For models whose likelihoods say little."""

    model: CoarseModel
    threshold: float = EVEN_ODDS

    def judge(self, cases: Sequence[Case]) -> list[Judgement]:
        """One judgement per case; what the judge cannot read, or says otherwise, needs passages."""
        prompts = [self.model.prompt(case.question, case.guess.text) for case in cases]
        fitting = [
            place
            for place, prompt in enumerate(prompts)
            if self.model.has_room(prompt, num_tokens=VERDICT_TOKENS)
        ]
        verdicts = [TextStream(self.model.tokenizer) for _ in prompts]
        requests = [
            Request(
                prompt=prompts[place],
                max_new_tokens=VERDICT_TOKENS,
                stop_ids=self.model.engine.model.stop_ids,
            )
            for place in fitting
        ]
        for step in self.model.engine.generate(requests):
            verdicts[fitting[step.request]].push(step.tokens)

        return [verdict_of(verdict.text) for verdict in verdicts]


def verdict_of(text: str) -> Judgement:
    if is_known(text):
        return Judgement(0.0, f"the judge says {KNOWN}")
    return Judgement(1.0, f"the judge does not say {KNOWN}")


def load_coarse_model(name: str, *, dtype: str) -> CoarseModel:
    """By folder or Hugging Face id; a folder may hold the task that its weights were trained behind, in `TASK_FILE`.

    Raises what `load_model` and `load_tokenizer` raise.
    """
    from decoding import load_model

    file = Path(name) / TASK_FILE
    task = file.read_text(encoding="utf-8").strip() if file.is_file() else TASK
    return CoarseModel(Engine(load_model(name, dtype=dtype)), load_tokenizer(name), task)
