"""Words of a text, as lexical matching sees them: folded, without stop words, lightly stemmed."""

import re
import unicodedata

_STOP_WORDS = """
a about after again all also am an and any are as at be because been before being but by can
could did do does doing for from had has have having he her here hers him his how i if in into
is it its itself just me more most my no nor not of off on once only or other our out over own
please same she should so some such tell than that the their theirs them then there these they
this those through to too under until up us very was we were what when where which while who
whom whose why will with would you your yours
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_VOWEL = re.compile(r"[aeiouy]")
_DOUBLED = re.compile(r"([b-df-hj-np-tv-z])\1$")


def words(text: str) -> list[str]:
    """The words of `text` in order: lower case, accents and possessives removed."""
    lower = text.lower()
    plain = lower if lower.isascii() else _without_accents(lower)
    return [_without_possessive(word) for word in _WORD.findall(plain)]


def content_words(text: str) -> list[str]:
    """The words of `text` that are not stop words; all of them where nothing else is left."""
    everything = words(text)
    return [word for word in everything if word not in STOP_WORDS] or everything


def stem(word: str) -> str:
    """Maps the common English inflections of a word to one form; the form need not be a word."""
    if len(word) > 4 and word.endswith(("ies", "ied")):
        return word[:-3] + "y"
    return _tidy(_without_ending(_without_plural(word)))


def stems(text: str) -> list[str]:
    """The stems of the content words of `text`, in order."""
    return [stem(word) for word in content_words(text)]


def _without_accents(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text)
    return "".join(char for char in folded if not unicodedata.combining(char))


def _without_possessive(word: str) -> str:
    return word.removesuffix("'s").removesuffix("\u2019s")


def _without_plural(word: str) -> str:
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _without_ending(word: str) -> str:
    for ending in ("ing", "ed"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= 3 and _VOWEL.search(rest):
            return rest
    return word


def _tidy(word: str) -> str:
    if len(word) > 3 and word.endswith("e"):
        word = word[:-1]
    return _DOUBLED.sub(r"\1", word) if len(word) > 3 else word
