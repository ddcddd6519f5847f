"""What the tests of the measurements share: sets in small, in the format of the published ones."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

WriteSet = Callable[[Path, list[dict[str, Any]]], None]


@pytest.fixture(scope="session")
def write_set() -> WriteSet:
    """Writes rows as a compressed file of JSON lines."""

    def write(path: Path, rows: list[dict[str, Any]]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with zstandard.open(path, "wt", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(row)}\n" for row in rows)

    return write
