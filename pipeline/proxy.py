"""SlimPLM's slim proxy: a small model that drafts an answer without any passage and shows how sure it is."""

from collections.abc import Iterator

from decoding import Engine, Request, TokenScore
from pipeline import prompts
from pipeline.tokenizer import FirstLine, TextTokenizer
from pipeline.types import Guess


class Proxy:
    def __init__(self, engine: Engine, tokenizer: TextTokenizer, *, guess_tokens: int) -> None:
        self.engine = engine
        self.tokenizer = tokenizer
        self.guess_tokens = guess_tokens

    def guess(self, question: str) -> Guess:
        """The heuristic answer (SlimPLM, section 3.1), greedy; its token probabilities come for free."""
        line = FirstLine(self.tokenizer)
        scores: list[TokenScore] = []
        num_tokens = 0
        for token, score in self._write(question):
            num_tokens += 1
            line.push((token,))
            if (
                line.is_over
            ):  # how sure its end was must not count: other guesses end without a line break
                break
            scores.append(score)

        return Guess(
            line.text.strip(),
            margins=tuple(score.margin for score in scores),
            num_tokens=num_tokens,
            logprobs=tuple(score.logprob for score in scores),
            entropies=tuple(score.entropy for score in scores),
        )

    def _write(self, question: str) -> Iterator[tuple[int, TokenScore]]:
        request = Request(
            prompt=self.tokenizer.encode_prompt(prompts.closed_book(question)),
            max_new_tokens=self.guess_tokens,
            stop_ids=self.engine.model.stop_ids,
            wants_scores=True,
        )
        for step in self.engine.generate([request]):
            yield from zip(step.tokens, step.scores, strict=True)
