"""Training encodes prompts as the product does: segment by segment, answers closed by the end token."""

from pathlib import Path

from tokenizers import Tokenizer

from pipeline.prompts import NumberedText, grounded
from pipeline.tokenizer import load_tokenizer
from training.prompt_tokens import PromptTokens
from training.tokenizer import END, save


def test_a_prompt_has_the_tokens_that_the_product_gives_it(
    tiny_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    save(tiny_tokenizer, tmp_path, context=512)
    passages = [NumberedText(1, "Boats sail at 9:30.", "Boats"), NumberedText(2, "They float.")]
    prompt = grounded("Do boats sail?", passages, lines=passages)
    ours = PromptTokens(tiny_tokenizer).encode_prompt(prompt)
    assert ours == list(load_tokenizer(str(tmp_path)).encode_prompt(prompt))
    assert tiny_tokenizer.decode(ours) == prompt.text


def test_an_answer_ends_with_the_end_token(tiny_tokenizer: Tokenizer) -> None:
    *ids, last = PromptTokens(tiny_tokenizer).answer(" At nine.")
    assert tiny_tokenizer.decode(ids) == " At nine."
    assert last == tiny_tokenizer.token_to_id(END)
