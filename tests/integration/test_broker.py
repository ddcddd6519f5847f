"""The private Redis: one for all commands on a knowledge base, gone with the last of them, its data kept."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from redis import Redis

from workers import broker
from workers.broker import answers, find_redis, open_broker, socket_path
from workers.errors import BrokerDidNotStart, DirectoryNotOurs, RunDirectoryUnusable

pytestmark = pytest.mark.redis


def connect(url: str) -> Redis:
    return Redis.from_url(url)


def test_a_redis_that_is_named_is_used_as_it_is(tmp_path: Path) -> None:
    with open_broker("redis://elsewhere:6379/0", tmp_path) as url:
        assert url == "redis://elsewhere:6379/0"
    assert list(tmp_path.iterdir()) == []


def test_a_private_redis_has_no_port_and_loses_nothing_it_was_told(tmp_path: Path) -> None:
    with open_broker(None, tmp_path / "run") as url, connect(url) as redis:
        said = {
            name: redis.config_get(name)[name]
            for name in ("port", "appendonly", "appendfsync", "maxmemory-policy")
        }
    assert said == {
        "port": "0",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
    }
    assert (tmp_path / "run").stat().st_mode & 0o077 == 0


def test_commands_share_one_redis_and_the_last_one_out_stops_it(tmp_path: Path) -> None:
    with open_broker(None, tmp_path) as url:
        path = Path(url.removeprefix("unix://"))
        with open_broker(None, tmp_path) as other, connect(url) as first, connect(other) as second:
            assert first.info("server")["run_id"] == second.info("server")["run_id"]
        assert answers(path)
    assert not answers(path)


def test_who_started_it_may_leave_while_others_still_use_it(tmp_path: Path) -> None:
    first = open_broker(None, tmp_path)
    path = Path(first.__enter__().removeprefix("unix://"))
    with open_broker(None, tmp_path):
        first.__exit__(None, None, None)
        assert answers(path)
    assert not answers(path)


def test_what_was_stored_is_there_next_time(tmp_path: Path) -> None:
    with open_broker(None, tmp_path) as url, connect(url) as redis:
        redis.set("job", "kept")
    with open_broker(None, tmp_path) as url, connect(url) as redis:
        assert redis.get("job") == b"kept"


def test_a_killed_redis_is_started_anew_with_all_it_had_for_a_second(tmp_path: Path) -> None:
    with open_broker(None, tmp_path) as url:
        with connect(url) as redis:
            redis.set("job", "kept")
            time.sleep(1.2)  # it writes through every second
            os.kill(int(redis.info("server")["process_id"]), signal.SIGKILL)
        with open_broker(None, tmp_path) as again, connect(again) as redis:
            assert redis.get("job") == b"kept"


@pytest.mark.parametrize("name", ["x" * 120, "with space", "ünïcode", "a?b#c"])
def test_a_folder_whose_name_cannot_carry_a_socket_works_all_the_same(
    tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    with open_broker(None, folder) as url, connect(url) as redis:
        short = Path(url.removeprefix("unix://")).parent
        redis.set("job", "kept")
        assert short.parent != folder
        assert short.stat().st_mode & 0o077 == 0
    assert not short.exists()
    assert (folder / "appendonly.aof").exists() or (folder / "appendonlydir").exists()


def test_a_short_folder_that_others_could_enter_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    short = socket_path(folder).parent
    try:
        short.chmod(0o755)
        with pytest.raises(DirectoryNotOurs):
            socket_path(folder)
    finally:
        short.rmdir()


def test_a_run_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    opening = open_broker(None, tmp_path / "file" / "run")
    with pytest.raises(RunDirectoryUnusable, match="GLEANDRAFT_DATA_DIR"):
        opening.__enter__()


def test_a_redis_that_cannot_read_its_file_says_so_with_its_own_words(tmp_path: Path) -> None:
    (tmp_path / "appendonly.aof").write_text("this is not what Redis writes\n" * 5)
    opening = open_broker(None, tmp_path)
    with pytest.raises(BrokerDidNotStart, match=r"(?i)bad file format.*redis\.log"):
        opening.__enter__()


def test_the_redis_that_is_found_is_new_enough() -> None:
    said = subprocess.run([find_redis(), "--version"], capture_output=True, text=True, check=True)
    assert "Redis server v=" in said.stdout


def test_an_old_redis_on_the_path_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho 'Redis server v=5.0.14 sha=0'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert shutil.which("redis-server") == str(old)
    assert find_redis() != old
    old.write_text("#!/bin/sh\necho 'Redis server v=7.2.0 sha=0'\n")
    assert find_redis() == old


def test_the_end_of_a_log_is_told_on_one_line(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("one\ntwo\n\nthree\n")
    assert broker.last_words(log, num_lines=2) == "three"
    assert broker.last_words(log) == "two / three"
    assert broker.last_words(tmp_path / "none") == ""
