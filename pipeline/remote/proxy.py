"""A slim proxy on a server: its guesses come with the log-probabilities that the server tells."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pipeline import prompts
from pipeline.proxy import SUB_QUESTION_TOKENS, Thought, listed_questions
from pipeline.remote.chat import Malformed
from pipeline.remote.errors import AnswerMalformed, NoLogProbabilities, RequestRefused
from pipeline.remote.logprobs import NotTold, guess_of
from pipeline.remote.model import RemoteModel
from pipeline.remote.refusals import LOGPROBS
from pipeline.types import Guess

NUM_BEST = 5  # most likely tokens asked for at each place; as many as every server tells


class RemoteProxy:
    def __init__(
        self, model: RemoteModel, *, guess_tokens: int, wants_sub_questions: bool = False
    ) -> None:
        self._model = model
        self._guess_tokens = guess_tokens
        self._wants_sub_questions = wants_sub_questions

    def think(self, questions: Sequence[str]) -> list[Thought]:
        """The heuristic answers (SlimPLM, section 3.1), greedy, all asked for at the same time.

        Raises `NoLogProbabilities`, and whatever is wrong with the server or its answers.
        """
        with ThreadPoolExecutor(self._model.connection.limits.at_once) as pool:
            guesses = pool.map(self._guess, questions)
            lists = pool.map(self._sub_questions, questions)
            return list(map(Thought, guesses, lists))

    def count(self, text: str) -> int:
        return self._model.tokens.count(text)

    def close(self) -> None:
        self._model.close()

    def _guess(self, question: str) -> Guess:
        try:
            return guess_of(self._scored(question))
        except NotTold as error:
            raise NoLogProbabilities(self._model.name, str(error)) from None
        except Malformed as error:
            raise AnswerMalformed(self._model.address.url, str(error)) from None

    def _scored(self, question: str) -> dict[str, Any]:
        fields = {"logprobs": True, "top_logprobs": NUM_BEST}
        try:
            return self._model.complete(
                prompts.closed_book(question), max_tokens=self._guess_tokens, fields=fields
            )
        except RequestRefused as error:
            if LOGPROBS.search(error.said):
                raise NoLogProbabilities(self._model.name, error.said) from None
            raise

    def _sub_questions(self, question: str) -> tuple[str, ...]:
        if not self._wants_sub_questions:
            return ()
        pieces = self._model.write(prompts.sub_questions(question), max_tokens=SUB_QUESTION_TOKENS)
        return listed_questions(question, "".join(piece.text for piece in pieces))
