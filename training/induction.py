"""Starts a model with induction in place: attention that finds where a token stood before and copies what followed.

Small models take millions of tokens to discover copying. Laying the circuit into the first weights, in the spirit of
mimetic initialisation (Trockman and Kolter, 2023), gives it to them from the first step; training then bends it to its
needs like any other weight.

The residual stream is divided: `content` holds the token itself, `previous` receives a copy of the token before it, and
the last dimension is a constant. Layer 0 attends one token back and copies content to previous; layer 2 looks for
positions whose previous equals the present content and copies their content into the present one, which is what the
tied output head reads.
"""

import math

import numpy as np
import torch
from torch import Tensor
from transformers import LlamaForCausalLM

EMBEDDING_STD = 0.45  # large beside what layers add, so that they do not drown the token itself
FINAL_NORM = 0.15  # keeps the logits of the tied head in range all the same
LOOK_BACK = 6.9  # strength of a query and of a key in layer 0; their product over 8 sharpens "one token back"
MATCH = 3.0  # the same for content and previous in layer 2
COPY = 1.1  # how strongly layer 2 writes what it found
MEANING_SHARE = 0.6
NUM_FAST = 8  # rotary pairs that tell neighbours apart
FIRST_SLOW = (
    15  # rotary pairs from here turn too slowly to disturb a match some hundred tokens away
)


@torch.no_grad()
def lay_induction(
    model: LlamaForCausalLM, *, seed: int, meanings: np.ndarray | None = None
) -> None:
    """Overwrites embeddings and attention of layers 0 and 2, and silences every other layer's output at the start.

    `meanings` (vocabulary, hidden / 2), of unit mean square, make up `MEANING_SHARE` of the content's variance; the
    rest stays random, so that every token can be told from its neighbours in meaning.
    """
    generator = torch.Generator().manual_seed(seed)
    hidden = model.config.hidden_size
    content = hidden // 2
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
    model.model.norm.weight.fill_(FINAL_NORM)
    embeddings = model.model.embed_tokens.weight
    embeddings.normal_(std=0.01, generator=generator)
    embeddings[:, :content].normal_(std=EMBEDDING_STD, generator=generator)
    if meanings is not None:
        embeddings[:, :content] *= math.sqrt(1 - MEANING_SHARE)
        meant = torch.from_numpy(meanings[:, :content])
        embeddings[:, :content] += meant * EMBEDDING_STD * math.sqrt(MEANING_SHARE)
    constant = EMBEDDING_STD * math.sqrt(content)
    embeddings[:, -1] = constant
    look_one_back(model, content=content)
    match_and_copy(model, content=content, generator=generator)


def look_one_back(model: LlamaForCausalLM, *, content: int) -> None:
    """Layer 0: queries and keys see only the constant; rotary angles make their product peak one token back."""
    attention = model.model.layers[0].self_attn
    angles = rotary_angles(model)
    size = attention.head_dim
    strength = LOOK_BACK / math.sqrt(
        model.config.hidden_size / 2
    )  # the constant after normalisation
    fast = torch.arange(len(angles)) < NUM_FAST
    query = torch.cat([fast * strength, torch.zeros(len(angles))])
    key = torch.cat([fast * angles.cos() * strength, fast * angles.sin() * strength])
    groups = attention.num_key_value_groups
    for head in range(int(attention.k_proj.weight.shape[0]) // size):
        rows = slice(head * size, (head + 1) * size)
        attention.q_proj.weight[groups * head * size : (groups * head + 1) * size].zero_()
        attention.q_proj.weight[groups * head * size : (groups * head + 1) * size, -1] = query
        attention.k_proj.weight[rows].zero_()
        attention.k_proj.weight[rows, -1] = key
    copy_content(model, layer=0, content=content, to=content, strength=EMBEDDING_STD)


def match_and_copy(model: LlamaForCausalLM, *, content: int, generator: torch.Generator) -> None:
    """Layer 2: the same random projection of content (queries) and previous (keys), in the slow rotary pairs."""
    attention = model.model.layers[2].self_attn
    size, groups = attention.head_dim, attention.num_key_value_groups
    half = size // 2
    slow = [*range(FIRST_SLOW, half), *range(half + FIRST_SLOW, size)]
    for head in range(int(attention.k_proj.weight.shape[0]) // size):
        noise = torch.randn(content, len(slow), generator=generator)
        projection = torch.linalg.qr(noise).Q.T * MATCH  # (slow, content), orthogonal rows
        query = torch.zeros(size, model.config.hidden_size)
        query[slow, :content] = projection
        key = torch.zeros(size, model.config.hidden_size)
        key[slow, content : 2 * content - 1] = projection[:, :-1]
        attention.q_proj.weight[groups * head * size : (groups * head + 1) * size] = query
        attention.k_proj.weight[head * size : (head + 1) * size] = key
    copy_content(model, layer=2, content=content, to=0, strength=COPY)


def copy_content(
    model: LlamaForCausalLM, *, layer: int, content: int, to: int, strength: float
) -> None:
    """Values carry the content in slices, one per key-value head; the output writes them to `to` onwards."""
    attention = model.model.layers[layer].self_attn
    size, groups = attention.head_dim, attention.num_key_value_groups
    attention.v_proj.weight.zero_()
    last = model.config.hidden_size - 1  # the constant is not written to
    for value in range(min(content, attention.v_proj.weight.shape[0])):
        head, offset = divmod(value, size)
        attention.v_proj.weight[value, value] = 1.0
        if to + value < last:
            attention.o_proj.weight[to + value, groups * head * size + offset] = strength


def rotary_angles(model: LlamaForCausalLM) -> Tensor:
    """(head_dim / 2,) radians by which each rotary pair turns per token."""
    angles: Tensor = model.model.rotary_emb.inv_freq.detach().clone()
    return angles
