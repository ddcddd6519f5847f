"""Is an answer right? Beside the answers that people gave: contained, exact, or by shared words."""

import string
from collections import Counter
from collections.abc import Sequence

from retrieval.words import words

ARTICLES = frozenset({"a", "an", "the"})
WITHOUT_MARKS = str.maketrans("", "", string.punctuation)
YES_OR_NO = frozenset({"yes", "no"})


def normalise(text: str) -> str:
    """As SQuAD's evaluation does it (Rajpurkar et al., 2016): small letters, no ASCII marks, no articles."""
    plain = text.lower().translate(WITHOUT_MARKS)
    return " ".join(word for word in plain.split() if word not in ARTICLES)


def contains(text: str, answers: Sequence[str]) -> bool:
    """Whether the words of any answer stand in the text in a row; case, accents, marks and articles don't count.

    An answer without a word stands nowhere.
    """
    said = word_line(text)
    return any(wanted.strip() and wanted in said for wanted in map(word_line, answers))


def word_line(text: str) -> str:
    """Whole words between single spaces, one in front and one behind, too."""
    return f" {' '.join(word for word in words(text) if word not in ARTICLES)} "


def is_exact(text: str, answers: Sequence[str]) -> bool:
    """Whether the text is one of the answers, after `normalise`."""
    said = normalise(text)
    return bool(said) and said in map(normalise, answers)


def token_f1(text: str, answers: Sequence[str]) -> float:
    """The best F1 of shared words against any answer, after `normalise`; 0 where no word is shared."""
    said = Counter(normalise(text).split())
    return max((f1(said, Counter(normalise(answer).split())) for answer in answers), default=0.0)


def f1(said: Counter[str], wanted: Counter[str]) -> float:
    num_shared = (said & wanted).total()
    return 2 * num_shared / (said.total() + wanted.total()) if num_shared else 0.0


def is_right(text: str, answers: Sequence[str]) -> bool:
    """Whether a short answer is right: begins with the right yes or no where that is asked, else `contains`."""
    if is_yes_or_no(answers):
        return words(text)[:1] in map(words, answers)

    return contains(text, answers)


def is_yes_or_no(answers: Sequence[str]) -> bool:
    """Whether nothing but yes or no is a right answer."""
    return bool(answers) and {answer.lower() for answer in answers} <= YES_OR_NO
