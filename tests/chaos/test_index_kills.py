"""Adding, updating and removing, killed again and again: what was acknowledged is there, and is found."""

from pathlib import Path

import pytest

from bench.index_kills import NUM_NAMES, kill_again

NUM_KILLS = 200


@pytest.mark.chaos
def test_nothing_acknowledged_is_lost_by_two_hundred_kills(
    tmp_path: Path, figures: list[str]
) -> None:
    toll = kill_again(tmp_path, num_kills=NUM_KILLS)
    figures.append(
        f"{toll.num_kills} kills: none of {toll.num_acknowledged} acknowledged changes lost, "
        f"{toll.num_left} differences left for a check by hand"
    )
    assert toll.num_documents > NUM_NAMES / 4
