"""Every family of models that attends in each layer writes what transformers writes with it, drafted or not."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from decoding import CausalModel, Cost, Engine, NoDrafts, Request, load_model
from decoding.cache.kv_cache import Slot
from decoding.drafting.draft_tree import ROOT, DraftTree
from decoding.drafting.drafter import Ask, Drafter, DraftState, NothingToLearn
from decoding.forward_pass import Span
from decoding.llama import LlamaForward

VOCABULARY = 96
WINDOW = 9  # tokens, less than any prompt here
NUM_NEW = 24
SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
    "bos_token_id": 1,
    "eos_token_id": 0,
    "pad_token_id": 0,
}
GPT2_SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "n_positions": 128,
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "bos_token_id": 1,
    "eos_token_id": 0,
}
GROUPED: dict[str, Any] = {**SIZES, "num_key_value_heads": 2}
SLIDING: dict[str, Any] = {**GROUPED, "sliding_window": WINDOW}
PARTLY_SLIDING: dict[str, Any] = {
    **SLIDING,
    "use_sliding_window": True,
    "max_window_layers": 1,
}
GEMMA: dict[str, Any] = {**SLIDING, "head_dim": 8, "query_pre_attn_scalar": 8}
MIXED_LAYERS = ["sliding_attention", "full_attention", "sliding_attention"]
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
YARN_ROPE = {
    "rope_type": "yarn",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "original_max_position_embeddings": 16,
}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "cohere": ("CohereConfig", GROUPED),
    "cohere2": ("Cohere2Config", SLIDING),
    "deepseek_v3": (
        "DeepseekV3Config",
        {
            **SIZES,
            "num_key_value_heads": 4,
            "kv_lora_rank": 16,
            "q_lora_rank": 16,
            "qk_rope_head_dim": 8,
            "qk_nope_head_dim": 8,
            "v_head_dim": 4,
            "n_routed_experts": 4,
            "n_group": 2,
            "topk_group": 1,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 16,
        },
    ),
    "ernie4_5": ("Ernie4_5Config", GROUPED),
    "exaone4": ("Exaone4Config", SLIDING),
    "gemma": ("GemmaConfig", {**GROUPED, "head_dim": 8}),
    "gemma2": (
        "Gemma2Config",
        {**GEMMA, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 3.0},
    ),
    "gemma3": ("Gemma3TextConfig", {**GEMMA, "layer_types": MIXED_LAYERS}),
    "gemma4 with shared keys": (
        "Gemma4TextConfig",
        {
            **SLIDING,
            "head_dim": 8,
            "num_hidden_layers": 4,
            "num_kv_shared_layers": 2,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
            "hidden_size_per_layer_input": 8,
            "vocab_size_per_layer_input": VOCABULARY,
        },
    ),
    "glm": ("GlmConfig", {**GROUPED, "head_dim": 8}),
    "glm4": ("Glm4Config", {**GROUPED, "head_dim": 8}),
    "gpt2": ("GPT2Config", GPT2_SIZES),
    "gpt_bigcode": ("GPTBigCodeConfig", GPT2_SIZES),
    "gpt_neox": ("GPTNeoXConfig", SIZES),
    "granite": (
        "GraniteConfig",
        {**GROUPED, "attention_multiplier": 0.3, "residual_multiplier": 0.5, "logits_scaling": 2.0},
    ),
    "llama": ("LlamaConfig", GROUPED),
    "llama with biases": (
        "LlamaConfig",
        {**GROUPED, "attention_bias": True, "mlp_bias": True},
    ),
    "llama with scaled rope": ("LlamaConfig", {**GROUPED, "rope_parameters": LLAMA3_ROPE}),
    "llama with tied embeddings": ("LlamaConfig", {**GROUPED, "tie_word_embeddings": True}),
    "llama with yarn": ("LlamaConfig", {**GROUPED, "rope_parameters": YARN_ROPE}),
    "mistral": ("MistralConfig", {**GROUPED, "sliding_window": None}),
    "mistral with a window": ("MistralConfig", SLIDING),
    "mixtral": ("MixtralConfig", {**GROUPED, "num_local_experts": 4, "sliding_window": None}),
    "nemotron": ("NemotronConfig", GROUPED),
    "olmo": ("OlmoConfig", {**GROUPED, "clip_qkv": 3.0}),
    "olmo2": ("Olmo2Config", GROUPED),
    "olmo3": ("Olmo3Config", SLIDING),
    "opt": (
        "OPTConfig",
        {
            "vocab_size": VOCABULARY,
            "hidden_size": 32,
            "word_embed_proj_dim": 32,
            "ffn_dim": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "max_position_embeddings": 128,
        },
    ),
    "persimmon": ("PersimmonConfig", SIZES),
    "phi": ("PhiConfig", GROUPED),
    "phi3": ("Phi3Config", SLIDING),
    "qwen2": ("Qwen2Config", GROUPED),
    "qwen2 with a window": ("Qwen2Config", PARTLY_SLIDING),
    "qwen3": ("Qwen3Config", {**GROUPED, "head_dim": 16}),
    "qwen3 with a window": (
        "Qwen3Config",
        {**PARTLY_SLIDING, "head_dim": 16, "attention_bias": True},
    ),
    "qwen3_moe": (
        "Qwen3MoeConfig",
        {**GROUPED, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16},
    ),
    "smollm3": ("SmolLM3Config", GROUPED),
    "stablelm": ("StableLmConfig", {**GROUPED, "qk_layernorm": True}),
    "starcoder2": ("Starcoder2Config", SLIDING),
}
WRITTEN_OUT = ("llama", "mistral", "qwen2", "qwen3")


@dataclass(frozen=True)
class Family:
    """One checkpoint, loaded by transformers and by us, and what transformers writes with it."""

    name: str
    reference: Any
    model: CausalModel
    prompts: list[list[int]]
    texts: list[list[int]]


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Family:
    config_name, settings = FAMILIES[request.param]
    folder = tmp_path_factory.mktemp("checkpoint")
    save_random_checkpoint(getattr(transformers, config_name)(**settings), folder)
    reference: Any = transformers.AutoModelForCausalLM.from_pretrained(
        folder, attn_implementation="eager", dtype=torch.float32
    )
    reference.eval()
    rng = random.Random(request.param)
    prompts = [[rng.randrange(2, VOCABULARY) for _ in range(25 + n)] for n in range(3)]
    texts = [continued(reference, prompt) for prompt in prompts]

    return Family(request.param, reference, load_model(folder), prompts, texts)


def save_random_checkpoint(config: Any, folder: Path) -> None:
    """Weights large enough that attention and positions matter, whatever the family starts with."""
    torch.manual_seed(4)
    auto: Any = transformers.AutoModelForCausalLM
    module = auto.from_config(config)
    for parameter in module.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    module.save_pretrained(folder)


def continued(reference: Any, prompt: Sequence[int]) -> list[int]:
    written = reference.generate(
        torch.tensor([prompt]),
        max_new_tokens=NUM_NEW,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
    )
    text: list[int] = written[0, len(prompt) :].tolist()

    return text


class Teller:
    """Drafts from the text that is going to be written, with errors: some branches hold and some do not."""

    def __init__(self, seed: str) -> None:
        self._rng = random.Random(seed)

    def begin(self, request: Request) -> DraftState:
        return Told(request.references[0])

    def draft(self, asks: Sequence[Ask]) -> list[DraftTree]:
        return [self._tree(ask) for ask in asks]

    def observe(self, **measured: float) -> None:
        return None

    def _tree(self, ask: Ask) -> DraftTree:
        assert isinstance(ask.state, Told)
        tokens: list[int] = []
        parents: list[int] = []
        trunk = ROOT
        for token in ask.state.text[ask.context : ask.context + min(ask.room, 5)]:
            wrong = (token + self._rng.randrange(1, VOCABULARY)) % VOCABULARY
            siblings = self._rng.sample([token, wrong], self._rng.choice([1, 2]))
            start = len(tokens)
            tokens += siblings
            parents += [trunk] * len(siblings)
            trunk = start + self._rng.randrange(len(siblings))

        return DraftTree(tuple(tokens), tuple(parents))


class Told(NothingToLearn):
    def __init__(self, text: Sequence[int]) -> None:
        self.text = text


@dataclass(frozen=True)
class Written:
    texts: list[list[int]]
    cost: Cost


def write(family: Family, *, drafter: Drafter, num_slots: int) -> Written:
    requests = [
        Request(prompt=prompt, max_new_tokens=NUM_NEW, references=[[*prompt, *text]])
        for prompt, text in zip(family.prompts, family.texts, strict=True)
    ]
    engine = Engine(family.model, drafter=drafter, num_slots=num_slots)
    texts: list[list[int]] = [[] for _ in requests]
    cost = Cost()
    for step in engine.generate(requests):
        texts[step.request].extend(step.tokens)
        cost += step.cost

    return Written(texts, cost)


def test_plain_text_is_that_of_transformers(family: Family) -> None:
    assert write(family, drafter=NoDrafts(), num_slots=1).texts == family.texts


@pytest.mark.parametrize("num_slots", [1, 2])
def test_drafted_text_is_that_of_transformers(family: Family, num_slots: int) -> None:
    written = write(family, drafter=Teller(family.name), num_slots=num_slots)
    assert written.texts == family.texts
    assert 0 < written.cost.accepted < written.cost.drafted


def test_logits_are_those_of_transformers(family: Family) -> None:
    prompt = family.prompts[-1]
    slot = Slot(family.model.layout, capacity=len(prompt))
    ours = family.model.forward([Span(slot, prompt)])[0]
    with torch.inference_mode():
        theirs = family.reference(torch.tensor([prompt])).logits[0].numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_llamas_nearest_relatives_take_the_written_out_way(family: Family) -> None:
    is_near = family.name.split()[0] in WRITTEN_OUT
    assert isinstance(family.model._run, LlamaForward) == is_near
