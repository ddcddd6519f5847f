"""The reader, with the packaged layers under a random head: shares of one whole, in the right places."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from retrieval import Excerpt, MiniLmEmbedder, Reader, Reading
from retrieval.embed import DEFAULT_EMBEDDER
from retrieval.errors import EmbeddingModelMissing, ReaderUnreadable
from retrieval.reader import LONGEST, WEIGHTS_FILE, is_trained, model_on

HEAD = "classifier.weight"
LAYER = "bert.encoder.layer.0.output.dense.weight"
QUESTION = "Which boat takes bicycles?"
EXCERPTS = [
    Excerpt("The Gannet\n takes 12 bicycles (na\u00efve ones, too).", "Boats: the Gannet"),
    Excerpt("Dogs travel free, bicycles don't.", "Fares"),
    Excerpt("Which boat takes bicycles is written on it."),
]


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """All tensors of a reader with a random head, far from indifferent."""
    torch.manual_seed(5)
    state = model_on(MiniLmEmbedder().verify()).state_dict()
    return {**state, HEAD: state[HEAD] * 20}


@pytest.fixture(scope="module")
def layers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state.items() if is_trained(name)}


@pytest.fixture(scope="module")
def reader(layers: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return reader_of(layers, tmp_path_factory.mktemp("reader"))


def reader_of(layers: dict[str, Tensor], folder: Path) -> Reader:
    save_file(layers, folder / WEIGHTS_FILE)
    return Reader(folder)


def whole_of(reading: Reading) -> float:
    return reading.nowhere + sum(word.share for words in reading.words for word in words)


def test_the_shares_of_all_texts_and_of_nowhere_make_one(reader: Reader) -> None:
    reading = reader.read(QUESTION, EXCERPTS)
    shares = [word.share for words in reading.words for word in words]
    assert whole_of(reading) == pytest.approx(1.0)
    assert 0 < reading.nowhere < 1
    assert 0 < min(shares) < max(shares) / 2  # this head is not indifferent


def test_every_mark_of_a_text_has_its_place_and_none_of_heading_or_question(reader: Reader) -> None:
    for excerpt, words in zip(EXCERPTS, reader.read(QUESTION, EXCERPTS).words, strict=True):
        read = [excerpt.text[word.start : word.end] for word in words]
        assert "".join(read) == "".join(excerpt.text.split())
        assert [word.start for word in words] == sorted({word.start for word in words})


def test_a_head_that_tells_nothing_shares_alike(layers: dict[str, Tensor], tmp_path: Path) -> None:
    blank = reader_of({**layers, HEAD: torch.zeros_like(layers[HEAD])}, tmp_path)
    reading = blank.read(QUESTION, EXCERPTS)
    num_places = len(EXCERPTS) + sum(map(len, reading.words))
    assert reading.nowhere == pytest.approx(len(EXCERPTS) / num_places)
    assert {round(word.share * num_places, 6) for words in reading.words for word in words} == {1.0}


def test_the_heading_is_read_though_no_share_lies_in_it(reader: Reader) -> None:
    text = EXCERPTS[1].text
    found = [reader.read(QUESTION, [Excerpt(text, heading)]) for heading in ("Fares", "Boats")]
    assert len(found[0].words[0]) == len(found[1].words[0])
    assert found[0] != found[1]


def test_the_order_of_the_excerpts_does_not_matter(reader: Reader) -> None:
    forth, back = reader.read(QUESTION, EXCERPTS), reader.read(QUESTION, EXCERPTS[::-1])
    assert forth.nowhere == pytest.approx(back.nowhere, abs=0.02)
    for words, others in zip(forth.words, back.words[::-1], strict=True):
        shares, expected = [w.share for w in words], [w.share for w in others]
        assert shares == pytest.approx(expected, abs=0.02)


def test_what_lies_behind_the_longest_input_is_not_read(reader: Reader) -> None:
    reading = reader.read(QUESTION, [Excerpt("boat " * 400, "Fares"), EXCERPTS[1]])
    assert LONGEST / 2 < len(reading.words[0]) < LONGEST
    assert reading.words[0][-1].end <= 5 * LONGEST
    assert len(reading.words[1]) == 9  # a short one beside it is read to its end
    assert whole_of(reading) == pytest.approx(1.0)


def test_a_question_longer_than_the_longest_input_leaves_room_for_the_text(reader: Reader) -> None:
    reading = reader.read("why " * 400, EXCERPTS[1:])
    assert [len(words) for words in reading.words] == [9, 9]


def test_a_text_without_words_answers_nowhere(reader: Reader) -> None:
    reading = reader.read(QUESTION, [Excerpt("", "Fares"), Excerpt(" \n")])
    assert reading.words == ((), ())
    assert reading.nowhere == pytest.approx(1.0)


def test_without_excerpts_the_answer_is_nowhere_and_no_weights_are_missed(tmp_path: Path) -> None:
    assert Reader(tmp_path).read(QUESTION, []) == Reading((), 1.0)


def test_the_weights_are_loaded_once(reader: Reader) -> None:
    assert reader.load() is reader.load()


def refusal(folder: Path) -> str:
    with pytest.raises(ReaderUnreadable) as refused:
        Reader(folder).read(QUESTION, EXCERPTS)
    return str(refused.value)


def test_missing_weights_are_named_with_the_remedy(tmp_path: Path) -> None:
    found = refusal(tmp_path / "reader")
    assert str(tmp_path / "reader" / WEIGHTS_FILE) in found
    assert f"python -m training.reader --data DATA --out {tmp_path / 'reader'}" in found
    assert "GLEANDRAFT_READER= (empty)" in found


def test_a_file_that_holds_no_weights_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / WEIGHTS_FILE).write_bytes(b"not the weights")
    assert "python -m training.reader" in refusal(tmp_path)


@pytest.mark.parametrize("name", [HEAD, LAYER])
def test_weights_of_another_shape_are_refused_with_the_remedy(
    layers: dict[str, Tensor], tmp_path: Path, name: str
) -> None:
    save_file({**layers, name: torch.zeros(3, 4)}, tmp_path / WEIGHTS_FILE)
    found = refusal(tmp_path)
    assert f"size mismatch for {name}" in found
    assert "python -m training.reader" in found


@pytest.mark.parametrize("name", [HEAD, LAYER])
def test_nothing_untrained_stands_in_for_weights_that_are_missing(
    layers: dict[str, Tensor], tmp_path: Path, name: str
) -> None:
    rest = {other: tensor for other, tensor in layers.items() if other != name}
    save_file(rest, tmp_path / WEIGHTS_FILE)
    assert name in refusal(tmp_path)


def test_a_missing_embedding_model_is_named(reader: Reader, tmp_path: Path) -> None:
    with pytest.raises(EmbeddingModelMissing, match="reinstall"):
        Reader(reader.folder, base=MiniLmEmbedder(tmp_path)).read(QUESTION, EXCERPTS)


def test_only_layers_and_head_are_kept(state: Mapping[str, Tensor]) -> None:
    left = {name.rsplit(".", 1)[0] for name in state if not is_trained(name)}
    assert left == {
        "bert.embeddings.LayerNorm",
        "bert.embeddings.position_embeddings",
        "bert.embeddings.token_type_embeddings",
        "bert.embeddings.word_embeddings",
    }
    assert {HEAD, LAYER, "classifier.bias"} < {name for name in state if is_trained(name)}


def test_a_reader_is_made_of_the_default_embedder_wherever_that_lies(
    reader: Reader, tmp_path: Path
) -> None:
    assert Reader.embedder == DEFAULT_EMBEDDER
    copy = Path(shutil.copytree(MiniLmEmbedder().verify(), tmp_path / "copy"))
    elsewhere = Reader(reader.folder, base=MiniLmEmbedder(copy))
    assert elsewhere.read(QUESTION, EXCERPTS[:1]) == reader.read(QUESTION, EXCERPTS[:1])
