"""What can go wrong with a model on a server, each with its remedy. No message ever holds a key."""

from collections.abc import Sequence

from pipeline.errors import PipelineError

MOST_LISTED = 20  # names of models in one error


class RemoteError(PipelineError):
    """Base of every error of this package."""


class AskFailed(RemoteError):
    """What went wrong with one request; another one may fare better."""


class Passing(RemoteError):
    """Trouble of the server, not of what it was asked: the same may do later."""


class BadAddress(RemoteError):
    def __init__(self, address: str, why: str) -> None:
        super().__init__(
            f"{address!r} {why}; write it like http://127.0.0.1:8000/v1#NAME-OF-THE-MODEL"
        )


class BadKey(RemoteError):
    def __init__(self, setting: str) -> None:
        super().__init__(
            f"{setting} holds characters that no request can carry; set it to the key alone, "
            "in printable ASCII without spaces"
        )


class ServerUnreachable(Passing):
    def __init__(self, url: str, cause: str, *, attempts: int) -> None:
        tried = f" after {attempts} attempts" if attempts > 1 else ""
        super().__init__(
            f"no server answers at {url} ({cause}){tried}; start it, or correct the address "
            "in GLEANDRAFT_MODEL or GLEANDRAFT_PROXY"
        )


class ServerBusy(Passing):
    def __init__(self, url: str, status: int, *, attempts: int, wait_s: float | None) -> None:
        asked = f" and wants us to wait {wait_s:.0f} s" if wait_s is not None else ""
        tried = "once" if attempts == 1 else f"{attempts} times"
        super().__init__(
            f"{url} said {status} {tried}{asked}; try again later, lower GLEANDRAFT_REMOTE_AT_ONCE, "
            "or raise GLEANDRAFT_REMOTE_RETRIES"
        )


class ServerSilent(Passing):
    def __init__(self, url: str, seconds: float) -> None:
        super().__init__(
            f"{url} said nothing for {seconds:g} s; look whether it is overloaded, "
            "or raise GLEANDRAFT_REMOTE_SILENCE_S"
        )


class KeyRefused(RemoteError):
    def __init__(self, url: str, *, setting: str, is_set: bool) -> None:
        remedy = f"correct {setting}" if is_set else f"set {setting}"
        given = "the key" if is_set else "a request without a key"
        super().__init__(f"{url} refuses {given}; {remedy}")


class ModelUnknown(RemoteError):
    def __init__(self, url: str, model: str, *, known: Sequence[str]) -> None:
        listed = listing(known) or "no model at all"
        super().__init__(
            f"{url} does not serve {model!r}; name behind the # one that it serves: {listed}"
        )


class SeveralModels(RemoteError):
    def __init__(self, url: str, *, known: Sequence[str]) -> None:
        super().__init__(
            f"{url} serves {listing(known) or 'no model'}; say which to use, like {url}#NAME"
        )


class NotAnOpenAiServer(RemoteError):
    def __init__(self, url: str, what: str) -> None:
        super().__init__(
            f"{url} {what}, so no OpenAI-compatible API is there; give the address where the API begins, "
            "which mostly ends in /v1"
        )


class ContextTooLong(AskFailed):
    def __init__(self, model: str, said: str) -> None:
        super().__init__(
            f"{model} cannot take a prompt this long ({said}); set GLEANDRAFT_CONTEXT to the tokens that its "
            "server allows, or lower GLEANDRAFT_PROMPT_TOKENS or GLEANDRAFT_WINDOW_TOKENS"
        )


class RequestRefused(AskFailed):
    def __init__(self, url: str, status: int, said: str) -> None:
        super().__init__(
            f"{url} refused a request ({status}: {said}); change what it complains about in its own settings "
            "or in GLEANDRAFT_REMOTE_EXTRA"
        )
        self.status = status
        self.said = said


class ServerFailed(AskFailed):
    def __init__(self, url: str, said: str) -> None:
        super().__init__(f"{url} failed ({said}); its own log tells why")


class AnswerMalformed(AskFailed):
    def __init__(self, url: str, why: str) -> None:
        super().__init__(
            f"{url} answered what no OpenAI-compatible server answers ({why}); look at what runs there"
        )


class StreamCut(AskFailed):
    def __init__(self, url: str, cause: str) -> None:
        super().__init__(
            f"the answer of {url} broke off in the middle ({cause}); ask again, and look at the server's log"
        )


class NothingButThoughts(AskFailed):
    def __init__(self, model: str) -> None:
        super().__init__(
            f"{model} spent all its tokens on thinking aloud; serve it with thinking switched off, "
            "or raise GLEANDRAFT_ANSWER_TOKENS or GLEANDRAFT_SUMMARY_TOKENS"
        )


class NoLogProbabilities(RemoteError):
    def __init__(self, model: str, why: str) -> None:
        super().__init__(
            f"{model} cannot be a proxy, for its server does not tell how sure it is ({why}); let it give "
            "log-probabilities of the two best tokens and more, or unset GLEANDRAFT_PROXY for the embedded one"
        )


class CannotHoldToLines(AskFailed):
    def __init__(self, model: str) -> None:
        super().__init__(
            f"{model} did not keep to the lines it was given; set GLEANDRAFT_ANSWER_FORM=free for it"
        )


class QueryUnheard(AskFailed):
    """Every rung of the ladder was climbed, and there is no answer."""

    def __init__(self, model: str, *, attempts: int, why: str) -> None:
        super().__init__(
            f"{model} gave no usable summary in {attempts} attempts ({why}); word the query anew, "
            "or choose a model that keeps to a form"
        )


def listing(models: Sequence[str]) -> str:
    """The first of the names that a server gave, without what might steer a terminal."""
    shown = ["".join(filter(str.isprintable, name)) for name in models[:MOST_LISTED]]
    more = [f"and {len(models) - MOST_LISTED} more"] if len(models) > MOST_LISTED else []

    return ", ".join(shown + more)
