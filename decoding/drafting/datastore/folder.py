"""The folder of segments: its listing is the truth, and every change to it is one atomic rename or deletion."""

import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from decoding.drafting.datastore.segment import Segment, open_segment
from decoding.errors import DatastoreBusy, SegmentDamaged, SegmentForeign

SEGMENT_NAME = re.compile(r"(\d{12})-[0-9a-f]{16}\.segment")
UNFINISHED = ".unfinished"
UNFINISHED_S = 3600  # nobody takes so long to write a segment: whoever began it is gone
LOCK_FILE = "lock"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a folder held when it was listed."""

    names: frozenset[str] = frozenset()
    segments: tuple[Segment, ...] = ()  # those to be searched, oldest first
    obsolete: tuple[Path, ...] = ()  # damaged, or replaced by a segment that is there

    @property
    def num_tokens(self) -> int:
        return sum(segment.num_tokens for segment in self.segments)


def read_folder(folder: Path, *, vocabulary: int, known: Contents | None = None) -> Contents:
    """Opens what `known` does not hold yet, and makes the folder if need be.

    Segments of other versions or vocabularies are passed over.
    """
    known = known or Contents()
    folder.mkdir(parents=True, exist_ok=True)
    names = frozenset(path.name for path in folder.iterdir() if SEGMENT_NAME.fullmatch(path.name))
    if names == known.names:
        return known
    opened = {segment.path.name: segment for segment in known.segments}
    damaged, vanished = [], False
    for name in names - opened.keys():
        try:
            opened[name] = open_segment(folder / name, vocabulary=vocabulary)
        except FileNotFoundError:
            vanished = True  # merged since it was listed: what it held is in a newer segment
        except SegmentDamaged as error:
            damaged.append(error.path)
        except (SegmentForeign, OSError):
            continue  # not ours to search, and not ours to delete
    contents = _sorted_out([opened[name] for name in sorted(names & opened.keys())], damaged, names)
    if vanished:
        return read_folder(folder, vocabulary=vocabulary, known=contents)

    return contents


def _sorted_out(segments: list[Segment], damaged: list[Path], names: frozenset[str]) -> Contents:
    replaced = {name for segment in segments for name in segment.replaces}
    live = tuple(segment for segment in segments if segment.path.name not in replaced)
    leftover = [segment.path for segment in segments if segment.path.name in replaced]

    return Contents(names, live, (*leftover, *damaged))


def sequence_of(path: Path) -> int:
    """The higher, the newer; what was merged takes the number of its newest part."""
    return int(path.name.partition("-")[0])


def next_sequence(names: Iterable[str]) -> int:
    return max((sequence_of(Path(name)) for name in names), default=0) + 1


def write_segment(folder: Path, parts: Iterable[bytes], *, sequence: int) -> Path:
    """Adds a segment that survives a crash of the machine; a crash before the end adds nothing."""
    path = folder / f"{sequence:012d}-{secrets.token_hex(8)}.segment"
    unfinished = path.with_name(path.name + UNFINISHED)
    try:
        with unfinished.open("wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    _sync_listing(folder)

    return path


def _sync_listing(folder: Path) -> None:
    if os.name != "posix":
        return  # elsewhere folders cannot be opened, and renames are on the disk when they return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def delete(paths: Iterable[Path]) -> None:
    """What cannot be deleted now is obsolete still, and comes up again at the next upkeep."""
    for path in paths:
        with suppress(OSError):
            path.unlink()


def sweep_unfinished(folder: Path) -> None:
    for path in folder.glob(f"*{UNFINISHED}"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > UNFINISHED_S:
                path.unlink()


@contextmanager
def upkeep_lock(folder: Path) -> Iterator[None]:
    """Only one process merges and deletes at a time; raises `DatastoreBusy` instead of waiting."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK_FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise DatastoreBusy(folder) from None
    try:
        yield
    finally:
        lock.release()
