"""Loading models: what a checkpoint becomes, and one line with a remedy where it becomes nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM

from decoding import CausalModel, DecodingError, Engine, Request, load_model, tiny_model
from decoding.cache.kv_cache import Slot
from decoding.errors import (
    EmptyPrompt,
    ModelCannotRewind,
    ModelMissing,
    ModelUnreadable,
    NotCausal,
    PromptTooLong,
    UnknownDevice,
    UnknownDtype,
    UnsupportedAttention,
)
from decoding.forward_pass import Span
from decoding.hf_forward import TransformersForward
from decoding.llama import LlamaForward

SIZES: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
GPT_SIZES: dict[str, Any] = {"vocab_size": 96, "n_embd": 32, "n_layer": 2, "n_head": 4}
BART_SIZES: dict[str, Any] = {
    "vocab_size": 96,
    "d_model": 32,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "decoder_ffn_dim": 32,
    "decoder_attention_heads": 4,
    "is_decoder": True,
    "is_encoder_decoder": False,
}
# name of the configuration -> sizes, what the error says
OTHER_ATTENTION: dict[str, tuple[dict[str, Any], str]] = {
    "BartConfig": (BART_SIZES, r"logits differ from its own"),
    "BertConfig": (SIZES, "'bert'"),
    "BloomConfig": (
        {"vocab_size": 96, "hidden_size": 32, "n_layer": 2, "n_head": 4},
        "attention of its own",
    ),
    "DogeConfig": (SIZES, "depends on attention_mask"),
    "FalconConfig": (
        {"vocab_size": 96, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4},
        "attention of its own",
    ),
    "GPTJConfig": ({**GPT_SIZES, "rotary_dim": 4}, "attention of its own"),
    "GptOssConfig": (
        {**SIZES, "num_local_experts": 4, "head_dim": 8, "num_key_value_heads": 2},
        "depends on s_aux",
    ),
    "MptConfig": (
        {"vocab_size": 96, "d_model": 32, "n_layers": 2, "n_heads": 4},
        "attention of its own",
    ),
}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(4)
    LlamaForCausalLM(LlamaConfig(**SIZES)).save_pretrained(tmp_path)

    return tmp_path


def with_settings(folder: Path, **settings: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))


def without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def cut_short(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])


def not_json(folder: Path) -> None:
    (folder / "config.json").write_text("{")


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "no weights": (without_weights, r"no file named model\.safetensors"),
    "weights cut short": (cut_short, "incomplete metadata"),
    "no JSON": (not_json, "not a valid JSON file"),
    "unknown type": (lambda folder: with_settings(folder, model_type="martian"), "`martian`"),
    "heads that do not divide": (lambda folder: with_settings(folder, hidden_size=33), "multiple"),
    "a word for a number": (
        lambda folder: with_settings(folder, num_hidden_layers="two"),
        "expected int",
    ),
    "a layer without weights": (
        lambda folder: with_settings(folder, num_hidden_layers=3),
        r"no fitting weights for model\.layers\.2",
    ),
    "weights of another size": (
        lambda folder: with_settings(folder, intermediate_size=64),
        r"no fitting weights for model\.layers\.0\.mlp",
    ),
}


@pytest.mark.parametrize("damage", sorted(DAMAGE))
def test_a_damaged_folder_is_named_with_the_remedy_in_one_line(
    damage: str, checkpoint: Path
) -> None:
    do_damage, reason = DAMAGE[damage]
    do_damage(checkpoint)
    with pytest.raises(ModelUnreadable, match=f"{reason}.*; check that the download is") as caught:
        load_model(checkpoint)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["nowhere", "nobody/nothing", "a/b/c", "/nowhere/at/all"])
def test_a_missing_model_is_named_with_the_remedy_in_one_line(path: str) -> None:
    with pytest.raises(ModelMissing, match=f"no language model at '{path}'.*; give a folder") as it:
        load_model(path)
    assert "\n" not in str(it.value)


def test_unknown_types_of_numbers_are_refused(checkpoint: Path) -> None:
    with pytest.raises(UnknownDtype, match=r"'int3'.*bfloat16, float32"):
        load_model(checkpoint, dtype="int3")


def test_devices_that_are_not_there_are_refused(checkpoint: Path) -> None:
    with pytest.raises(UnknownDevice, match=r"'abacus'.*auto, cpu"):
        load_model(checkpoint, device="abacus")


@pytest.mark.parametrize(("device", "type_name"), [("cpu", {"cpu"}), ("auto", {"cpu", "cuda"})])
def test_a_model_is_put_where_it_is_asked_to_run(
    device: str, type_name: set[str], checkpoint: Path
) -> None:
    model = load_model(checkpoint, device=device)
    slot = Slot(model.layout, capacity=4)
    assert {model.device.type, slot.keys[0].device.type} <= type_name
    assert model.forward([Span(slot, [1, 2])])[0].shape == (2, 96)


@pytest.mark.parametrize("name", sorted(OTHER_ATTENTION))
def test_models_that_attend_in_another_way_are_refused(name: str) -> None:
    sizes, reason = OTHER_ATTENTION[name]
    torch.manual_seed(4)
    auto: Any = transformers.AutoModelForCausalLM
    module = auto.from_config(getattr(transformers, name)(**sizes))
    for parameter in module.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    with pytest.raises(UnsupportedAttention, match=f"{reason}.*; choose a model of"):
        CausalModel(module, name="strange")


@pytest.mark.parametrize(
    ("name", "error"), [("MambaConfig", ModelCannotRewind), ("T5Config", NotCausal)]
)
def test_unfit_models_are_refused_before_their_weights_are_read(
    name: str, error: type[DecodingError], tmp_path: Path
) -> None:
    getattr(transformers, name)().save_pretrained(tmp_path)
    with pytest.raises(error, match="; choose a "):
        load_model(tmp_path)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_generic_way_is_taken_where_it_is_asked_for(dtype: str) -> None:
    sizes = LlamaConfig(**SIZES)
    number_type = getattr(torch, dtype)
    ways = [
        CausalModel(LlamaForCausalLM(sizes).to(number_type), name="x", is_written_out=is_permitted)
        for is_permitted in (True, False)
    ]
    assert [type(model._run) for model in ways] == [LlamaForward, TransformersForward]
    assert [model.dtype_name for model in ways] == [dtype, dtype]


def test_windows_that_only_masks_know_of_end_the_context() -> None:
    config = transformers.PhimoeConfig(
        **SIZES, num_key_value_heads=2, num_local_experts=2, sliding_window=9
    )
    assert CausalModel(transformers.PhimoeForCausalLM(config), name="x").context == 9


def test_damaged_weights_are_left_to_whoever_writes() -> None:
    module = LlamaForCausalLM(LlamaConfig(**SIZES))
    torch.nn.init.constant_(module.model.norm.weight, float("nan"))
    model = CausalModel(module, name="damaged")
    assert np.isnan(model.forward([Span(Slot(model.layout, capacity=4), [1])])[0]).all()


def test_a_prompt_beyond_the_context_is_refused_before_anything_is_written() -> None:
    engine = Engine(tiny_model(0))
    with pytest.raises(PromptTooLong, match="shorten the text"):
        engine.generate([Request(prompt=[1] * 500, max_new_tokens=20)])


def test_an_empty_prompt_is_refused() -> None:
    with pytest.raises(EmptyPrompt):
        Engine(tiny_model(0)).generate([Request(prompt=[], max_new_tokens=5)])
