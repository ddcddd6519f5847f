"""What the writer reads: what fits, and the sentences that match best."""

from pipeline.context import fit, focus
from pipeline.prompts import NumberedText
from retrieval import rank_texts


def lexical(query: str, texts: object) -> list[float]:
    return rank_texts(query, list(texts), embedder=None)  # type: ignore[call-overload]


def test_what_does_not_fit_is_left_out_and_smaller_things_behind_it_are_not() -> None:
    fitted = fit(["aaaa", "bbbbbbbb", "cc"], size=len, budget=7)
    assert fitted.items == ("aaaa", "cc")
    assert fitted.num_tokens == 6


def test_focus_finds_the_sentence_and_keeps_its_number() -> None:
    items = [
        NumberedText(1, "The office opens at nine. Dogs travel free of charge."),
        NumberedText(2, "# Dogs and other animals\n\nBicycles cost two pounds each."),
        NumberedText(3, "What dogs pay as a charge\n\nSee above, please."),
    ]
    (best,) = focus("Do dogs pay a charge?", items, rank=lexical, limit=1)
    assert best == NumberedText(1, "Dogs travel free of charge.")


def test_the_same_sentence_in_two_passages_counts_once() -> None:
    items = [NumberedText(n, "Dogs travel free of charge.") for n in (1, 2)]
    assert len(focus("dogs", items, rank=lexical, limit=3)) == 1
