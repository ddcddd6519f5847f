"""Tables line up, and say nothing where there is nothing to say."""

from typing import Any

from bench.table import decode_tables, render, show

ROW: dict[str, Any] = {
    "task": "grounded",
    "batch": 1,
    "n": 3,
    "equal": True,
    "plain_tokens_per_s": {"median": 33.167, "low": 32.0, "high": 34.0},
    "speedup_vs_plain": {"median": 1.5, "low": 1.4, "high": 1.6},
    "decode_speedup_vs_plain": {"median": 4.25, "low": 4.0, "high": 4.5},
    "tokens_per_forward": 5.6,
    "copy_oracle_tokens_per_forward": 9.0,
    "nodes_per_forward": 7.3,
    "drafting_share": 0.021,
    "peers": {"rest": {"equal": True, "tokens_per_forward": 3.0, "nodes_per_forward": 20.0}},
}
REPORT: dict[str, Any] = {
    "rows": [ROW],
    "forward_pass": {"token_ms": 5.0, "reading_tokens_per_s": 2000.0, "ceiling": 10.0},
}


def test_columns_stand_under_one_another() -> None:
    lines = render(("task", "speed"), [("a", "10.00"), ("longer", "9.00")]).splitlines()
    assert lines[0].index("speed") + len("speed") == len(lines[2]) == len(lines[3])


def test_a_spread_is_shown_by_its_median() -> None:
    assert show({"median": 1.234, "low": 1.0, "high": 2.0}) == "1.23"


def test_what_was_not_measured_is_a_dash() -> None:
    assert show(None) == "-"


def test_a_row_that_is_not_equal_says_so() -> None:
    row = {key: value for key, value in ROW.items() if "speedup" not in key} | {"equal": False}
    line = decode_tables(REPORT | {"rows": [row]}).splitlines()[2]
    assert "NO" in line.split()
    assert line.split().count("-") == 4


def test_every_peer_has_a_line_with_its_tokens_per_forward() -> None:
    [line] = [line for line in decode_tables(REPORT).splitlines() if line.startswith("rest")]
    assert "(3.00)" in line


def test_the_bound_of_the_machine_is_named() -> None:
    assert "more than 10.0 times" in decode_tables(REPORT)
