"""Which files are meant: paths, folders and patterns to files, each once, in a stable order."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from retrieval.files import printable

_WILD = frozenset("*?[")

_JUNK = {
    "a picture": ".bmp .gif .heic .ico .jpeg .jpg .png .psd .svgz .tif .tiff .webp",
    "a recording": ".aac .avi .flac .m4a .mkv .mov .mp3 .mp4 .ogg .opus .wav .webm .wma",
    "an archive": ".7z .bz2 .gz .iso .jar .rar .tar .tgz .xz .zip .zst",
    "a program or a compiled file": ".a .bin .class .dll .dylib .exe .o .obj .pyc .pyd .pyo .so .wasm",
    "a font": ".eot .otf .ttf .woff .woff2",
    "a database": ".db .sqlite .sqlite3",
    "a file of numbers": ".gguf .npy .npz .onnx .parquet .pkl .pt .pth .safetensors",
}
_JUNK_SUFFIXES = {suffix: what for what, suffixes in _JUNK.items() for suffix in suffixes.split()}


@dataclass(frozen=True, slots=True)
class Found:
    path: Path
    problem: str = ""  # why there is nothing to read here, "" if there is


def walk(paths: Iterable[Path], *, exclude: Path) -> Iterator[Found]:
    """
    The files at and below `paths` in a stable order, each once. A path that is not there but holds
    one of `*?[` is a pattern; `**` stands for any number of folders. Below a directory, hidden
    files and folders are left out, links to directories are not followed, and neither is
    `exclude` entered.
    """
    seen: set[str] = set()
    folders: dict[Path, str] = {}
    excluded = _status(exclude)
    for path in paths:
        for found in _at(path, excluded):
            real = _real(found.path, folders)
            if real not in seen:
                seen.add(real)
                yield found


def covers(path: Path, origin: str) -> bool:
    """Whether a file of that absolute path would be found at or below `path`, or by it as a pattern."""
    file = Path(origin)
    if path.is_dir() or os.path.lexists(path) or not _WILD & set(str(path)):
        return file.is_relative_to(os.path.realpath(path))
    base, pattern = _split(path)
    real = os.path.realpath(base)
    return file.is_relative_to(real) and _matches(file.relative_to(real).parts, pattern)


def _at(path: Path, excluded: os.stat_result | None) -> Iterator[Found]:
    if _has_nul(path):
        yield Found(path, f"{printable(path)} is no path; take the NUL character out of it")
    elif _is_folder(path):
        yield from _below(path, excluded)
    elif os.path.lexists(path):
        yield Found(path)
    elif _WILD & set(str(path)):
        yield from _matching(path, excluded)
    else:
        yield Found(path, f"{printable(path)} does not exist; check the path")


def _matching(pattern: Path, excluded: os.stat_result | None) -> Iterator[Found]:
    """The files that the pattern names, and all below the folders that it names."""
    base, parts = _split(pattern)
    is_none = True
    for found in _below(base, excluded) if _is_folder(base) else ():
        if _matches(found.path.relative_to(base).parts, parts):
            is_none = False
            yield found
    if is_none:
        yield Found(pattern, f"{printable(pattern)} matches no file; check the pattern")


def _split(pattern: Path) -> tuple[Path, Sequence[str]]:
    """The folder that a pattern begins at, and what it says of the names below."""
    parts = pattern.parts
    first = next(at for at, part in enumerate(parts) if _WILD & set(part))
    return Path(*parts[:first]), parts[first:]


def _matches(names: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the pattern names the file or a folder above it; all prefixes at once, no backtracking."""
    reached = {0}  # how many parts of the pattern may have been used up
    for name in names:
        reached |= {at + 1 for at in reached if at < len(pattern) and pattern[at] == "**"}
        if len(pattern) in reached:
            return True
        reached = {at for at in reached if pattern[at] == "**"} | {
            at + 1 for at in reached if fnmatchcase(name, pattern[at])
        }
    return len(pattern) in reached


def _below(directory: Path, excluded: os.stat_result | None) -> Iterator[Found]:
    waiting = [directory]
    problems: list[Found] = []
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                visible = [entry for entry in entries if not entry.name.startswith(".")]
        except OSError as error:
            reason = f"cannot be listed ({error.strerror}); check its permissions"
            problems.append(Found(folder, f"{printable(folder)} {reason}"))
            continue
        subfolders: list[Path] = []
        for entry in sorted(visible, key=lambda entry: entry.name):
            path = folder / entry.name
            if entry.is_dir(follow_symlinks=False):
                if not excluded or not _is_same(entry, excluded):
                    subfolders.append(path)
            elif entry.is_symlink() and _is_folder(path):
                reason = "is a link to a directory, which is not followed; name it if it is wanted"
                problems.append(Found(path, f"{printable(path)} {reason}"))
            else:
                yield Found(path, _junk(path))
        waiting += reversed(subfolders)
    yield from problems


def _junk(path: Path) -> str:
    what = _JUNK_SUFFIXES.get(path.suffix.lower())
    return f"{printable(path)} is {what}, which holds no text; leave it out" if what else ""


def _real(path: Path, folders: dict[Path, str]) -> str:
    """What tells whether two paths lead to one file; `folders` remembers what folders are called."""
    status = _status(path, is_followed=False)
    if status is None or stat.S_ISLNK(status.st_mode) or path.name in {"", ".."}:
        return str(path) if _has_nul(path) else os.path.realpath(path)
    if path.parent not in folders:
        folders[path.parent] = os.path.realpath(path.parent)
    return f"{folders[path.parent]}/{path.name}"


def _is_same(entry: "os.DirEntry[str]", status: os.stat_result) -> bool:
    if entry.inode() != status.st_ino:
        return False
    found = _status(Path(entry.path), is_followed=False)
    return found is not None and os.path.samestat(found, status)


def _is_folder(path: Path) -> bool:
    status = _status(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def _status(path: Path, *, is_followed: bool = True) -> os.stat_result | None:
    """None for whatever cannot be looked at: not there, too long a name, a loop of links."""
    try:
        return path.stat(follow_symlinks=is_followed)
    except (OSError, ValueError):
        return None


def _has_nul(path: Path) -> bool:
    return "\x00" in str(path)
