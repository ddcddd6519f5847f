"""One model on a server: opened once, asked by any number of threads."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import chain, islice
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pipeline.prompts import Prompt
from pipeline.remote.address import Address
from pipeline.remote.chat import Delta, Malformed, delta_of, request_body
from pipeline.remote.errors import (
    AnswerMalformed,
    AskFailed,
    ModelUnknown,
    NotAnOpenAiServer,
    NothingButThoughts,
    RemoteError,
    RequestRefused,
    SeveralModels,
    StreamCut,
)
from pipeline.remote.listing import Context, context_of, models_in
from pipeline.remote.refusals import to_drop
from pipeline.remote.retry import Patience
from pipeline.remote.spoken import Spoken
from pipeline.remote.tokens import TokenCounter
from pipeline.remote.transport import Connection, Key, Limits
from pipeline.types import Usage

FRAME = 64  # tokens that a chat template puts around a message, system prompt included, at most
LONGEST_TOKEN = (
    32  # characters, on average over a text: a server that writes more ignores its limit
)

T = TypeVar("T")


class RemoteModel:
    """Greedy text for prompts. What its server refuses of a request's trimmings is left out from then on."""

    def __init__(
        self,
        connection: Connection,
        address: Address,
        *,
        context: Context,
        extra: Mapping[str, Any],
    ) -> None:
        self.address = address
        self.context = context
        self.connection = connection
        self.tokens = TokenCounter(connection, root=root_of(address.url), model=address.model)
        self.refused: frozenset[str] = frozenset()  # optional fields that its server does not take
        self.count_prompt = lru_cache(64)(self._count_prompt)
        self._chat_url = f"{address.url}/chat/completions"
        self._extra = dict(extra)

    @property
    def name(self) -> str:
        return str(self.address)

    def close(self) -> None:
        self.connection.close()

    def write(
        self, prompt: Prompt, *, max_tokens: int, fields: Mapping[str, Any] | None = None
    ) -> Iterator[Delta]:
        """The text as it comes, without thoughts. The last piece tells how it ended and what it cost.

        What the server told of the cost comes before an error, too.

        Raises `NothingButThoughts`, and whatever is wrong with the server or its answer.
        """
        spoken, last = Spoken(), Delta()
        num_pieces, room = 0, max_tokens * LONGEST_TOKEN
        has_thought, has_text = False, False
        try:
            for delta in self._deltas(prompt, max_tokens=max_tokens, fields=fields or {}):
                num_pieces += bool(delta.text or delta.is_thought)
                last = Delta(finish=delta.finish or last.finish, usage=delta.usage or last.usage)
                text = spoken.push(delta.text)[:room]
                has_thought = has_thought or delta.is_thought or spoken.is_thinking
                has_text = has_text or bool(text.strip())
                yield Delta(
                    text
                )  # an empty one, too: while it thinks, whoever waits may lose patience
                room -= len(delta.text)
                if room <= 0:
                    last = replace(last, finish="length")
                    break
        except RemoteError:
            if last.usage:
                yield Delta(usage=last.usage)
            raise
        rest = spoken.finish()
        yield replace(last, text=rest, usage=last.usage or self.estimate(prompt, num_pieces))
        if has_thought and not has_text and not rest.strip():
            raise NothingButThoughts(self.name)

    def complete(
        self, prompt: Prompt, *, max_tokens: int, fields: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The whole answer at once, as the server gives it."""
        body = request_body(self.address.model, prompt, max_tokens=max_tokens, fields=fields)
        return self._tolerated(
            body | self._extra, lambda body: self.connection.post(self._chat_url, body)
        )

    def estimate(self, prompt: Prompt, num_pieces: int) -> Usage:
        """What a text has cost where the server does not tell: most send one token at a time."""
        return Usage(prompt_tokens=self.count_prompt(prompt), output_tokens=num_pieces)

    def _count_prompt(self, prompt: Prompt) -> int:
        return self.tokens.count(prompt.text) + FRAME

    def _deltas(
        self, prompt: Prompt, *, max_tokens: int, fields: Mapping[str, Any]
    ) -> Iterator[Delta]:
        streaming = {"stream": True, "stream_options": {"include_usage": True}}
        body = request_body(
            self.address.model, prompt, max_tokens=max_tokens, fields={**streaming, **fields}
        )
        first, others = self._tolerated(body | self._extra, self._begin)
        finish = ""
        try:
            for delta in chain(first, others):
                finish = delta.finish or finish
                yield delta
        except StreamCut:
            if not finish:  # else it is complete, and its server only forgot to say so
                raise

    def _begin(self, body: dict[str, Any]) -> tuple[list[Delta], Iterator[Delta]]:
        """The first piece, which a refusal comes in place of, and those behind it."""
        deltas = self._parsed(self.connection.stream(self._chat_url, body))
        return list(islice(deltas, 1)), deltas

    def _parsed(self, events: Iterator[dict[str, Any]]) -> Iterator[Delta]:
        for event in events:
            try:
                yield delta_of(event)
            except Malformed as error:
                raise AnswerMalformed(self.address.url, str(error)) from None

    def _tolerated(self, body: dict[str, Any], ask: Callable[[dict[str, Any]], T]) -> T:
        """Asks anew without what the server complains of, and remembers that once it has helped."""
        body = {name: value for name, value in body.items() if name not in self.refused}
        try:
            return ask(body)
        except RequestRefused as error:
            without = to_drop(error.said, body) if error.status in (400, 422) else frozenset()
            if not without:
                raise
        answer = self._tolerated({n: v for n, v in body.items() if n not in without}, ask)
        self.refused |= without
        return answer


def open_model(
    address: Address,
    *,
    key: Key,
    limits: Limits,
    patience: Patience,
    context: int | None = None,
    extra: Mapping[str, Any] | None = None,
) -> RemoteModel:
    """Looks whether the server is there and serves the model. `context` limits what the server tells of it.

    Raises `ServerUnreachable`, `KeyRefused`, `ModelUnknown`, `SeveralModels` and what else a server can do wrong.
    """
    connection = Connection(address.url, key=key, limits=limits, patience=patience)
    try:
        listed, trouble = listed_by(connection)
        if not address.model and len(listed) != 1:
            raise trouble or SeveralModels(address.url, known=sorted(listed))
        name = address.model or next(iter(listed))
        model = RemoteModel(
            connection,
            Address(address.url, name),
            context=context_of(listed.get(name, {}), setting=context),
            extra=extra or {},
        )
        if name not in listed:
            try_out(model, ModelUnknown(address.url, name, known=sorted(listed)), trouble)
        return model
    except BaseException:
        connection.close()
        raise


def listed_by(connection: Connection) -> tuple[dict[str, dict[str, Any]], RemoteError | None]:
    """The server's models, or none and why. Raises what would befall every other request, too."""
    try:
        return models_in(connection.get(f"{connection.url}/models"), connection.url), None
    except (AskFailed, NotAnOpenAiServer) as error:
        return {}, error


def try_out(model: RemoteModel, unknown: ModelUnknown, trouble: RemoteError | None) -> None:
    """Has a model that is on no list write one token: servers answer to other names than those they list.

    Raises the trouble that there was with the list, if there was any, else that the model is `unknown`.
    """
    try:
        model.complete(Prompt(("Hello",)), max_tokens=1, fields={})
    except (AskFailed, NotAnOpenAiServer):
        raise trouble or unknown from None


def root_of(url: str) -> str:
    """Where servers keep what is not in the dialect: beside /v1, not under it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix('/v1')}"
