"""One process per knowledge base."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval.errors import KnowledgeBaseLocked, NotAKnowledgeBase
from retrieval.lock import HOLDER_FILE, DirectoryLock


def test_a_second_holder_is_told_who_the_first_is(tmp_path: Path) -> None:
    first = DirectoryLock(tmp_path / "kb")
    for _ in range(2):  # a failed attempt must not destroy the name
        with pytest.raises(KnowledgeBaseLocked, match=rf"process {os.getpid()}; wait") as caught:
            DirectoryLock(tmp_path / "kb")
        assert caught.value.holder == os.getpid()
    first.release()
    DirectoryLock(tmp_path / "kb").release()


def test_a_holder_that_left_no_number_is_another_process(tmp_path: Path) -> None:
    first = DirectoryLock(tmp_path)
    (tmp_path / HOLDER_FILE).write_text("")
    with pytest.raises(KnowledgeBaseLocked, match="another process"):
        DirectoryLock(tmp_path)
    first.release()


def test_releasing_twice_is_harmless(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    lock.release()
    lock.release()
    successor = DirectoryLock(tmp_path)
    lock.release()
    with pytest.raises(KnowledgeBaseLocked):  # a late release does not free somebody else's lock
        DirectoryLock(tmp_path)
    successor.release()


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotAKnowledgeBase, match="use another directory"):
        DirectoryLock(tmp_path / "file")


def test_a_forked_child_neither_uses_nor_frees_the_lock(
    tmp_path: Path, is_refused_in_a_fork: Callable[[Callable[[], object]], bool]
) -> None:
    lock = DirectoryLock(tmp_path)

    def use() -> None:
        lock.release()
        lock.check_process()

    assert is_refused_in_a_fork(use)
    with pytest.raises(KnowledgeBaseLocked, match=rf"process {os.getpid()};"):
        DirectoryLock(tmp_path)
    lock.release()
