"""Voices: each source guesses what it knows, under the key that says how well it knows it."""

import numpy as np

from decoding.drafting.calibration import Tendency, key_of
from decoding.drafting.draft_tree import Source
from decoding.drafting.library import FIRST_OUTPUT, PROMPT, REFERENCE
from decoding.drafting.recall import Recall
from decoding.drafting.recycling import RecyclingMatrix
from decoding.drafting.suffix_index import SuffixIndex
from decoding.drafting.suffix_voice import MOST_BRANCHES, NOWHERE, Place, SuffixVoice
from decoding.drafting.voices import DatastoreVoice, LogitsVoice, RecyclingVoice


class Shelf:
    """An index with a voice that speaks for a text in it."""

    def __init__(self, *texts: list[int], sources: frozenset[Source] = frozenset(Source)) -> None:
        self.index = SuffixIndex()
        for text in texts:
            self.index.text(origin=REFERENCE).extend(text)
        self.voice = SuffixVoice(self.index, own=FIRST_OUTPUT, tendency=Tendency(), sources=sources)

    def end_of(self, *tokens: int) -> Place:
        place = NOWHERE
        for token in tokens:
            place = self.voice.step(place, token)

        return place


def test_the_longest_match_speaks_first_and_a_shorter_one_adds_the_rest() -> None:
    shelf = Shelf([1, 2, 3, 50], [9, 3, 60])
    assert shelf.voice.guesses(shelf.end_of(1, 2, 3), is_root=True) == [
        (50, key_of(Source.REFERENCE, length=2, share=0)),
        (60, key_of(Source.REFERENCE, length=0, share=2, is_second=True)),
    ]


def test_behind_guesses_only_the_longest_match_speaks() -> None:
    shelf = Shelf([1, 2, 3, 50], [9, 3, 60])
    assert [token for token, _ in shelf.voice.guesses(shelf.end_of(1, 2, 3), is_root=False)] == [50]


def test_a_continuation_seen_several_times_has_a_key_of_its_own() -> None:
    shelf = Shelf([1, 2, 50], [7, 1, 2, 50], [1, 2, 60])
    found = dict(shelf.voice.guesses(shelf.end_of(1, 2), is_root=False))
    assert found == {
        50: key_of(Source.REFERENCE, length=1, share=2),
        60: key_of(Source.REFERENCE, length=1, share=3),
    }


def test_a_guess_that_two_origins_make_is_agreed() -> None:
    shelf = Shelf([1, 2, 50])
    shelf.index.text(origin=PROMPT).extend([1, 2, 50])
    key = key_of(Source.REFERENCE, length=1, share=1, is_agreed=True)
    assert shelf.voice.guesses(shelf.end_of(1, 2), is_root=False) == [(50, key)]


def test_what_sisters_wrote_does_not_silence_what_a_text_knows_by_itself() -> None:
    shelf = Shelf([9, 3, 60])
    shelf.index.text(origin=FIRST_OUTPUT << 1).extend([1, 2, 3, 50])
    assert shelf.voice.guesses(shelf.end_of(1, 2, 3), is_root=False) == [
        (50, key_of(Source.SISTER, length=2, share=0)),
        (60, key_of(Source.REFERENCE, length=0, share=0)),
    ]


def test_a_source_that_is_switched_off_says_nothing() -> None:
    shelf = Shelf([1, 2, 50], sources=frozenset({Source.PROMPT}))
    assert shelf.voice.guesses(shelf.end_of(1, 2), is_root=True) == []


def test_a_token_that_was_followed_by_nearly_anything_says_nothing() -> None:
    shelf = Shelf(*([1, 100 + n] for n in range(MOST_BRANCHES + 1)))
    assert shelf.voice.guesses(shelf.end_of(1), is_root=True) == []


def test_behind_a_token_that_never_occurred_matching_starts_anew() -> None:
    shelf = Shelf([1, 2, 50])
    assert shelf.end_of(1, 2, 77) == NOWHERE
    assert shelf.voice.guesses(NOWHERE, is_root=True) == []
    assert shelf.end_of(1, 2, 77, 1, 2) == shelf.end_of(1, 2)


def test_where_a_text_ends_a_shorter_match_goes_on() -> None:
    shelf = Shelf([1, 2, 3], [9, 3, 60])
    assert [t for t, _ in shelf.voice.guesses(shelf.end_of(1, 2, 3), is_root=False)] == [60]


def test_the_datastore_repeats_what_its_continuations_have_in_common() -> None:
    voice = DatastoreVoice(tendency=Tendency())
    cursor = voice.start(Recall(4, ((7, 8, 9), (7, 8), (5,)), (2, 1, 1)))
    key = key_of(Source.DATASTORE, length=3, share=2)
    assert voice.guesses(cursor, is_root=True)[0] == (7, key)
    assert len(voice.guesses(cursor, is_root=True)) == 2
    behind = voice.step(cursor, 7)
    assert behind is not None
    assert voice.guesses(behind, is_root=False) == [
        (8, key_of(Source.DATASTORE, length=3, share=1))
    ]


def test_the_datastore_has_nothing_behind_what_it_never_saw() -> None:
    voice = DatastoreVoice(tendency=Tendency())
    cursor = voice.start(Recall(4, ((7, 8),), (1,)))
    assert voice.step(cursor, 6) is None


def test_recycled_successors_come_in_the_order_of_the_model() -> None:
    matrix = RecyclingMatrix(20)
    matrix.learn(4, [11, 3, 7])
    voice = RecyclingVoice(matrix, tendency=Tendency())
    assert [token for token, _ in voice.guesses(4, is_root=True)] == [11, 3, 7]
    assert voice.guesses(5, is_root=True) == []
    assert voice.step(4, 9) == 9


def test_what_the_model_nearly_wrote_is_guessed_at_the_root_only() -> None:
    voice = LogitsVoice(tendency=Tendency())
    logits = np.array([0.0, 5.0, 4.5, 1.0], dtype=np.float32)
    cursor = voice.start([1, 2, 3], logits, written=1)
    assert cursor == [
        (2, key_of(Source.LOGITS, length=0, share=0)),
        (3, key_of(Source.LOGITS, length=1, share=3)),
    ]
    assert voice.guesses(cursor, is_root=True) == cursor
    assert voice.guesses(cursor, is_root=False) == []
