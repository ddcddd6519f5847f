"""What writes to a knowledge base: one connection, one hand on the vectors, one thread at a time."""

import logging
import threading
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from retrieval.edition import Edition, read_edition, write_edition
from retrieval.errors import CannotWrite
from retrieval.indexer import Indexer
from retrieval.truth import Truth

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Writer:
    """The only connection that writes, and the only hand that touches the vectors."""

    truth: Truth
    indexer: Indexer
    folder: Path
    name: str  # of the knowledge base
    store: str  # kind or URL of the vector store
    turn: threading.RLock = field(default_factory=threading.RLock)

    def settle(self) -> None:
        """Puts down, in the truth and beside it, that all is in order, if it is."""
        with self.turn:
            if self.indexer.settle() or read_edition(self.folder) is None:
                token = uuid.uuid4().hex
                self.truth.record_fact("edition", token)
                write_edition(self.folder, Edition(self.name, token, self.store))

    def close(self) -> None:
        with self.turn, ExitStack() as undo:
            undo.callback(self.truth.close)
            undo.callback(self.indexer.close)
            try:
                self.settle()
            except (CannotWrite, OSError) as error:
                log.warning("the next opening will check everything: %s", error)
