"""The door to transformers: loads any causal language model and runs it over our own cache."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from decoding.cache.kv_cache import RowSlotCache
from decoding.errors import ModelCannotRewind, ModelMissing, ModelUnreadable

if TYPE_CHECKING:
    from transformers import PretrainedConfig

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
REWINDABLE_LAYERS = frozenset({"full_attention", "sliding_attention", "chunked_attention"})
RECURRENT_FAMILIES = ("mamba", "rwkv", "recurrent", "xlstm", "falcon_h1", "jamba", "zamba")


class CausalModel:
    """A language model as one function: token ids in, next-token logits out, the past in a `RowSlotCache`."""

    def __init__(self, module: Any, *, name: str) -> None:
        refuse_recurrent(module.config)
        self.name = name
        self.module = module.eval()
        self.device = module.device
        self.dtype = module.dtype
        self.context = context_length(module.config)  # tokens, prompt and output together
        self.stop_ids = stop_ids_of(module)
        self.vocabulary = int(module.get_output_embeddings().weight.shape[0])
        module.set_output_embeddings(Float32Head(module.get_output_embeddings()))

    @torch.no_grad()
    def forward(
        self, tokens: Tensor, positions: Tensor, mask: Tensor, cache: RowSlotCache
    ) -> NDArray[np.float32]:
        """Logits of (rows, width, vocabulary) for tokens and positions of (rows, width), in float32."""
        logits = self._run(tokens, positions, mask, cache, logits_to_keep=0)
        return cast(NDArray[np.float32], logits.float().cpu().numpy())

    @torch.no_grad()
    def prefill(self, tokens: Tensor, positions: Tensor, mask: Tensor, cache: RowSlotCache) -> None:
        """Fills the cache without asking what comes next."""
        self._run(tokens, positions, mask, cache, logits_to_keep=1)

    def _run(
        self,
        tokens: Tensor,
        positions: Tensor,
        mask: Tensor,
        cache: RowSlotCache,
        *,
        logits_to_keep: int,
    ) -> Tensor:
        output = self.module(
            input_ids=tokens.to(self.device),
            position_ids=positions.to(self.device),
            attention_mask=mask.to(self.device),
            past_key_values=adapter_class()(cache),
            use_cache=True,
            logits_to_keep=logits_to_keep,
        )
        return cast(Tensor, output.logits)


class Float32Head(nn.Module):
    """Logits in float32, so that bfloat16 does not make ties of near neighbours."""

    def __init__(self, head: nn.Linear) -> None:
        super().__init__()
        self.weight = nn.Parameter(head.weight.detach().float(), requires_grad=False)
        self.bias = (
            None
            if head.bias is None
            else nn.Parameter(head.bias.detach().float(), requires_grad=False)
        )

    def forward(self, hidden: Tensor) -> Tensor:
        return nn.functional.linear(hidden.float(), self.weight, self.bias)


@cache
def adapter_class() -> Any:
    """A transformers `Cache` that hands everything on to a `RowSlotCache`; made once, on first use."""
    from transformers.cache_utils import Cache

    class CacheAdapter(Cache):
        def __init__(self, row_slots: RowSlotCache) -> None:
            super().__init__(layers=[])
            self._row_slots = row_slots

        def update(
            self,
            key_states: Tensor,
            value_states: Tensor,
            layer_idx: int,
            *args: Any,
            **kwargs: Any,
        ) -> tuple[Tensor, Tensor]:
            return self._row_slots.write(layer_idx, key_states, value_states)

        def get_seq_length(self, layer_idx: int = 0) -> int:
            return max(self._row_slots.lengths[self._row_slots.window])

    return CacheAdapter


def load_model(path: str | Path, *, dtype: str = "float32") -> CausalModel:
    """A model by folder or Hugging Face id. Raises `ModelMissing`, `ModelUnreadable` or `ModelCannotRewind`."""
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    # Standard error belongs to whoever loads the model.
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder = Path(path)
    if folder.is_absolute() and not (folder / "config.json").is_file():
        raise ModelMissing(path)
    try:
        config = AutoConfig.from_pretrained(path)
    except (OSError, ValueError) as error:
        raise (ModelUnreadable if folder.is_dir() else ModelMissing)(path, error) from error
    refuse_recurrent(config)
    try:
        module = AutoModelForCausalLM.from_pretrained(
            path, dtype=DTYPES[dtype], attn_implementation="sdpa", low_cpu_mem_usage=True
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelUnreadable(path, error) from error

    return CausalModel(module, name=folder.name)


def tiny_model(seed: int, *, vocabulary: int = 96, layers: int = 2) -> CausalModel:
    """A small random Llama: real arithmetic without weights to ship."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.3,
    )
    return CausalModel(LlamaForCausalLM(config), name=f"tiny-{seed}")


def context_length(config: "PretrainedConfig") -> int:
    """Tokens that every layer can look back on: our masks are the same for all layers, so the shortest window rules."""
    names = (
        "max_position_embeddings",
        "n_positions",
        "max_seq_len",
        "sliding_window",
        "attention_chunk_size",
    )
    lengths = [getattr(config, name, None) for name in names]
    known = [length for length in lengths if isinstance(length, int) and length > 0]

    return min(known, default=2048)


def stop_ids_of(module: Any) -> frozenset[int]:
    """The tokens that end a text, as the checkpoint's own generation settings and configuration name them."""
    found: set[int] = set()
    for settings in (module.generation_config, module.config):
        named = getattr(settings, "eos_token_id", None)
        found.update([named] if isinstance(named, int) else named or [])

    return frozenset(found)


def refuse_recurrent(config: "PretrainedConfig") -> None:
    kinds: Sequence[str] = getattr(config, "layer_types", None) or ()
    has_recurrence = set(kinds) - REWINDABLE_LAYERS or hasattr(config, "state_size")
    if has_recurrence or config.model_type.startswith(RECURRENT_FAMILIES):
        raise ModelCannotRewind(config.model_type)


def set_threads(num_threads: int) -> None:
    """How many threads one forward pass uses, in this process."""
    torch.set_num_threads(num_threads)
