"""SlimPLM's slim proxy: a small model that drafts an answer without any passage and shows how sure it is."""

from decoding import Engine, Request
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
        request = Request(
            prompt=self.tokenizer.encode_prompt(prompts.closed_book(question)),
            max_new_tokens=self.guess_tokens,
            stop_ids=self.engine.model.stop_ids,
            wants_scores=True,
        )
        line = FirstLine(self.tokenizer)
        margins: list[float] = []
        for step in self.engine.generate([request]):
            line.push(step.tokens)
            margins += [score.margin for score in step.scores]
            if line.is_over:
                break

        return Guess(line.text.strip(), tuple(margins), num_tokens=len(margins))
