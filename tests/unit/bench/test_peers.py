"""Each peer guesses by its paper's rule, and behind our verification none of them changes the text."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.peers import PEERS, open_peer
from bench.peers.drafter import Method, PeerDrafter
from bench.peers.lookup import LongestLookup, PromptLookup
from bench.peers.rest import Rest
from bench.peers.sam import SamDecoding
from bench.peers.suffix_decoding import SuffixDecoding
from bench.peers.text import Text
from bench.peers.token_recycling import TokenRecycling, template
from decoding.drafting.draft_tree import ROOT, DraftTree
from decoding.drafting.drafter import Admits, Ask, Outcome, admits_all
from decoding.types import Request
from decoding.verify import Choose, verify

VOCABULARY = 32
ROOM = 100


def drafted(
    method: Method,
    prompt: Sequence[int],
    *,
    references: Sequence[Sequence[int]] = (),
    forced: tuple[int, ...] = (),
    room: int = ROOM,
    admits: Admits = admits_all,
    num_nodes: int | None = None,
) -> DraftTree:
    drafter = PeerDrafter(method, num_nodes=num_nodes)
    state = drafter.begin(Request(prompt, max_new_tokens=ROOM, references=references))
    [tree] = drafter.draft([Ask(state, len(prompt), room, forced=forced, admits=admits)])

    return tree


def paths(tree: DraftTree) -> set[tuple[int, ...]]:
    """Every node as the tokens that lead to it."""
    found: dict[int, tuple[int, ...]] = {ROOT: ()}
    for node, (token, parent) in enumerate(zip(tree.tokens, tree.parents, strict=True)):
        found[node] = (*found[parent], token)

    return {path for path in found.values() if path}


def logits_for(*ranked: Sequence[int]) -> NDArray[np.float32]:
    """One row per column whose best tokens are these, in this order."""
    logits = np.zeros((len(ranked), VOCABULARY), dtype=np.float32)
    for row, tokens in zip(logits, ranked, strict=True):
        row[list(tokens)] = range(len(tokens), 0, -1)

    return logits


def reading_from(rows: Sequence[int], *, most: int) -> Choose:
    """A model that says row c behind column c, `most` tokens in all."""
    return lambda column, walked: rows[column] if len(walked) < most else None


def test_prompt_lookup_takes_the_first_place_of_the_last_three_tokens() -> None:
    tree = drafted(PromptLookup(num_tokens=2), [1, 2, 3, 10, 11, 1, 2, 3, 20, 21, 1, 2, 3])
    assert tree == DraftTree((10, 11), (ROOT, 0))


def test_prompt_lookup_backs_off_to_shorter_ends() -> None:
    tree = drafted(PromptLookup(num_tokens=2), [5, 3, 10, 11, 7, 8, 3])
    assert tree.tokens == (10, 11)


def test_longest_lookup_prefers_the_longer_match_to_the_earlier_one() -> None:
    prompt = [2, 3, 4, 10, 1, 2, 3, 4, 20, 9, 1, 2, 3, 4]
    assert drafted(PromptLookup(num_tokens=1), prompt).tokens == (10,)
    assert drafted(LongestLookup(num_tokens=1), prompt).tokens == (20,)


def test_rest_keeps_the_beginnings_that_most_continuations_share() -> None:
    prompt = [1, 2, 10, 11, 1, 2, 10, 12, 1, 2, 20, 21, 1, 2]
    tree = drafted(Rest(num_tokens=2, num_nodes=3), prompt)
    assert tree.tokens[0] == 10
    assert paths(tree) == {(10,), (20,), (10, 11)}


def test_rest_needs_two_matching_tokens() -> None:
    assert len(drafted(Rest(), [1, 2, 10, 11, 7, 2])) == 0


def test_suffix_decoding_guesses_as_many_tokens_as_matched() -> None:
    long = drafted(SuffixDecoding("tree"), [1, 2, 3, 10, 11, 12, 13, 14, 9, 1, 2, 3])
    assert long.tokens == (10, 11, 12)
    assert drafted(SuffixDecoding("tree"), [3, 10, 11, 12, 9, 3]).tokens == (10,)


def test_suffix_decoding_as_a_path_follows_the_most_frequent_child_only() -> None:
    prompt = [1, 2, 3, 10, 30, 1, 2, 3, 10, 31, 1, 2, 3, 20, 9, 1, 2, 3]
    tree = drafted(SuffixDecoding("tree"), prompt)
    path = drafted(SuffixDecoding("path"), prompt)
    assert {10, 20} <= set(tree.tokens)
    assert path.parents == tuple(range(ROOT, len(path) - 1))
    assert path.tokens[0] == 10


def test_suffix_decoding_stops_below_its_least_probability() -> None:
    prompt = [token for n in range(12) for token in (1, 2, 10 + n)] + [1, 2]
    assert len(drafted(SuffixDecoding("tree"), prompt)) == 0  # twelve continuations, 8 % each


def test_sam_decoding_takes_a_long_chain_behind_five_matching_tokens() -> None:
    copied = list(range(1, 30))
    tree = drafted(SamDecoding(num_tokens=16), [*copied, 31, *copied[:5]])
    assert tree.tokens == tuple(copied[5:21])
    assert tree.parents == tuple(range(ROOT, 15))


def test_sam_decoding_leaves_short_matches_to_token_recycling() -> None:
    drafter = PeerDrafter(SamDecoding())
    prompt = [1, 2, 3, 4, 20, 9, 1, 2, 3, 4]
    state = drafter.begin(Request(prompt, max_new_tokens=ROOM))
    assert drafter.draft([Ask(state, 10, ROOM)]) == [DraftTree()]
    state.learn(Outcome(DraftTree(), (0,), (4,), logits_for([30, 29, 28, 27, 26, 25, 24, 23])))
    [tree] = drafter.draft([Ask(state, 11, ROOM)])
    assert {path for path in paths(tree) if len(path) == 1} >= {(30,), (29,), (28,)}


def test_token_recycling_walks_the_successors_that_it_saw_last() -> None:
    drafter = PeerDrafter(TokenRecycling(num_nodes=12))
    state = drafter.begin(Request([5], max_new_tokens=ROOM))
    state.learn(Outcome(DraftTree(), (0,), (6,), logits_for([6, 7, 8, 9, 10, 11, 12, 13])))
    state.learn(Outcome(DraftTree(), (0,), (5,), logits_for([5, 20, 21, 22, 23, 24, 25, 26])))
    [tree] = drafter.draft([Ask(state, 3, ROOM)])
    assert {(6,), (7,), (6, 5), (6, 20)} <= paths(tree)


def test_token_recycling_remembers_from_one_text_to_the_next() -> None:
    drafter = PeerDrafter(TokenRecycling())
    first = drafter.begin(Request([5], max_new_tokens=ROOM))
    first.learn(Outcome(DraftTree(), (0,), (6,), logits_for([6, 7, 8, 9, 10, 11, 12, 13])))
    first.close()
    second = drafter.begin(Request([1, 5], max_new_tokens=ROOM))
    [tree] = drafter.draft([Ask(second, 2, ROOM)])
    assert (6,) in paths(tree)


def test_the_fixed_tree_has_about_as_many_nodes_per_level_as_the_published_one() -> None:
    levels: list[int] = []
    for parent, _ in template(80):
        levels.append(1 if parent == ROOT else levels[parent] + 1)
    for level, published in enumerate([8, 21, 25, 15, 8, 3], start=1):
        assert abs(levels.count(level) - published) <= 4


@pytest.mark.parametrize("name", sorted(PEERS))
def test_forced_tokens_open_the_tree_and_guesses_follow_them(name: str) -> None:
    drafter = open_peer(name)
    prompt = [1, 2, 3, 4, 5, 6, 20, 21, 9, 1, 2, 3]
    state = drafter.begin(Request(prompt, max_new_tokens=ROOM))
    [tree] = drafter.draft([Ask(state, len(prompt), ROOM, forced=(4, 5, 6))])
    assert tree.tokens[:3] == (4, 5, 6)
    assert tree.parents[:3] == (ROOT, 0, 1)
    if name != "token-recycling":  # which has seen nothing yet
        assert tree.tokens[3] == 20


@pytest.mark.parametrize("name", sorted(PEERS))
@pytest.mark.parametrize("room", [0, 1, 2])
def test_no_guess_lies_deeper_than_the_text_may_grow(name: str, room: int) -> None:
    drafter = open_peer(name)
    prompt = [*range(1, 20), 9, *range(1, 10)]
    state = drafter.begin(Request(prompt, max_new_tokens=ROOM))
    state.learn(Outcome(DraftTree(), (0,), (10,), logits_for([10, 11, 12, 13, 14, 15, 16, 17])))
    [tree] = drafter.draft([Ask(state, len(prompt), room)])
    assert max(tree.depths(), default=0) <= room


def test_a_budget_keeps_the_most_promising_guesses() -> None:
    prompt = [1, 2, 10, 11, 1, 2, 10, 12, 1, 2, 20, 21, 1, 2]
    assert drafted(Rest(), prompt, num_nodes=1).tokens == (10,)


def test_a_guess_that_the_form_forbids_is_dropped_with_all_behind_it() -> None:
    prompt = [1, 2, 10, 11, 1, 2, 20, 21, 1, 2]
    tree = drafted(Rest(), prompt, admits=lambda token: token != 10)
    assert (20,) in paths(tree)
    assert not any(path[0] == 10 for path in paths(tree))


def test_no_guess_runs_from_one_reference_into_the_next() -> None:
    tree = drafted(PromptLookup(), [7, 1, 2], references=[[1, 2, 3], [30, 31]])
    assert tree.tokens == (3,)


def test_peers_search_the_likely_answers_too() -> None:
    drafter = open_peer("prompt-lookup")
    state = drafter.begin(Request([7, 1], max_new_tokens=ROOM, guesses=[[1, 2, 3]]))
    [tree] = drafter.draft([Ask(state, 2, ROOM)])
    assert tree.tokens == (2, 3)


def test_places_are_found_behind_tokens_that_are_yet_to_be_written() -> None:
    [place] = Text([1, 2, 3, 4, 9, 1, 2]).places([3], longest=8)
    assert (place.end, place.match_len) == (3, 3)


@pytest.mark.parametrize("name", sorted(PEERS))
@pytest.mark.parametrize("num_nodes", [None, 4])
def test_a_copied_text_is_written_as_it_is_in_fewer_passes(
    name: str, num_nodes: int | None
) -> None:
    """The model of this test says one fixed text: what it says next depends on how much it has said."""
    text = [*range(1, 25)] * 4
    prompt, wanted = text[:40], text[40:]
    drafter = open_peer(name, num_nodes=num_nodes)
    state = drafter.begin(Request(prompt, max_new_tokens=len(wanted)))
    said: list[int] = []
    num_passes = 0
    while len(said) < len(wanted):
        num_left = len(wanted) - len(said)
        [tree] = drafter.draft([Ask(state, len(prompt) + len(said), num_left - 1)])
        rows = [wanted[min(len(said) + depth, len(wanted) - 1)] for depth in (0, *tree.depths())]
        walk = verify(tree, reading_from(rows, most=num_left))
        said += walk.tokens
        ranked = [[row, *(t for t in range(8) if t != row)][:8] for row in rows]
        state.learn(Outcome(tree, walk.columns, walk.tokens, logits_for(*ranked)))
        num_passes += 1
    assert said == wanted
    assert num_passes < len(wanted)
