"""Which files are taken."""

import os
from pathlib import Path

import pytest

from retrieval.walk import Found, walk

NOWHERE = Path("/nowhere")


def make_tree(root: Path) -> None:
    for name in ["b.txt", "a.txt", ".hidden", "sub/c.txt", ".git/config", "kb/truth.sqlite3"]:
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        (root / name).touch()


def names(root: Path, *paths: Path, exclude: Path = NOWHERE) -> list[str]:
    return [str(found.path.relative_to(root)) for found in walk(paths, exclude=exclude)]


def test_directories_are_walked_in_order_without_hidden_files(tmp_path: Path) -> None:
    make_tree(tmp_path)
    assert names(tmp_path, tmp_path, exclude=tmp_path / "kb") == ["a.txt", "b.txt", "sub/c.txt"]


def test_a_file_comes_once_however_often_it_is_named(tmp_path: Path) -> None:
    make_tree(tmp_path)
    (tmp_path / "sub/link.txt").symlink_to(tmp_path / "a.txt")
    given = [tmp_path / "a.txt", tmp_path / "sub", tmp_path / "sub/../sub/c.txt"]
    assert names(tmp_path, *given) == ["a.txt", "sub/c.txt"]


def test_a_hidden_file_is_taken_if_it_is_named(tmp_path: Path) -> None:
    make_tree(tmp_path)
    assert names(tmp_path, tmp_path / ".hidden") == [".hidden"]


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    make_tree(tmp_path)
    (tmp_path / "sub/up").symlink_to(tmp_path)
    assert "sub/c.txt" in names(tmp_path, tmp_path, exclude=tmp_path / "kb")


def test_a_missing_path_is_a_problem_with_its_reason(tmp_path: Path) -> None:
    missing = tmp_path / "gone"
    assert list(walk([missing], exclude=NOWHERE)) == [
        Found(missing, f"{missing} does not exist; check the path")
    ]


def test_links_to_folders_are_named_but_not_followed(tmp_path: Path) -> None:
    make_tree(tmp_path)
    (tmp_path / "sub/up").symlink_to(tmp_path)
    problems = {found.path.name: found.problem for found in walk([tmp_path], exclude=NOWHERE)}
    assert "not followed" in problems["up"]


def test_a_link_that_leads_to_itself_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert names(tmp_path, tmp_path, tmp_path / "loop") == ["loop"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.txt", ["a.txt", "b.txt"]),
        ("**/*.txt", ["a.txt", "b.txt", "sub/c.txt"]),
        ("s?b/*", ["sub/c.txt"]),
        ("[a-b].txt", ["a.txt", "b.txt"]),
        ("s*", ["sub/c.txt"]),
        ("**/sub/**", ["sub/c.txt"]),
        ("**", ["a.txt", "b.txt", "sub/c.txt"]),
    ],
)
def test_a_pattern_names_files_and_whole_folders(
    tmp_path: Path, pattern: str, expected: list[str]
) -> None:
    make_tree(tmp_path)
    assert names(tmp_path, tmp_path / pattern, exclude=tmp_path / "kb") == expected


def test_a_pattern_without_files_is_a_problem(tmp_path: Path) -> None:
    make_tree(tmp_path)
    for pattern in ("*.docx", "gone/*.md"):
        (found,) = walk([tmp_path / pattern], exclude=NOWHERE)
        assert "matches no file" in found.problem


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    for name in ("a[1].txt", "a1.txt"):
        (tmp_path / name).touch()
    assert names(tmp_path, tmp_path / "a[1].txt") == ["a[1].txt"]


def test_what_holds_no_text_is_a_problem_below_a_folder_only(tmp_path: Path) -> None:
    (tmp_path / "photo.PNG").touch()
    (below,) = walk([tmp_path], exclude=NOWHERE)
    assert "is a picture" in below.problem
    assert list(walk([tmp_path / "photo.PNG"], exclude=NOWHERE)) == [Found(tmp_path / "photo.PNG")]


@pytest.mark.skipif(os.geteuid() == 0, reason="the administrator may list every folder")
def test_a_folder_that_cannot_be_listed_is_a_problem(tmp_path: Path) -> None:
    make_tree(tmp_path)
    (tmp_path / "sub").chmod(0)
    problems = [found.problem for found in walk([tmp_path], exclude=tmp_path / "kb")]
    (tmp_path / "sub").chmod(0o700)
    assert any("cannot be listed" in problem for problem in problems)


def test_a_nul_in_a_path_is_a_problem() -> None:
    (found,) = walk([Path("a\x00b")], exclude=NOWHERE)
    assert "NUL" in found.problem


def test_a_name_that_is_too_long_is_a_problem() -> None:
    (found,) = walk([Path("x" * 5000)], exclude=NOWHERE)
    assert "check the path" in found.problem


def test_what_is_excluded_is_told_by_what_it_is(tmp_path: Path) -> None:
    make_tree(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "kb")
    found = names(tmp_path, tmp_path, exclude=tmp_path / "link")
    assert not any(name.startswith("kb") for name in found)
