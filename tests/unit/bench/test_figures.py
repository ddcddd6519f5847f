"""Figures are computed as they are named, and no speed-up stands beside a text that differs."""

from collections.abc import Sequence

import numpy as np
import pytest

from bench.divergence import PlainText
from bench.entrants import Entrant, Entrants
from bench.figures import forced_tokens, ratio, row_of, summary_of
from bench.runs import Lap, Run, Tokens
from bench.workload import Task
from decoding import Cost, Request, Template
from decoding.drafting.draft_tree import Source
from decoding.types import Acceptance
from pipeline.prompts import Prompt

TASK = Task("a", "copy", Prompt(("?",)), (), 4)
REQUEST = Request([9, 1, 2, 3], max_new_tokens=4)
TEXT = (9, 1, 2, 3)
PLAIN = PlainText("a", TEXT, (1.0, 0.5, 0.25, 0.125))


def drafted(text: Tokens = TEXT, *, seconds: float = 1.0) -> Lap:
    by_source = {Source.PROMPT: Acceptance(5, 3)}
    cost = Cost(output_tokens=len(text), forwards=2, drafted=5, accepted=3, by_source=by_source)
    return Lap((text,), (True,), ((),), cost, seconds, drafting_seconds=0.1 * seconds)


def plain(*, seconds: float = 4.0) -> Lap:
    return Lap((TEXT,), (True,), ((),), Cost(output_tokens=4, forwards=4), seconds, 0.0)


def entrant(*laps: Lap) -> Entrant[Lap]:
    return Entrant(lambda: laps[0], list(laps))


def entrants(
    ours: Sequence[Lap] = (), *, peer: Lap | None = None, library: Run | None = None
) -> Entrants:
    return Entrants(
        plain_whole=entrant(plain(seconds=6.0), plain(seconds=6.0)),
        plain=entrant(plain(), plain()),
        ours_whole=entrant(drafted(seconds=3.0), drafted(seconds=3.0)),
        ours=entrant(*(ours or (drafted(), drafted(seconds=2.0)))),
        peers={"rest": entrant(peer, peer)} if peer else {},
        library={
            name: Entrant(lambda: library, [library, library]) for name in ("greedy", "lookup")
        }
        if library
        else {},
    )


def test_speed_ups_are_paired_by_repeat() -> None:
    row = row_of([TASK], [REQUEST], [PLAIN], entrants())
    assert row["speedup_vs_plain"] == {"median": 2.0, "low": 2.0, "high": 2.0}
    assert row["decode_speedup_vs_plain"] == {"median": 3.0, "low": 2.0, "high": 4.0}


def test_tokens_and_nodes_are_counted_per_forward_pass() -> None:
    row = row_of([TASK], [REQUEST], [PLAIN], entrants())
    assert (row["tokens_per_forward"], row["nodes_per_forward"]) == (2.0, 2.5)
    assert row["acceptance_by_source"] == {"prompt": {"drafted": 5, "accepted": 3}}
    assert row["drafting_share"] == pytest.approx(0.1)


def test_the_oracles_look_at_the_plain_texts() -> None:
    row = row_of([TASK], [REQUEST], [PLAIN], entrants())
    assert row["copy_oracle_tokens_per_forward"] == 4.0  # the whole text stands in the prompt


@pytest.mark.parametrize("repeat", [0, 1])
def test_one_differing_text_in_any_repeat_leaves_no_speed_up(repeat: int) -> None:
    laps = [drafted(), drafted()]
    laps[repeat] = drafted((9, 1, 7, 3))
    run = Run((TEXT,), 8.0, 3, 6.0)
    row = row_of([TASK], [REQUEST], [PLAIN], entrants(laps, library=run))
    assert row["equal"] is False
    assert row["divergences"] == [{"id": "a", "position": 2, "gap": 0.25}]
    assert not [name for name in row if "speedup" in name]


def test_a_peer_has_a_gate_of_its_own() -> None:
    row = row_of([TASK], [REQUEST], [PLAIN], entrants(peer=drafted((9, 1))))
    assert row["equal"]
    assert not row["peers"]["rest"]["equal"]
    assert "decode_speedup_vs_plain" not in row["peers"]["rest"]
    assert summary_of([row]) == {"equal": True, "peers_equal": False}


def test_the_library_is_compared_by_tokens_per_second() -> None:
    run = Run((TEXT,), 12.0, 3, 6.0)
    row = row_of([TASK], [REQUEST], [PLAIN], entrants(library=run))
    assert row["speedup_vs_transformers"]["median"] == 4.0  # 4 tokens in 3 s, against 12 s
    assert row["decode_speedup_vs_transformers"]["high"] == 8.0  # 4 in 1 s, against 3 in 6 s
    assert row["texts_as_transformers"] == 1


def test_a_ratio_is_of_speeds_not_of_times() -> None:
    shorter = drafted((9, 1), seconds=0.5)
    assert ratio([shorter], [plain()])["median"] == 4.0


def test_forced_tokens_are_those_that_the_form_left_no_choice_about() -> None:
    free = np.ones(8, dtype=np.bool_)
    form = Template([[1, 2], [3, 4]], free=free, closers=np.zeros(8, dtype=np.bool_), longest_gap=5)
    assert forced_tokens(form, (1, 2, 6, 7, 3, 4)) == [True, True, False, False, False, True]
    assert forced_tokens(None, (1, 2)) == []


def test_everyone_runs_equally_often_and_takes_turns_at_being_first() -> None:
    order: list[str] = []

    def noting(name: str) -> Entrant[Lap]:
        def run() -> Lap:
            order.append(name)
            return plain()

        return Entrant(run)

    everyone = Entrants(
        noting("plain whole"),
        noting("plain"),
        noting("whole"),
        noting("ours"),
        {"rest": noting("rest")},
        {},
    )
    everyone.run_in_turn(repeats=3, say=lambda _: None)
    rounds = [order[i : i + 5] for i in range(0, 15, 5)]
    assert all(sorted(each) == sorted(rounds[0]) for each in rounds)
    assert len({each[0] for each in rounds}) == 3
