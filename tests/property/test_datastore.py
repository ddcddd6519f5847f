"""The datastore against brute force over the same texts."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from decoding.drafting.datastore import Datastore
from decoding.drafting.datastore.context_index import CONTINUATION_LEN
from decoding.drafting.datastore.context_order import CONTEXT_LEN
from decoding.drafting.datastore.cursor import LEAST_MATCH, MOST_CONTINUATIONS
from decoding.drafting.datastore.upkeep import ENOUGH_SEGMENTS, run_to_merge
from decoding.drafting.recall import Recall

VOCABULARY = 200_000
Texts = Sequence[Sequence[int]]

few_tokens = st.integers(0, 2)  # repeats abound
wide_tokens = st.sampled_from([0, 255, 256, 65_535, 65_536, VOCABULARY - 1])  # bytes borrow bits
runs = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 20)), max_size=4)  # long matches
tokens = st.one_of(
    st.lists(few_tokens, max_size=24),
    st.lists(wide_tokens, max_size=24),
    runs.map(lambda pairs: [token for token, length in pairs for _ in range(length)]),
)
texts = st.lists(tokens, max_size=6)
saves = st.lists(st.booleans(), min_size=6, max_size=6)  # which texts are followed by a flush


def kept(texts: Texts) -> list[tuple[int, ...]]:
    """What the store should hold: nothing too short, nothing twice."""
    return list(dict.fromkeys(tuple(text) for text in texts if len(text) > LEAST_MATCH))


def followers(texts: Texts, suffix: Sequence[int]) -> Counter[tuple[int, ...]]:
    """How the texts go on where the suffix occurs in them."""
    size = len(suffix)
    return Counter(
        tuple(text[at : at + CONTINUATION_LEN])
        for text in texts
        for at in range(size, len(text))
        if list(text[at - size : at]) == list(suffix)
    )


def recalled_slowly(texts: Texts, text: Sequence[int]) -> tuple[int, Counter[tuple[int, ...]]]:
    for size in range(min(len(text), CONTEXT_LEN), LEAST_MATCH - 1, -1):
        if found := followers(texts, text[-size:]):
            return size, found

    return 0, Counter()


def assert_recalled(recall: Recall, texts: Texts, text: Sequence[int]) -> None:
    match_len, expected = recalled_slowly(texts, text)
    found = dict(zip(recall.continuations, recall.counts, strict=True))
    assert recall.match_len == match_len
    assert list(recall.counts) == sorted(recall.counts, reverse=True)
    if expected.total() <= MOST_CONTINUATIONS:
        assert found == expected
    else:
        assert sum(found.values()) == MOST_CONTINUATIONS
        assert Counter(found) <= expected


@given(texts, saves, tokens)
@settings(max_examples=80, deadline=None)
def test_the_longest_match_and_what_followed_it_are_those_of_brute_force(
    texts: list[list[int]], saves: list[bool], text: list[int]
) -> None:
    with TemporaryDirectory() as folder:
        store = Datastore.open(Path(folder), vocabulary=VOCABULARY)
        for added, saved in zip(texts, saves, strict=False):
            store.add(added)
            if saved:
                store.flush()
        assert_recalled(recalled(store, text), kept(texts), text)


@given(texts, tokens, st.lists(st.integers(1, 4), min_size=1, max_size=24), texts)
@settings(max_examples=200, deadline=None)
def test_a_cursor_that_moves_on_finds_what_a_new_one_would(
    texts: list[list[int]], text: list[int], strides: list[int], added_later: list[list[int]]
) -> None:
    """Searches that are left out after a miss could not have found anything."""
    with TemporaryDirectory() as folder:
        store = Datastore.open(Path(folder), vocabulary=VOCABULARY)
        stored: list[list[int]] = []
        for added in texts:
            store.add(added)
            stored.append(added)
        cursor, at, later = store.cursor(), 0, iter(added_later)
        for stride in strides:
            cursor.extend(text[at : at + stride])
            at += stride
            assert_recalled(cursor.recall(), kept(stored), text[:at])
            ahead = text[at : at + 2]
            assert_recalled(cursor.recall(ahead), kept(stored), [*text[:at], *ahead])
            if at % 3 == 0:
                stored.append(next(later, []))
                store.add(stored[-1])


@given(texts, st.lists(st.sampled_from(["flush", "maintain", "reopen"]), max_size=6), tokens)
@settings(max_examples=60, deadline=None)
def test_saving_merging_and_reopening_change_nothing_that_is_recalled(
    texts: list[list[int]], verbs: list[str], text: list[int]
) -> None:
    with TemporaryDirectory() as folder:
        store = Datastore.open(Path(folder), vocabulary=VOCABULARY)
        for added, verb in zip(texts, [*verbs, *["flush"] * 6], strict=False):
            store.add(added)
            store.flush()
            if verb == "maintain":
                store.maintain()
            if verb == "reopen":
                store = Datastore.open(Path(folder), vocabulary=VOCABULARY)
        assert_recalled(recalled(store, text), kept(texts), text)


@given(st.lists(st.integers(3, 20), max_size=8), st.integers(0, 120))
@settings(max_examples=40, deadline=None)
def test_the_oldest_texts_leave_once_there_are_too_many(lengths: list[int], bound: int) -> None:
    texts = [list(range(100 * at, 100 * at + length)) for at, length in enumerate(lengths)]
    num_added = sum(length + 1 for length in lengths)
    with TemporaryDirectory() as folder:
        store = Datastore.open(Path(folder), vocabulary=VOCABULARY)
        for text in texts:
            store.add(text)
            store.flush()
        store.maintain()  # merges, if there are enough
        store = Datastore.open(Path(folder), vocabulary=VOCABULARY, max_tokens=bound)
        store.maintain()
        stays = [is_found(store, text) for text in texts]
        assert stays == sorted(stays)  # from some text on, all of them
        assert store.num_tokens <= bound
        assert store.num_tokens == num_added or store.num_tokens > bound - bound // 8 - 21


def is_found(store: Datastore, text: Sequence[int]) -> bool:
    """Whether the text, which shares no token with others, is recalled from every point or from none."""
    points = range(LEAST_MATCH, len(text))
    found = {recalled(store, text[:at]).continuations for at in points}
    assert found in ({()}, {(tuple(text[at : at + CONTINUATION_LEN]),) for at in points})

    return found != {()}


def recalled(store: Datastore, text: Sequence[int]) -> Recall:
    cursor = store.cursor()
    cursor.extend(text)

    return cursor.recall()


@given(st.lists(st.integers(1, 5000), min_size=150, max_size=250))
@settings(max_examples=40, deadline=None)
def test_merging_keeps_segments_few_and_rewrites_little(flushed: list[int]) -> None:
    sizes: list[int] = []
    num_written = 0
    for size in flushed:
        sizes.append(size)
        if run := run_to_merge(sizes):
            merged = sum(sizes[at] for at in run)
            sizes[run.start : run.stop] = [merged]
            num_written += merged
        assert len(sizes) <= ENOUGH_SEGMENTS + 4
    assert num_written <= 6 * sum(flushed)
