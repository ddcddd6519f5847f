"""Results as plain text: one line per row, numbers under one another."""

from collections.abc import Mapping, Sequence
from typing import Any

MISSING = "-"


def render(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first column is flush left, all others flush right."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    padded = [
        [
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in lines
    ]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))

    return "\n".join(["  ".join(padded[0]), rule, *("  ".join(line) for line in padded[1:])])


def show(value: Any) -> str:
    """A number with the digits that matter, a spread by its median, a share as it is."""
    if value is None:
        return MISSING
    if isinstance(value, Mapping):
        return f"{value['median']:.2f}"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def decode_tables(report: Mapping[str, Any]) -> str:
    """Our drafter by task and batch, then everyone by tokens per forward and by speed of writing."""
    rows = report["rows"]
    overview = render(
        (
            "task",
            "batch",
            "n",
            "equal",
            "plain tok/s",
            "x plain",
            "x writing",
            "x transformers",
            "x its lookup",
            "tok/forward",
            "copy oracle",
            "nodes/forward",
            "drafting",
        ),
        [
            (
                row["task"],
                str(row["batch"]),
                str(row["n"]),
                "yes" if row["equal"] else "NO",
                show(row["plain_tokens_per_s"]),
                show(row.get("speedup_vs_plain")),
                show(row.get("decode_speedup_vs_plain")),
                show(row.get("speedup_vs_transformers")),
                show(row.get("speedup_vs_prompt_lookup")),
                show(row["tokens_per_forward"]),
                show(row["copy_oracle_tokens_per_forward"]),
                show(row["nodes_per_forward"]),
                f"{100 * row['drafting_share']:.1f} %",
            )
            for row in rows
        ],
    )

    parts = [overview, peer_table(rows)] if any(row["peers"] for row in rows) else [overview]
    return "\n\n".join([*parts, bound_line(report["forward_pass"])])


def bound_line(forward_pass: Mapping[str, Any]) -> str:
    return (
        f"One token takes {forward_pass['token_ms']} ms, a prompt is read at "
        f"{forward_pass['reading_tokens_per_s']} tokens per second: "
        f"writing cannot become more than {forward_pass['ceiling']} times as fast as plain decoding."
    )


def peer_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Speed of writing against plain decoding, and tokens per forward, one column per task and batch."""
    names = list(dict.fromkeys(name for row in rows for name in row["peers"]))
    header = ("x writing (tok/forward)", *(f"{row['task']}/{row['batch']}" for row in rows))
    ours = [
        f"{show(row.get('decode_speedup_vs_plain'))} ({show(row['tokens_per_forward'])})"
        for row in rows
    ]
    return render(
        header,
        [
            ("gleandraft", *ours),
            *((name, *(peer_cell(row["peers"].get(name)) for row in rows)) for name in names),
        ],
    )


def peer_cell(peer: Mapping[str, Any] | None) -> str:
    if peer is None:
        return MISSING
    speed = show(peer.get("decode_speedup_vs_plain"))
    return f"{speed} ({show(peer['tokens_per_forward'])})"
