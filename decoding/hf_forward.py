"""The door to transformers' own modules: any of them over packed columns and our slots."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from decoding.attention import attend
from decoding.cache.kv_cache import KVLayout, KVShape
from decoding.errors import UnsupportedAttention
from decoding.forward_pass import ForwardPass
from decoding.packed_linear import linear, pack_linears

ATTENTION = "gleandraft"  # the name that our attention goes by among those of transformers
CURRENT: ContextVar["ForwardPass | Probe"] = ContextVar("what runs in this thread")
HARMLESS = frozenset(  # what modules hand to any attention without a bearing on its result here
    {
        "cu_seq_lens_k",
        "cu_seq_lens_q",
        "dropout",
        "is_causal",
        "max_length_k",
        "max_length_q",
        "output_attentions",
        "output_hidden_states",
        "output_router_logits",
        "position_ids",
        "use_cache",
    }
)


class TransformersForward:
    """Computes what the module computes, with our attention in place of its own."""

    def __init__(self, module: Any) -> None:
        module.set_output_embeddings(Float32Head(module.get_output_embeddings()))
        pack_linears(module)
        self._module = module

    def __call__(self, forward_pass: ForwardPass) -> Tensor:
        """Logits of (wanted columns, vocabulary), float32; the slots have been written to."""
        wanted = forward_pass.wanted
        with running(forward_pass):
            output = self._module(
                input_ids=forward_pass.tokens[None],
                position_ids=forward_pass.positions[None],
                past_key_values=PassingOn(),
                use_cache=True,
                logits_to_keep=0 if wanted is None else wanted,
            )
        logits = cast(Tensor, output.logits[0])
        if wanted is not None and len(logits) != len(wanted):
            logits = logits[wanted]  # the module does not know `logits_to_keep`

        return logits.float()


class Float32Head(nn.Module):
    """Logits in float32, so that bfloat16 does not make ties of near neighbours."""

    def __init__(self, head: Any) -> None:
        super().__init__()
        bias = None if head.bias is None else head.bias.detach().float()
        self._linear = linear(head.weight.detach().float(), bias)

    def forward(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self._linear(hidden.float()))


class PassingOn:
    """Stands where a module expects a cache, and remembers nothing: keys and values are kept as attention meets them.

    It offers no more than attention layers need; whatever else a module keeps between tokens finds no place here.
    """

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        return key_states, value_states

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return 0


@dataclass(frozen=True, slots=True)
class LayerTraits:
    """What one layer keeps of a token and how it looks at it."""

    shape: KVShape
    scale: float  # factor of the scores
    window: int | None  # positions that it looks back on, its own included; None is all


class Probe:
    """Finds out the traits of each layer while one token runs through the module."""

    def __init__(self) -> None:
        self.traits: dict[int, LayerTraits] = {}

    def attend(self, layer: int, traits: LayerTraits, queries: Tensor) -> Tensor:
        if layer in self.traits:
            raise ValueError(f"layer {layer} attends twice")
        self.traits[layer] = traits
        return queries.new_zeros(1, queries.shape[2], queries.shape[1], traits.shape.value_dim)


@contextmanager
def running(current: "ForwardPass | Probe") -> Iterator[None]:
    """Inside, attention belongs to this."""
    token = CURRENT.set(current)
    try:
        yield
    finally:
        CURRENT.reset(token)


def probe_layers(module: Any) -> tuple[LayerTraits, ...]:
    """The traits of every layer, in order, from a module whose attention is `ATTENTION`.

    Raises `UnsupportedAttention` where a layer attends in another way, or not at all.
    """
    probe = Probe()
    first = torch.zeros(1, 1, dtype=torch.long, device=module.device)
    with torch.inference_mode(), running(probe):
        module(input_ids=first, position_ids=first, past_key_values=PassingOn(), use_cache=True)
    config = module.config.get_text_config()
    num_layers = getattr(config, "num_hidden_layers", len(probe.traits))
    if not probe.traits or set(probe.traits) != set(range(num_layers)):
        raise UnsupportedAttention(config.model_type)

    return tuple(probe.traits[layer] for layer in range(num_layers))


def layout_of(module: Any, traits: tuple[LayerTraits, ...]) -> KVLayout:
    return KVLayout(tuple(layer.shape for layer in traits), module.dtype, module.device)


def attend_in_slots(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Our attention as transformers calls it: (1, heads, columns, dim) each -> (1, columns, heads, value_dim).

    Keys and values are those of the new columns; they go into the slots of the pass that runs.
    Raises `UnsupportedAttention` where the module asks for something that our attention does not do.
    """
    refuse_unknown(module, attention_mask, others)
    current = CURRENT.get()
    layer: int = module.layer_idx
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if isinstance(current, Probe):
        shape = KVShape(key.shape[1], key.shape[-1], value.shape[-1])
        return current.attend(layer, LayerTraits(shape, scale, sliding_window), query), None
    for span in current.spans:
        span.slot.write(
            layer,
            key[0, :, span.columns].transpose(0, 1),
            value[0, :, span.columns].transpose(0, 1),
        )
    seen = attend(
        query[0].transpose(0, 1),
        current,
        layer=layer,
        scale=scale,
        window=sliding_window,
        softcap=softcap,
    )

    return seen.view(1, query.shape[2], query.shape[1], -1), None


def refuse_unknown(module: Any, mask: Tensor | None, others: Mapping[str, Any]) -> None:
    """A mask of the module's own, attention sinks, position biases and the like: none may be left out unnoticed."""
    given = {name for name, value in others.items() if value is not None}
    unknown = sorted((given | {"attention_mask"} if mask is not None else given) - HARMLESS)
    if unknown:
        raise UnsupportedAttention(
            module.config.model_type, f"attention depends on {', '.join(unknown)}"
        )
