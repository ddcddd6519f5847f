"""A causal language model by folder or id, as one function over packed columns."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from decoding import self_check
from decoding.checkpoint_config import context_length, refuse_unfit, stop_ids_of
from decoding.errors import (
    DecodingError,
    ModelMissing,
    ModelUnreadable,
    UnknownDevice,
    UnknownDtype,
    UnsupportedAttention,
)
from decoding.forward_pass import ForwardPass, Span
from decoding.hf_forward import (
    ATTENTION,
    LayerTraits,
    TransformersForward,
    attend_in_slots,
    layout_of,
    probe_layers,
)
from decoding.llama import LlamaForward, is_llama

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class CausalModel:
    """A language model as one function: columns of several texts in, next-token logits out, the past in their slots."""

    def __init__(
        self, module: Any, *, name: str, path: str = "", is_written_out: bool = True
    ) -> None:
        """Takes a transformers module over: its weights move into packed layers.

        `is_written_out` permits `LlamaForward`. Raises `NotCausal`, `ModelCannotRewind` or `UnsupportedAttention`.
        """
        refuse_unfit(module.config)
        config = module.config.get_text_config()
        self.name = name
        self.path = path  # folder or id that it was loaded by
        self.device = module.device
        self.dtype = module.dtype
        self.stop_ids = stop_ids_of(module)
        module = module.eval().requires_grad_(False)
        with refusing(config.model_type):
            self.vocabulary = int(module.get_output_embeddings().weight.shape[0])
            use_our_attention(module)
            layers = probe_layers(module)
            self.layout = layout_of(module, layers)
            self.context = context_within(config, layers)
            tokens = self_check.tokens_for(self.vocabulary)
            own = self_check.own_logits(module, tokens)
            self._run: Callable[[ForwardPass], Tensor] = (
                LlamaForward(module, layers)
                if is_written_out and is_llama(module)
                else TransformersForward(module)
            )
            ours = self_check.our_logits(self._run, tokens, layout=self.layout)
            self_check.compare(own, ours, dtype=self.dtype, model_type=config.model_type)

    @property
    def num_threads(self) -> int:
        """Of one forward pass; all models of a process share the number."""
        return torch.get_num_threads()

    @property
    def dtype_name(self) -> str:
        return str(self.dtype).removeprefix("torch.")

    @torch.inference_mode()
    def forward(self, spans: Sequence[Span]) -> list[NDArray[np.float32]]:
        """Writes the spans' keys and values into their slots, uncommitted.

        Returns logits of (columns, vocabulary) per span in float32, of (0, vocabulary) where a span wants none.
        """
        forward_pass = ForwardPass(spans, dtype=self.dtype, device=self.device)
        logits = self._run(forward_pass)
        return forward_pass.split(cast(NDArray[np.float32], logits.cpu().numpy()))


def load_model(path: str | Path, *, dtype: str = "float32", device: str = "cpu") -> CausalModel:
    """A model by folder or Hugging Face id. `device` is "cpu", "cuda", or "auto" for the faster one there is.

    Raises `ModelMissing`, `ModelUnreadable`, `NotCausal`, `ModelCannotRewind`, `UnsupportedAttention`,
    `UnknownDtype` or `UnknownDevice`.
    """
    if dtype not in DTYPES:
        raise UnknownDtype(dtype, known=sorted(DTYPES))
    place = device_named(device)
    folder = Path(path)
    if folder.is_absolute() and not (folder / "config.json").is_file():
        raise ModelMissing(path)
    module = load_module(path, dtype=DTYPES[dtype]).to(place)

    return CausalModel(module, name=folder.name, path=str(path))


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


def load_module(path: str | Path, *, dtype: torch.dtype) -> Any:
    """The checkpoint as transformers loads it. Raises `ModelMissing`, `ModelUnreadable`, and as `refuse_unfit` does."""
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    # Standard error belongs to whoever loads the model; what matters there is raised here.
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        config = from_disk_first(AutoConfig, path)
    except (OSError, ValueError, StrictDataclassError) as error:
        raise (ModelUnreadable if Path(path).is_dir() else ModelMissing)(path, error) from error
    refuse_unfit(config)
    try:
        module, report = from_disk_first(
            AutoModelForCausalLM,
            path,
            config=config,
            dtype=dtype,
            low_cpu_mem_usage=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelUnreadable(path, error) from error
    # Transformers fills the gaps with random numbers.
    misfits = sorted({*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])})
    if misfits:
        raise ModelUnreadable(path, f"it has no fitting weights for {', '.join(misfits)}")

    return module


def from_disk_first(loader: Any, path: str | Path, **settings: Any) -> Any:
    """Asks the hub only for what is not there: a model in the cache loads without a network, and without a delay."""
    try:
        return loader.from_pretrained(path, local_files_only=True, **settings)
    except OSError:
        if Path(path).is_dir():
            raise
        return loader.from_pretrained(path, **settings)


def device_named(name: str) -> torch.device:
    has_cuda = torch.cuda.is_available()
    devices = {"auto": "cuda" if has_cuda else "cpu", "cpu": "cpu"}
    if has_cuda:
        devices["cuda"] = "cuda"
    if name not in devices:
        raise UnknownDevice(name, known=sorted(devices))

    return torch.device(devices[name])


def use_our_attention(module: Any) -> None:
    """Raises `UnsupportedAttention` where the module knows no attention but its own."""
    from transformers import AttentionInterface

    AttentionInterface.register(ATTENTION, attend_in_slots)
    module.set_attn_implementation(ATTENTION)
    if module.config._attn_implementation != ATTENTION:
        raise UnsupportedAttention(module.config.model_type)


def context_within(config: Any, layers: Sequence[LayerTraits]) -> int:
    """Tokens that fit the model, and the sliding window, too, where its layers do not tell our attention of it."""
    length = context_length(config)
    window: int | None = getattr(config, "sliding_window", None)
    is_told = any(layer.window is not None for layer in layers)

    return length if window is None or is_told else min(length, window)


@contextmanager
def refusing(model_type: str) -> Iterator[None]:
    """Whatever goes wrong inside means that such models cannot be run in our way."""
    try:
        yield
    except (DecodingError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise UnsupportedAttention(model_type, f"{type(error).__name__}: {error}") from error


def set_threads(num_threads: int) -> None:
    """How many threads one forward pass uses, in this process."""
    torch.set_num_threads(num_threads)
