"""The only hands that speak HTTP to a model's server: requests, retries, and what each failure is called."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.remote.errors import (
    AnswerMalformed,
    BadAddress,
    BadKey,
    ContextTooLong,
    KeyRefused,
    NotAnOpenAiServer,
    RemoteError,
    RequestRefused,
    ServerBusy,
    ServerFailed,
    ServerSilent,
    ServerUnreachable,
    StreamCut,
)
from pipeline.remote.refusals import LONGEST, is_about_key, is_about_length, printable, said_by
from pipeline.remote.retry import LONGEST_WAIT_S, PASSING, Patience, asked_wait_s
from pipeline.remote.sse import LineTooLong, event_texts

if TYPE_CHECKING:
    import httpx

MOST_BYTES = 32 << 20  # of one answer; what is longer is not read to its end
DONE = "[DONE]"


@dataclass(frozen=True, slots=True)
class Key:
    """A secret, and the setting it came from, by which errors speak of it."""

    setting: str
    secret: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not all(33 <= ord(character) <= 126 for character in self.secret):
            raise BadKey(self.setting)

    def hide(self, text: str) -> str:
        return text.replace(self.secret, "***") if self.secret else text


@dataclass(frozen=True, slots=True)
class Limits:
    connect_s: float = 5.0
    silence_s: float = 120.0  # between two pieces of an answer
    at_once: int = 8  # requests


class Connection:
    """One server; any number of threads may use it at the same time."""

    def __init__(self, url: str, *, key: Key, limits: Limits, patience: Patience) -> None:
        import httpx

        self.url = url
        self.limits = limits
        self._key = key
        self._patience = patience
        try:
            httpx.URL(url)
        except httpx.InvalidURL:
            raise BadAddress(url, "is no address of a server") from None
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {key.secret}"} if key.secret else {},
            timeout=httpx.Timeout(limits.silence_s, connect=limits.connect_s, pool=None),
            limits=httpx.Limits(max_connections=limits.at_once + 1),
        )

    def close(self) -> None:
        self._client.close()

    def get(self, url: str) -> dict[str, Any]:
        with self._answer("GET", url, None) as response:
            return self._parsed(b"".join(self._bytes(response)), url)

    def post(self, url: str, body: dict[str, Any], *, patient: bool = True) -> dict[str, Any]:
        """One JSON object; whoever is not `patient` gives up at the first trouble."""
        with self._answer("POST", url, body, patient=patient) as response:
            return self._parsed(b"".join(self._bytes(response)), url)

    def stream(self, url: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The events of a streamed answer, each a JSON object; one object where the server does not stream.

        Raises `StreamCut` where it ends before it says that it is done. Whoever stops early has the server stop, too.
        """
        with self._answer("POST", url, body) as response:
            if "text/event-stream" not in response.headers.get("content-type", ""):
                yield self._parsed(b"".join(self._bytes(response)), url)
                return
            try:
                for text in event_texts(self._bytes(response)):
                    if text.strip() == DONE:
                        return
                    yield self._parsed(text, url)
            except LineTooLong:
                raise AnswerMalformed(self.url, "a line of its stream has no end") from None
        raise StreamCut(self.url, "it never said that it was done")

    def _parsed(self, text: str | bytes, url: str) -> dict[str, Any]:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            raise AnswerMalformed(self.url, f"{url} gave what is not JSON") from None
        if not isinstance(value, dict):
            raise AnswerMalformed(self.url, f"{url} gave no JSON object")
        if error := value.get("error"):  # it began to answer, and then this
            code = error.get("code") if isinstance(error, dict) else None
            status = code if isinstance(code, int) and 400 <= code < 600 else 500
            raise self._refused(status, said_by(value), url)
        return value

    def _bytes(self, response: "httpx.Response") -> Iterator[bytes]:
        import httpx

        num_bytes = 0
        try:
            for chunk in response.iter_bytes():
                num_bytes += len(chunk)
                if num_bytes > MOST_BYTES:
                    raise AnswerMalformed(self.url, "the answer does not end")
                yield chunk
        except httpx.ReadTimeout:
            raise ServerSilent(self.url, self.limits.silence_s) from None
        except httpx.HTTPError as error:
            raise StreamCut(self.url, cause_of(error)) from None

    @contextmanager
    def _answer(
        self, method: str, url: str, body: dict[str, Any] | None, *, patient: bool = True
    ) -> Iterator["httpx.Response"]:
        """A response that says 200, its body not yet read; tried again while the trouble may pass."""
        attempt, retries = 0, self._patience.retries if patient else 0
        while True:
            attempt += 1
            try:
                opened = self._open(method, url, body)
            except _Passing as trouble:
                if attempt > retries or trouble.is_too_long:
                    raise trouble.error(attempt) from None
                self._patience.wait(self._patience.pause_s(attempt, asked_s=trouble.asked_s))
                continue
            with opened as response:
                yield response
            return

    def _open(
        self, method: str, url: str, body: dict[str, Any] | None
    ) -> "AbstractContextManager[httpx.Response]":
        import httpx

        request = self._client.build_request(method, url, json=body)
        try:
            response = self._client.send(request, stream=True)
        except (httpx.ReadTimeout, httpx.WriteTimeout):
            raise ServerSilent(self.url, self.limits.silence_s) from None
        except httpx.HTTPError as error:
            raise _Passing(self.url, cause=cause_of(error)) from None
        if response.status_code == 200:
            return _closing(response)
        with _closing(response):
            raise self._trouble(response, url)

    def _trouble(self, response: "httpx.Response", url: str) -> Exception:
        status = response.status_code
        if status in PASSING:
            asked = asked_wait_s(response.headers.get("retry-after"))
            return _Passing(self.url, status=status, asked_s=asked)
        if 300 <= status < 400:
            place = self._quoted(response.headers.get("location", "nowhere"))
            return NotAnOpenAiServer(self.url, f"sends us on to {place}")
        try:
            body = b"".join(self._bytes(response))
        except RemoteError:
            body = b""
        try:
            said = said_by(json.loads(body))
        except (ValueError, RecursionError):
            said = body.decode("utf-8", "replace")
        return self._refused(status, said, url)

    def _quoted(self, said: str) -> str:
        """Words of the server for an error of ours: without the key, and cut only then, lest half of it be left."""
        return printable(self._key.hide(said))[:LONGEST]

    def _refused(self, status: int, said: str, url: str) -> RemoteError:
        said = self._quoted(said)
        if is_about_key(status, said):
            is_set = bool(self._key.secret)
            return KeyRefused(self.url, setting=self._key.setting, is_set=is_set)
        if status == 429:  # that came as a status of the response is tried again, see `_trouble`
            return ServerBusy(self.url, status, attempts=1, wait_s=None)
        if is_about_length(said):
            return ContextTooLong(self.url, said)
        if status >= 500:
            return ServerFailed(self.url, f"{status}: {said}" if said else str(status))
        if status in (404, 405) and "model" not in said.lower():
            return NotAnOpenAiServer(self.url, f"knows no {url.removeprefix(self.url)} ({status})")
        return RequestRefused(self.url, status, said)


class _Passing(Exception):
    """Trouble that may be over the next time."""

    def __init__(
        self, url: str, *, status: int = 0, cause: str = "", asked_s: float | None = None
    ) -> None:
        super().__init__(cause)
        self.url, self.status, self.cause, self.asked_s = url, status, cause, asked_s

    @property
    def is_too_long(self) -> bool:
        return (self.asked_s or 0.0) > LONGEST_WAIT_S

    def error(self, attempts: int) -> RemoteError:
        if self.status:
            return ServerBusy(self.url, self.status, attempts=attempts, wait_s=self.asked_s)
        return ServerUnreachable(self.url, self.cause, attempts=attempts)


def cause_of(error: Exception) -> str:
    """The library's words, without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__


@contextmanager
def _closing(response: "httpx.Response") -> Iterator["httpx.Response"]:
    try:
        yield response
    finally:
        response.close()
