"""Loading models: real checkpoints of several families, and clear refusals."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from decoding import Engine, Request, load_model, tiny_model
from decoding.errors import EmptyPrompt, ModelCannotRewind, ModelMissing, PromptTooLong

SHARED: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
FAMILIES: dict[str, Callable[[], Any]] = {
    "llama": lambda: LlamaForCausalLM(
        LlamaConfig(**SHARED, num_key_value_heads=2, initializer_range=0.3)
    ),
    "qwen2": lambda: Qwen2ForCausalLM(
        Qwen2Config(**SHARED, num_key_value_heads=2, initializer_range=0.3)
    ),
    "gpt2": lambda: GPT2LMHeadModel(
        GPT2Config(
            vocab_size=64, n_positions=128, n_embd=32, n_layer=2, n_head=4, initializer_range=0.3
        )
    ),
}


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_checkpoint_writes_what_transformers_writes(family: str, tmp_path: Path) -> None:
    torch.manual_seed(4)
    reference = FAMILIES[family]().eval()
    reference.save_pretrained(tmp_path)
    prompt = [3, 9, 27, 3, 9, 27, 3]
    expected = reference.generate(
        torch.tensor([prompt]),
        max_new_tokens=20,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
    )[0, len(prompt) :].tolist()
    engine = Engine(load_model(tmp_path))
    for draft in (False, True):
        request = Request(prompt=prompt, max_new_tokens=20, references=[expected], draft=draft)
        steps = list(engine.generate([request]))
        assert [token for step in steps for token in step.tokens] == expected


def test_a_missing_path_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"no language model at .*nowhere.*; give a folder"):
        load_model(tmp_path / "nowhere")


def test_recurrent_models_are_refused(tmp_path: Path) -> None:
    MambaConfig(hidden_size=16, num_hidden_layers=1, vocab_size=32).save_pretrained(tmp_path)
    with pytest.raises(ModelCannotRewind, match="mamba"):
        load_model(tmp_path)


def test_a_prompt_beyond_the_context_is_refused_before_anything_is_written() -> None:
    engine = Engine(tiny_model(0))
    with pytest.raises(PromptTooLong, match="shorten the text"):
        engine.generate([Request(prompt=[1] * 500, max_new_tokens=20)])


def test_an_empty_prompt_is_refused() -> None:
    with pytest.raises(EmptyPrompt):
        Engine(tiny_model(0)).generate([Request(prompt=[], max_new_tokens=5)])
