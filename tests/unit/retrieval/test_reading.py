"""Reading in a process of its own."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from retrieval.documents import read_bytes
from retrieval.errors import FileTooLarge, NotText, ReadingFailed
from retrieval.files import MAX_BYTES
from retrieval.reading import ReadingProcess

LARGE = b"[" + b"1," * 8_000_000 + b"1]"  # half a gigabyte once it is read
SLOW = b"<p>words <b>and</b> words " * 150_000  # takes seconds to read


@pytest.fixture(scope="module")
def reader() -> Iterator[ReadingProcess]:
    with ReadingProcess() as process:
        yield process


def wait_until_gone(pid: int) -> bool:
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def test_it_reads_what_reading_here_would(reader: ReadingProcess) -> None:
    content = b"---\nyear: 2024\n---\n# Fares\n\nFour.\n"
    assert reader.read_bytes(content, name="a.md") == read_bytes(content, name="a.md")
    assert reader.read_bytes(b"Four.", name="-").text == "Four."


def test_errors_come_back_as_they_are(reader: ReadingProcess) -> None:
    with pytest.raises(NotText, match=r"a\.txt is not text \(it contains NUL bytes\)"):
        reader.read_bytes(b"a\x00b", name="a.txt")
    with pytest.raises(FileTooLarge):
        reader.read_bytes(bytes(MAX_BYTES + 1), name="a.txt")


def test_a_file_that_takes_too_long_fails_and_the_next_is_read() -> None:
    with ReadingProcess(deadline_s=0.5) as reader:
        reader.read_bytes(b"warm", name="a")
        before = reader.pid
        started = time.perf_counter()
        with pytest.raises(ReadingFailed, match=r"text/html files took longer than 0\.5 s"):
            reader.read_bytes(SLOW, name="a.html")
        assert time.perf_counter() - started < 3
        assert reader.read_bytes(b"Four.", name="b").text == "Four."
        assert reader.pid != before


def test_a_crash_in_a_file_fails_that_file_only() -> None:
    with ReadingProcess() as reader:
        reader.read_bytes(b"warm", name="a")
        assert reader.pid is not None
        crash = threading.Timer(0.3, os.kill, (reader.pid, signal.SIGSEGV))
        crash.start()
        with pytest.raises(ReadingFailed, match="text/html files crashed"):
            reader.read_bytes(SLOW, name="a.html")
        crash.join()
        assert reader.read_bytes(b"Four.", name="b").text == "Four."


def test_no_file_is_blamed_for_a_process_that_ended_between_files() -> None:
    with ReadingProcess() as reader:
        reader.read_bytes(b"warm", name="a")
        assert reader.pid is not None
        os.kill(reader.pid, signal.SIGKILL)
        time.sleep(0.1)
        assert reader.read_bytes(b"Four.", name="b").text == "Four."


def test_a_file_that_needs_too_much_memory_fails() -> None:
    with ReadingProcess(memory_limit=160 * 2**20) as reader:
        with pytest.raises(ReadingFailed, match="memory"):
            reader.read_bytes(LARGE, name="a.json")
        assert reader.read_bytes(b"Four.", name="b").text == "Four."


def test_the_interrupt_of_a_terminal_does_not_reach_it(reader: ReadingProcess) -> None:
    reader.read_bytes(b"warm", name="a")
    assert reader.pid is not None
    assert os.getpgid(reader.pid) != os.getpgid(0)
    os.kill(reader.pid, signal.SIGINT)
    before = reader.pid
    assert reader.read_bytes(b"Four.", name="b").text == "Four."
    assert reader.pid == before


def test_it_ends_with_close() -> None:
    reader = ReadingProcess()
    reader.read_bytes(b"warm", name="a")
    pid = reader.pid
    assert pid is not None
    reader.close()
    assert reader.pid is None
    assert wait_until_gone(pid)


def test_it_ends_when_its_owner_is_killed() -> None:
    program = (
        "from retrieval.reading import ReadingProcess; import os, time; r = ReadingProcess();"
        "r.read_bytes(b'warm', name='a'); print(r.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        os.kill(pid, 0)
        owner.kill()
    assert wait_until_gone(pid)


def test_a_fork_gets_a_process_of_its_own() -> None:
    with ReadingProcess() as reader:
        reader.read_bytes(b"warm", name="a")
        program_pid = os.fork()
        if program_pid == 0:  # no assert here: it would run the rest of the tests in the fork
            is_right = reader.read_bytes(b"Fork.", name="b").text == "Fork."
            reader.close()
            os._exit(0 if is_right else 1)
        _, status = os.waitpid(program_pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert reader.read_bytes(b"Four.", name="b").text == "Four."


def test_threads_share_it(reader: ReadingProcess) -> None:
    texts: dict[int, str] = {}

    def read(number: int) -> None:
        texts[number] = reader.read_bytes(f"Words {number}.".encode(), name="a").text

    threads = [threading.Thread(target=read, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == {number: f"Words {number}." for number in range(16)}


def test_many_small_files_are_read_fast(reader: ReadingProcess) -> None:
    """The bar is a thousand a second on a quiet machine; here only that nothing is started per file."""
    reader.read_bytes(b"warm", name="a")
    started = time.perf_counter()
    for number in range(100):
        reader.read_bytes(f"# Title {number}\n\nWords.\n".encode(), name=f"{number}.md")
    assert time.perf_counter() - started < 2


def test_a_large_process_is_served_by_one_child_all_the_same() -> None:
    held = bytearray(700 * 2**20)  # more than the half of the child's limit that it may keep
    with ReadingProcess(memory_limit=2**30) as reader:
        reader.read_bytes(b"One.", name="a.txt")
        first = reader.pid
        reader.read_bytes(b"Two.", name="b.txt")
        assert reader.pid == first is not None
    assert held
