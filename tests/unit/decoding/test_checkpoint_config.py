"""What a configuration tells of a model before any weight is read."""

from types import SimpleNamespace
from typing import Any

import pytest
import transformers

from decoding.checkpoint_config import (
    UNKNOWN_CONTEXT,
    context_length,
    refuse_unfit,
    stop_ids_of,
)
from decoding.errors import ModelCannotRewind, NotCausal

HYBRID = {"layer_types": ["conv", "full_attention"], "num_hidden_layers": 2}
RECURRENT: dict[str, dict[str, Any]] = {
    "BambaConfig": {},
    "FalconH1Config": {},
    "FalconMambaConfig": {},
    "JambaConfig": {},
    "Lfm2Config": HYBRID,
    "Mamba2Config": {},
    "MambaConfig": {},
    "MiniMaxConfig": {},
    "NemotronHConfig": {},
    "Qwen3NextConfig": {},
    "RecurrentGemmaConfig": {},
    "RwkvConfig": {},
    "Zamba2Config": {},
    "ZambaConfig": {},
    "xLSTMConfig": {},
}


def is_refused(config: Any) -> bool:
    try:
        refuse_unfit(config)
    except ModelCannotRewind:
        return True

    return False


@pytest.mark.parametrize("name", sorted(RECURRENT))
def test_recurrent_and_hybrid_models_are_refused(name: str) -> None:
    config = getattr(transformers, name)(**RECURRENT[name])
    with pytest.raises(ModelCannotRewind, match=config.model_type):
        refuse_unfit(config)


@pytest.mark.parametrize("name", ["BartConfig", "MarianConfig", "T5Config"])
def test_encoder_decoders_are_refused(name: str) -> None:
    with pytest.raises(NotCausal, match="turn one into another"):
        refuse_unfit(getattr(transformers, name)())


@pytest.mark.parametrize("name", ["Gemma3Config", "LlamaConfig", "Qwen3Config"])
def test_models_are_let_through_while_every_layer_attends(name: str) -> None:
    config = getattr(transformers, name)()
    assert not is_refused(config)
    text = config.get_text_config()
    text.layer_types = ["full_attention"] * (text.num_hidden_layers - 1) + ["linear_attention"]
    assert is_refused(config)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"max_position_embeddings": 512}, 512),
        ({"n_positions": 256}, 256),
        ({"max_position_embeddings": 512, "attention_chunk_size": 128}, 128),
        ({}, UNKNOWN_CONTEXT),
        ({"max_position_embeddings": None}, UNKNOWN_CONTEXT),
    ],
)
def test_the_shortest_length_that_is_named_is_the_context(
    settings: dict[str, Any], expected: int
) -> None:
    assert context_length(SimpleNamespace(**settings)) == expected


@pytest.mark.parametrize(
    ("rope_type", "expected"),
    [("default", 512), ("llama3", 512), ("yarn", 512), ("longrope", 64), ("dynamic", 64)],
)
@pytest.mark.parametrize("is_by_layer", [False, True])
def test_embeddings_that_change_with_the_longest_text_end_the_context_before_they_do(
    rope_type: str, expected: int, is_by_layer: bool
) -> None:
    rope: dict[str, Any] = {"rope_type": rope_type, "original_max_position_embeddings": 64}
    by_layer = {"full_attention": rope, "sliding_attention": {"rope_type": "default"}}
    config = SimpleNamespace(
        max_position_embeddings=512, rope_parameters=by_layer if is_by_layer else rope
    )
    assert context_length(config) == expected


@pytest.mark.parametrize(
    ("named", "also_named", "expected"),
    [(2, [3, 4], {2, 3, 4}), (None, 5, {5}), (0, None, {0}), (None, None, set())],
)
def test_stop_ids_come_from_generation_settings_and_configuration(
    named: Any, also_named: Any, expected: set[int]
) -> None:
    module = SimpleNamespace(
        generation_config=SimpleNamespace(eos_token_id=named),
        config=transformers.LlamaConfig(eos_token_id=also_named),
    )
    assert stop_ids_of(module) == expected
