"""Tells whether the vectors beside a truth are those that were written with it: after restoring, copying, moving."""

from dataclasses import dataclass
from pathlib import Path

EDITION_FILE = "edition"


@dataclass(frozen=True, slots=True)
class Edition:
    """What the truth and the folder both remember of the last time when all was in order."""

    name: str  # of the knowledge base: another one in a copy that lies elsewhere
    token: str  # drawn anew each time
    store: str  # kind or URL of the vector store


def read_edition(folder: Path) -> Edition | None:
    """None where none was written, or nothing that could be one."""
    try:
        lines = (folder / EDITION_FILE).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return Edition(*lines) if len(lines) == 3 else None


def write_edition(folder: Path, edition: Edition) -> None:
    """Whole or not at all."""
    unfinished = folder / f"{EDITION_FILE}.part"
    unfinished.write_text(f"{edition.name}\n{edition.token}\n{edition.store}\n", encoding="utf-8")
    unfinished.replace(folder / EDITION_FILE)
