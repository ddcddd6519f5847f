"""Fast counts are the slow ones."""

from hypothesis import given
from hypothesis import strategies as st

from retrieval.counting import WordCounter
from retrieval.embed import HashEmbedder, MiniLmEmbedder

MINI_LM = MiniLmEmbedder()
ODD = st.sampled_from(
    [
        "[SEP]",
        "[CLS] ",
        "un",
        "believable",
        " ",
        "\n",
        "\t",
        "\x0b",
        "\x85",
        "\u2028",
        "\u3000",
        "\u4f60",
        "e\u0301",
        "\u0301",
        "\u200d",
        "\U0001f600",
        "...",
        "x" * 120,
        "\u0130",
        "\ufb01",
        "\x1c",
    ]
)


@given(st.lists(ODD, max_size=12).map("".join) | st.text(max_size=60))
def test_counting_by_words_is_counting_at_once(text: str) -> None:
    assert MINI_LM.count_tokens(text) == MINI_LM.count_tokens_at_once(text)


@given(st.text(max_size=60))
def test_hashed_words_may_be_counted_by_words_too(text: str) -> None:
    count = HashEmbedder().count_tokens
    assert WordCounter(count)(text) == count(text)


def test_a_word_is_counted_once() -> None:
    seen: list[str] = []

    def count(word: str) -> int:
        seen.append(word)
        return 1

    assert WordCounter(count)("a b a\na  b") == 5
    assert seen == ["a", "b"]
