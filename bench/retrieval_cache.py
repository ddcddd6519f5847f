"""Vectors that have been computed once: kept by embedder and text, so that a measurement is repeated in seconds."""

import hashlib
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from retrieval.embed import Vectors

BATCH_SIZE = 512  # texts embedded between two commits
Embed = Callable[[Sequence[str]], Vectors]


def default_cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "gleandraft" / "bench"


def cached_vectors(texts: Sequence[str], *, kind: str, embed: Embed, cache: Path) -> Vectors:
    """One row per text; those not known yet are embedded and kept. `kind` names the model and its use."""
    keys = [hashlib.sha256(text.encode()).digest() for text in texts]
    cache.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(cache / f"vectors-{kind}.sqlite3", timeout=600)) as kept:
        kept.execute("pragma journal_mode = wal")
        kept.execute("create table if not exists vectors (key blob primary key, vector blob)")
        known = {key for (key,) in kept.execute("select key from vectors")}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        for batch in batches(sorted(missing.items(), key=lambda item: len(item[1]))):
            rows = embed([text for _, text in batch])
            pairs = [(key, row.tobytes()) for (key, _), row in zip(batch, rows, strict=True)]
            with kept:
                kept.executemany("insert or ignore into vectors values (?, ?)", pairs)
            print(f"embedded {len(batch)} texts", flush=True)
        wanted = set(keys)
        found = {
            key: np.frombuffer(vector, np.float32)
            for key, vector in kept.execute("select key, vector from vectors")
            if key in wanted
        }
    return np.stack([found[key] for key in keys])


def batches(items: Sequence[tuple[bytes, str]]) -> list[Sequence[tuple[bytes, str]]]:
    return [items[first : first + BATCH_SIZE] for first in range(0, len(items), BATCH_SIZE)]
