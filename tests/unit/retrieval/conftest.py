"""Tiny random models in the form in which people keep theirs."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from transformers import BertConfig

SAMPLES = Path(__file__).parents[3] / "samples" / "documents"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.fixture(scope="session")
def sentence_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT of 32 dimensions that reads 64 tokens, and means over them."""
    from transformers import BertModel

    folder = tmp_path_factory.mktemp("models") / "sentence"
    save_tokenizer(folder)
    BertModel(tiny_bert(num_labels=1)).save_pretrained(folder)
    save_modules(folder, ["Transformer", "Pooling"])
    config = {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True}
    write_json(folder / "1_Pooling" / "config.json", config)
    return folder


@pytest.fixture(scope="session")
def dense_model(sentence_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a layer to 24 dimensions above."""
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("models") / "dense"
    shutil.copytree(sentence_model, folder)
    save_modules(folder, ["Transformer", "Pooling", "Dense", "Normalize"])
    dense = {"in_features": 32, "out_features": 24, "bias": False}
    activation = {"activation_function": "torch.nn.modules.linear.Identity"}
    write_json(folder / "2_Dense" / "config.json", dense | activation)
    save_file({"linear.weight": torch.randn(24, 32)}, folder / "2_Dense" / "model.safetensors")
    return folder


@pytest.fixture(scope="session")
def static_model(sentence_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Means over one random row of 12 dimensions per token, without layers."""
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("models")
    save_modules(folder, ["StaticEmbedding"])
    shutil.copy(sentence_model / "tokenizer.json", folder)
    save_file({"embedding.weight": torch.randn(500, 12)}, folder / "model.safetensors")
    return folder


@pytest.fixture(scope="session")
def one_logit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_cross_encoder(tmp_path_factory.mktemp("models") / "one", num_labels=1)


@pytest.fixture(scope="session")
def two_labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_cross_encoder(tmp_path_factory.mktemp("models") / "two", num_labels=2)


def save_cross_encoder(folder: Path, *, num_labels: int) -> Path:
    from transformers import BertForSequenceClassification

    save_tokenizer(folder)
    BertForSequenceClassification(tiny_bert(num_labels=num_labels)).save_pretrained(folder)
    return folder


def tiny_bert(*, num_labels: int) -> "BertConfig":
    import torch
    from transformers import BertConfig
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.manual_seed(17)
    return BertConfig(
        vocab_size=500,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.2,
        id2label={number: f"label {number}" for number in range(num_labels)},
    )


def save_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=500, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train([str(path) for path in sorted(SAMPLES.iterdir())], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    write_json(
        folder / "tokenizer_config.json",
        dict(zip(names, SPECIAL, strict=True))
        | {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 64},
    )


def save_modules(folder: Path, kinds: list[str]) -> None:
    """As older versions wrote them, and most published models are."""
    modules = [
        {
            "idx": number,
            "name": str(number),
            "path": f"{number}_{kind}" if number else "",
            "type": f"sentence_transformers.models.{kind}",
        }
        for number, kind in enumerate(kinds)
    ]
    write_json(folder / "modules.json", modules)


def write_json(file: Path, content: object) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content))
