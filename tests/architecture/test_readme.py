"""The README tells the truth about the tree and about its commands."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def tree_paths() -> list[str]:
    """The paths of the README's tree: the first word of each line of its fenced block."""
    block = re.search(r"```text\n(.*?)```", README, re.DOTALL)
    assert block
    return [line.split()[0] for line in block.group(1).splitlines() if line.strip()]


def test_everything_in_the_tree_is_on_disk() -> None:
    missing = [path for path in tree_paths() if not (ROOT / path).exists()]
    assert missing == []


def test_every_source_file_is_in_the_tree() -> None:
    sources = [
        path.relative_to(ROOT).as_posix()
        for package in ("decoding", "gleandraft", "pipeline", "retrieval", "workers")
        for path in (ROOT / package).rglob("*.py")
        if path.name not in {"__init__.py", "__main__.py"}
    ]
    assert sorted(set(sources) - set(tree_paths())) == []


def test_every_make_target_that_is_mentioned_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    mentioned = set(re.findall(r"`?make ([a-z]+)", README))
    assert {"demo", "test"} <= mentioned <= targets


def test_every_command_that_is_mentioned_exists() -> None:
    sources = [
        (ROOT / "workers" / name).read_text() for name in ("cli.py", "library.py", "calibrating.py")
    ]
    commands = set(re.findall(r'@command\("([a-z]+)"\)', "".join(sources))) | {"index"}
    mentioned = set(re.findall(r"(?:bin/|`)gleandraft ([a-z]+)", README))
    assert {"add", "ask", "summarize"} <= mentioned <= commands
