"""Where a remote model is, as one setting says it: the address of the API, and the model's name behind a #."""

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from pipeline.remote.errors import BadAddress


@dataclass(frozen=True, slots=True)
class Address:
    """The fragment of a URL never reaches a server, so it is free for a name with slashes and colons in it."""

    url: str  # where the API begins, without a slash at its end
    model: str  # empty: the only one that the server has

    def __str__(self) -> str:
        return f"{self.url}#{self.model}" if self.model else self.url

    @property
    def origin(self) -> str:
        """Scheme, host and port: whoever may see a key sent there."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


def is_remote(model: str) -> bool:
    """Whether a setting names a server, not a folder or an id."""
    return model.lower().startswith(("http://", "https://"))


def parse_address(text: str) -> Address:
    """Raises `BadAddress`, which repeats neither a password nor a key."""
    try:
        parts = urlsplit(text.strip())
        _ = parts.port  # refuses what is no number
    except ValueError:
        raise BadAddress(without_secrets(text), "is no address") from None
    shown = without_secrets(text)
    name = parts.fragment if parts.path else ""  # without a path it may be the rest of a password
    if "@" in text.strip().removesuffix(name):
        raise BadAddress(shown, "holds a user or a password, which belong into GLEANDRAFT_API_KEY")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadAddress(shown, "is no address of a server")
    if parts.query:
        raise BadAddress(shown, "has a question mark in it, which the address of an API has not")

    place = urlunsplit((parts.scheme, parts.netloc.lower(), parts.path.rstrip("/"), "", ""))
    return Address(place, parts.fragment.strip())


def without_secrets(text: str) -> str:
    """What stands behind a password and before a question mark; little more than nothing where one holds the other."""
    before, _, behind = text.strip().partition("?")
    if "@" in behind:
        return f"{before.partition('//')[0]}//..."

    return before.rpartition("@")[2]
