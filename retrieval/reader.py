"""Which words of some texts answer a question: the embedding model, taught to read question and text together."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from retrieval.embed import DEFAULT_EMBEDDER, MiniLmEmbedder
from retrieval.errors import ReaderUnreadable

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer
    from torch import Tensor
    from transformers import BertForTokenClassification

WEIGHTS_FILE = "model.safetensors"
LONGEST = 160  # tokens of question and text together; what lies behind is not read


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A text to be read, and the heading that tells what it is about."""

    text: str
    heading: str = ""


@dataclass(frozen=True, slots=True)
class WordShare:
    """How much of the answer is believed to lie in one token of a text."""

    start: int  # characters of the text
    end: int
    share: float


@dataclass(frozen=True, slots=True)
class Reading:
    """Where the answer lies: shares of one whole, over the tokens of all texts and over "nowhere"."""

    words: tuple[tuple[WordShare, ...], ...]  # of each text
    nowhere: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Question and excerpt as one input: first [CLS], then the question, heading and text."""

    token_ids: tuple[int, ...]
    type_ids: tuple[int, ...]  # 0: question; 1: excerpt
    places: tuple[tuple[int, int] | None, ...]  # characters of the text; None: no token of it

    @property
    def read_at(self) -> list[int]:
        """Positions that compete for the answer: [CLS], which stands for "not here", and the tokens of the text."""
        return [0, *(at for at, place in enumerate(self.places) if place)]


class PairTokenizer:
    def __init__(self, tokenizer: "Tokenizer") -> None:
        tokenizer.no_padding()
        tokenizer.enable_truncation(LONGEST, strategy="longest_first")
        self._tokenizer = tokenizer

    def pairs(self, question: str, excerpts: Sequence[Excerpt]) -> list[Pair]:
        texts = [f"{each.heading}: {each.text}" if each.heading else each.text for each in excerpts]
        encodings = self._tokenizer.encode_batch([(question, text) for text in texts])
        return [
            pair_of(encoding, heading=len(text) - len(each.text))
            for encoding, text, each in zip(encodings, texts, excerpts, strict=True)
        ]


def pair_of(encoding: "Encoding", *, heading: int) -> Pair:
    """`heading` is how many characters stand before the text itself."""
    return Pair(
        tuple(encoding.ids),
        tuple(encoding.type_ids),
        tuple(
            (start - heading, end - heading) if sequence == 1 and start >= heading else None
            for (start, end), sequence in zip(encoding.offsets, encoding.sequence_ids, strict=True)
        ),
    )


class Reader:
    """Reads texts for an answer, one softmax over all of them; loads its weights when first asked.

    A cross-encoder with one logit per token. The layers come from `folder`, the embeddings below them from the
    packaged embedding model that they were trained on. Safe to share between threads.
    """

    embedder = DEFAULT_EMBEDDER

    def __init__(self, folder: Path, *, base: MiniLmEmbedder | None = None) -> None:
        self.folder = folder
        self._base = base or MiniLmEmbedder()
        self._loading = threading.Lock()
        self._loaded: tuple[PairTokenizer, BertForTokenClassification] | None = None

    def read(self, question: str, excerpts: Sequence[Excerpt]) -> Reading:
        """Raises `ReaderUnreadable`, and the errors of the embedding model's files."""
        if not excerpts:
            return Reading((), 1.0)
        tokenizer, model = self.load()
        return read_with(model, tokenizer, question, excerpts)

    def load(self) -> "tuple[PairTokenizer, BertForTokenClassification]":
        """Does now, once, what the first `read` would wait for."""
        with self._loading:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _load(self) -> "tuple[PairTokenizer, BertForTokenClassification]":
        base, file = self._base.verify(), self.folder / WEIGHTS_FILE
        try:
            model = model_on(base, layers=read_weights(file))
        except RuntimeError as error:
            raise ReaderUnreadable(file, str(error)) from error

        return pair_tokenizer(base), model.eval().bfloat16()  # type: ignore[no-untyped-call]


def read_with(
    model: "BertForTokenClassification",
    tokenizer: PairTokenizer,
    question: str,
    excerpts: Sequence[Excerpt],
) -> Reading:
    """`Reader.read` with a model at hand; at least one excerpt."""
    import torch

    pairs = tokenizer.pairs(question, excerpts)
    with torch.inference_mode():
        logits = [row.float().numpy() for row in logits_of(model, pairs)]

    return reading_of(pairs, logits)


def pair_tokenizer(base: Path) -> PairTokenizer:
    from tokenizers import Tokenizer

    return PairTokenizer(Tokenizer.from_file(str(base / "tokenizer.json")))


def model_on(
    base: Path, *, layers: "Mapping[str, Tensor] | None" = None
) -> "BertForTokenClassification":
    """The embedding model in folder `base`, float32, with trained layers and head, or with a fresh head.

    Raises `RuntimeError` where the layers are not those of this model, all of them.
    """
    from safetensors.torch import load_file
    from transformers import BertConfig, BertForTokenClassification

    config = BertConfig.from_pretrained(base, num_labels=1)
    model = BertForTokenClassification(config)
    packaged = load_file(base / "model.safetensors")
    body = {f"bert.{name}": tensor for name, tensor in packaged.items() if is_body(name)}
    if layers is None:
        layers = {name: tensor for name, tensor in model.state_dict().items() if is_head(name)}
    else:  # nothing untrained may stand in for what is missing in them
        body = {name: tensor for name, tensor in body.items() if not is_trained(name)}
    model.load_state_dict(body | dict(layers))

    return model


def is_body(name: str) -> bool:
    """Whether the reader uses this tensor of the embedding model."""
    return not name.startswith("pooler.") and name != "embeddings.position_ids"


def is_head(name: str) -> bool:
    return name.startswith("classifier.")


def is_trained(name: str) -> bool:
    """Whether a tensor of the reader differs from the embedding model's, so that it has to be kept."""
    return is_head(name) or name.startswith("bert.encoder.")


def read_weights(file: Path) -> "dict[str, Tensor]":
    """Raises `ReaderUnreadable`."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except (OSError, SafetensorError) as error:
        raise ReaderUnreadable(file, str(error)) from error


def logits_of(model: "BertForTokenClassification", pairs: Sequence[Pair]) -> list["Tensor"]:
    """One row of logits per pair, as long as the pair."""
    import torch

    longest = max(len(pair.token_ids) for pair in pairs)
    columns = torch.zeros(3, len(pairs), longest, dtype=torch.long, device=model.device)
    for row, pair in enumerate(pairs):
        length = len(pair.token_ids)
        columns[0, row, :length] = torch.tensor(pair.token_ids)
        columns[1, row, :length] = torch.tensor(pair.type_ids)
        columns[2, row, :length] = 1
    ids, types, mask = columns
    logits = model(input_ids=ids, token_type_ids=types, attention_mask=mask).logits[:, :, 0]

    return [row[: len(pair.token_ids)] for row, pair in zip(logits, pairs, strict=True)]


def reading_of(pairs: Sequence[Pair], logits: Sequence["NDArray[np.float32]"]) -> Reading:
    """One softmax over all that competes, in float64."""
    scores = [row[pair.read_at].astype(np.float64) for pair, row in zip(pairs, logits, strict=True)]
    most = max(row.max() for row in scores)
    powers = [np.exp(row - most) for row in scores]
    whole = sum(row.sum() for row in powers)
    nowhere = float(sum(row[0] for row in powers) / whole)

    return Reading(
        tuple(
            tuple(
                WordShare(*place, share=float(power / whole))
                for place, power in zip(filter(None, pair.places), row[1:], strict=True)
            )
            for pair, row in zip(pairs, powers, strict=True)
        ),
        nowhere,
    )
