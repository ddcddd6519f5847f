"""What a checkpoint's configuration says of a model: how far it reads, where it ends, whether it can rewind."""

from collections.abc import Iterable
from typing import Any

from decoding.errors import ModelCannotRewind, NotCausal

LENGTHS = ("max_position_embeddings", "n_positions", "max_seq_len", "attention_chunk_size")
UNKNOWN_CONTEXT = 2048  # tokens, where the configuration names no length
MOVING_ROPES = ("dynamic", "longrope")  # turn all positions anew once a text outgrows its length
REWINDABLE_LAYERS = frozenset({"full_attention", "sliding_attention", "chunked_attention"})
RECURRENT_FAMILIES = (
    "bamba",
    "falcon_h1",
    "falcon_mamba",
    "granitemoehybrid",
    "jamba",
    "lfm2",
    "mamba",
    "minimax",
    "nemotron_h",
    "recurrent",
    "rwkv",
    "xlstm",
    "zamba",
)


def context_length(config: Any) -> int:
    """Positions the model knows, prompt and output together.

    Where rotary embeddings change with the longest text of a pass, only as many as leave them alone: a text must not
    depend on its neighbours, nor on how far a draft reaches.
    """
    lengths = [getattr(config, name, None) for name in LENGTHS]
    for rope in ropes_of(config):
        if rope.get("rope_type") in MOVING_ROPES:
            lengths.append(rope.get("original_max_position_embeddings"))
    known = [length for length in lengths if isinstance(length, int) and length > 0]

    return min(known, default=UNKNOWN_CONTEXT)


def ropes_of(config: Any) -> Iterable[dict[str, Any]]:
    """The settings of each kind of rotary embedding: one for all layers, or one per type of layer."""
    rope = getattr(config, "rope_parameters", None) or {}
    return (rope, *(each for each in rope.values() if isinstance(each, dict)))


def stop_ids_of(module: Any) -> frozenset[int]:
    """The tokens that end a text, as the checkpoint's own generation settings and configuration name them."""
    found: set[int] = set()
    for settings in (module.generation_config, module.config, module.config.get_text_config()):
        named = getattr(settings, "eos_token_id", None)
        found.update([named] if isinstance(named, int) else named or [])

    return frozenset(found)


def refuse_unfit(config: Any) -> None:
    """Raises `NotCausal` or `ModelCannotRewind` where the configuration alone tells."""
    if config.is_encoder_decoder:
        raise NotCausal(config.model_type)
    text = config.get_text_config()
    kinds = set(getattr(text, "layer_types", None) or ())
    has_recurrence = kinds - REWINDABLE_LAYERS or hasattr(text, "state_size")
    if has_recurrence or text.model_type.startswith(RECURRENT_FAMILIES):
        raise ModelCannotRewind(text.model_type)
