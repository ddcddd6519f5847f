"""Grammars: whatever the model wants, the text validates; and the same path always leads to the same choice."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from decoding.errors import (
    GrammarDeadEnd,
    InvalidGrammar,
    InvalidStopIds,
    ModelMissing,
    ModelUnreadable,
    UnsatisfiableSchema,
    UnsupportedSchema,
)
from decoding.schema import Grammar, GrammarState, JsonLayout, JsonSchema, Lexicon, Pattern

TOKENIZER = Path(__file__).parents[3] / "models" / "main" / "tokenizer.json"
VOCABULARY = 8_200  # the model's logits, padded beyond the 8,192 tokens that spell something
STOP = 0
WRITINGS = [
    '{"a": 1, "b": [2, 3]}',
    '{"a":1,"b":[2,3]}',
    '{\n  "a" : 1,\n  "b": [ 2,3]\n}',
]
NOTE: dict[str, object] = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "maxLength": 12},
        "pages": {
            "type": "array",
            "items": {"type": "integer", "minimum": 1, "maximum": 12},
            "maxItems": 4,
        },
        "mood": {"enum": ["calm", "cheerful", None]},
        "final": {"type": "boolean"},
    },
    "required": ["title", "pages", "mood"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return Lexicon(TOKENIZER, vocabulary=VOCABULARY, stop_ids={STOP})


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(TOKENIZER))


@pytest.fixture(scope="module")
def note(lexicon: Lexicon) -> JsonSchema:
    return JsonSchema(lexicon, NOTE)


def wander(grammar: Grammar, *, seed: int) -> Iterator[tuple[GrammarState, int]]:
    """A text by a model without any sense: each state and the token that it wrote there."""
    rng = np.random.default_rng(seed)
    state = grammar.start()
    while not grammar.is_complete(state):
        forced = grammar.forced(state)
        token = forced[0] if forced else int(rng.choice(np.flatnonzero(grammar.allowed(state))))
        if token == STOP:
            break
        yield state, token
        state = grammar.advance(state, token)


def after(grammar: Grammar, tokens: list[int]) -> GrammarState:
    state = grammar.start()
    for token in tokens:
        assert grammar.allowed(state)[token]
        state = grammar.advance(state, token)
    return state


def accepts(grammar: Grammar, text: str, tokenizer: Tokenizer) -> bool:
    """Whether the text's usual tokens are allowed one by one, and the text may end behind them."""
    state = grammar.start()
    for token in tokenizer.encode(text, add_special_tokens=False).ids:
        if not grammar.allowed(state)[token]:
            return False
        state = grammar.advance(state, token)
    return bool(grammar.is_complete(state) or grammar.allowed(state)[STOP])


def assert_is_note(value: dict[str, Any]) -> None:
    assert list(value) in (["title", "pages", "mood"], ["title", "pages", "mood", "final"])
    assert isinstance(value["title"], str)
    assert len(value["title"]) <= 12
    assert len(value["pages"]) <= 4
    assert all(1 <= page <= 12 for page in value["pages"])
    assert value["mood"] in ("calm", "cheerful", None)
    assert isinstance(value.get("final", True), bool)


@pytest.mark.parametrize("seed", range(30))
def test_random_choices_write_json_that_validates(
    seed: int, note: JsonSchema, tokenizer: Tokenizer
) -> None:
    tokens = [token for _, token in wander(note, seed=seed)]
    text = tokenizer.decode(tokens, skip_special_tokens=False)
    assert_is_note(json.loads(text))


@pytest.mark.parametrize("seed", range(5))
def test_a_state_answers_the_same_however_it_was_reached(seed: int, lexicon: Lexicon) -> None:
    grammar, other = JsonSchema(lexicon, NOTE), JsonSchema(lexicon, NOTE)
    walked: list[int] = []
    for state, token in wander(grammar, seed=seed):
        again = after(other, walked)
        assert np.array_equal(grammar.allowed(state), other.allowed(again))
        assert grammar.forced(state) == other.forced(again)
        assert grammar.is_complete(state) == other.is_complete(again)
        walked.append(token)


@pytest.mark.parametrize("seed", range(5))
def test_exploring_one_continuation_leaves_the_others_as_they_were(
    seed: int, note: JsonSchema
) -> None:
    rng = np.random.default_rng(seed)
    for state, _ in wander(note, seed=seed):
        before = note.allowed(state).copy(), note.forced(state)
        for token in rng.choice(np.flatnonzero(before[0]), size=3):
            if token != STOP:
                note.allowed(note.advance(state, int(token)))
        assert np.array_equal(note.allowed(state), before[0])
        assert note.forced(state) == before[1]


@pytest.mark.parametrize("seed", range(5))
def test_forced_tokens_are_the_only_ones_allowed_and_stay_forced(
    seed: int, note: JsonSchema
) -> None:
    rest: tuple[int, ...] = ()
    num_forced = 0
    for state, token in wander(note, seed=seed):
        forced = note.forced(state)
        assert forced[: len(rest)] == rest
        if forced:
            assert list(np.flatnonzero(note.allowed(state))) == [forced[0]]
            assert token == forced[0]
            num_forced += 1
        rest = forced[1:]
    assert num_forced > 10


def test_the_text_is_complete_where_nothing_can_follow(
    note: JsonSchema, tokenizer: Tokenizer
) -> None:
    text = '{"title": "A", "pages": [3, 12], "mood": null, "final": true}'
    tokens = tokenizer.encode(text, add_special_tokens=False).ids
    assert not note.is_complete(after(note, tokens[:-1]))
    assert note.is_complete(after(note, tokens))


def test_a_stop_token_is_allowed_where_the_text_may_end_or_go_on(
    lexicon: Lexicon, tokenizer: Tokenizer
) -> None:
    number = JsonSchema(lexicon, {"type": "integer", "minimum": 1, "maximum": 12})
    state = after(number, tokenizer.encode("1").ids)
    assert not number.is_complete(state)
    assert number.allowed(state)[STOP]
    assert np.count_nonzero(number.allowed(state)) == 4  # or 0, 1, 2
    assert not number.allowed(number.start())[STOP]


def test_every_stop_token_may_end_a_text(tokenizer: Tokenizer) -> None:
    lexicon = Lexicon(TOKENIZER, vocabulary=VOCABULARY, stop_ids={STOP, 5})
    word = Pattern(lexicon, "a+")
    assert word.allowed(after(word, tokenizer.encode("a").ids))[[STOP, 5]].all()


def test_markup_and_logits_beyond_the_tokenizer_are_never_allowed(
    lexicon: Lexicon, tokenizer: Tokenizer
) -> None:
    anything = JsonSchema(lexicon, {"type": "string"})
    allowed = anything.allowed(after(anything, tokenizer.encode('"').ids))
    assert allowed.shape == (VOCABULARY,)
    assert np.count_nonzero(allowed) > 7_000
    assert not allowed[:8].any()
    assert not allowed[8_192:].any()


def test_a_model_with_fewer_logits_than_its_tokenizer_has_tokens_gets_a_mask_that_fits() -> None:
    small = JsonSchema(Lexicon(TOKENIZER, vocabulary=600, stop_ids={STOP}), NOTE)
    state = small.start()
    while small.forced(state):
        assert all(token < 600 for token in small.forced(state))
        assert small.allowed(state).shape == (600,)
        state = small.advance(state, small.forced(state)[0])


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        (JsonLayout.SPACED, ['{"a": 1, "b": [2, 3]}']),
        (JsonLayout.COMPACT, ['{"a":1,"b":[2,3]}']),
        (JsonLayout.FREE, WRITINGS),
    ],
)
def test_white_space_follows_the_layout(
    layout: JsonLayout, expected: list[str], lexicon: Lexicon, tokenizer: Tokenizer
) -> None:
    schema: dict[str, object] = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "array"}},
        "additionalProperties": False,
    }
    form = JsonSchema(lexicon, schema, layout=layout)
    assert [text for text in WRITINGS if accepts(form, text, tokenizer)] == expected


@pytest.mark.parametrize(("text", "fits"), [("ab-12", True), ("ab-1", False), ("-12", False)])
def test_a_pattern_holds_the_whole_text(
    text: str, fits: bool, lexicon: Lexicon, tokenizer: Tokenizer
) -> None:
    assert accepts(Pattern(lexicon, r"[a-z]+-\d{2}"), text, tokenizer) == fits


@pytest.mark.parametrize(
    ("schema", "error", "named"),
    [
        ({"type": "strng"}, InvalidGrammar, "strng"),
        ({"$ref": "#/nowhere"}, InvalidGrammar, "nowhere"),
        ({"type": "string", "pattern": "("}, InvalidGrammar, "unclosed group"),
        ({"const": float("nan")}, InvalidGrammar, "NaN|nan|value"),
        ({"const": {1, 2}}, InvalidGrammar, "not JSON serializable"),
        ({"not": {"type": "string"}}, UnsupportedSchema, "not"),
        ({"type": "array", "uniqueItems": True}, UnsupportedSchema, "uniqueItems"),
        ({"type": "string", "format": "colour"}, UnsupportedSchema, "colour"),
        ({"type": "string", "pattern": "(?=a)b"}, UnsupportedSchema, "look-ahead"),
        ({"enum": []}, UnsatisfiableSchema, "empty"),
        ({"type": "integer", "minimum": 5, "maximum": 3}, UnsatisfiableSchema, "minimum"),
        ({"type": "string", "enum": [1]}, UnsatisfiableSchema, "incompatible"),
    ],
)
def test_schemas_that_can_not_be_kept_are_refused_with_their_reason(
    schema: dict[str, object], error: type[InvalidGrammar], named: str, lexicon: Lexicon
) -> None:
    with pytest.raises(InvalidGrammar, match=named) as caught:
        JsonSchema(lexicon, schema)
    assert type(caught.value) is error


def test_a_pattern_that_is_none_is_refused(lexicon: Lexicon) -> None:
    with pytest.raises(InvalidGrammar, match="unclosed"):
        Pattern(lexicon, "a(b")


def test_stop_ids_must_be_tokens_of_the_model() -> None:
    for stop_ids in (set[int](), {-1}, {VOCABULARY}):
        with pytest.raises(InvalidStopIds):
            Lexicon(TOKENIZER, vocabulary=VOCABULARY, stop_ids=stop_ids)


def test_a_tokenizer_that_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="absent"):
        Lexicon(tmp_path / "absent.json", vocabulary=9, stop_ids={0})
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ModelUnreadable, match="broken"):
        Lexicon(tmp_path / "broken.json", vocabulary=9, stop_ids={0})


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Lexicon:
    """A tokenizer that spells small letters and nothing else."""
    tokens = ["<|end|>", *"abcdefghijklmnopqrstuvwxyz"]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|end|>"])
    path = tmp_path_factory.mktemp("letters") / "tokenizer.json"
    tokenizer.save(str(path))

    return Lexicon(path, vocabulary=27, stop_ids={0})


def test_a_form_that_no_token_can_begin_is_refused_at_once(letters: Lexicon) -> None:
    with pytest.raises(GrammarDeadEnd, match="loosen the form"):
        JsonSchema(letters, {"type": "object"})


def test_a_dead_end_on_the_way_is_an_error_and_no_end(letters: Lexicon) -> None:
    form = Pattern(letters, "ab(X|Y)c")
    state = after(form, [1, 2])
    assert not form.is_complete(state)
    with pytest.raises(GrammarDeadEnd):
        form.allowed(state)


def test_a_token_that_does_not_fit_leads_to_a_dead_end(letters: Lexicon) -> None:
    form = Pattern(letters, "abc")
    state = form.advance(form.start(), 7)
    assert not form.is_complete(state)
    with pytest.raises(GrammarDeadEnd):
        form.allowed(state)
