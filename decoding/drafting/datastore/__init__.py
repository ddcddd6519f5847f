"""The long-term memory: past outputs of a model, searchable by how they went on, shared by processes and restarts."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from decoding.drafting.datastore.store import Datastore

__all__ = ["Datastore"]


def __getattr__(name: str) -> Any:
    """Imports on first use: whoever imports the package does not pay for numpy."""
    if name != "Datastore":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from decoding.drafting.datastore.store import Datastore

    return Datastore
