"""What was said, as one would report it: "Ann said that it takes two weeks [4]."."""

import re
from collections.abc import Sequence

from pipeline.prompts import NumberedText, harmless
from retrieval.words import STOP_WORDS

FILLER = re.compile(r",? ?\b(?:uh|um|uhm|hmm|mm|mmm|er|erm|ah|you know)\b,?|@", re.I)
STUTTER = re.compile(r"\b((?:[\w']+ ){0,3}[\w']+)(?:,? \1\b)+", re.I)  # up to four words again
_NUMBERS = "zero oh one two three four five six seven eight nine ten hundred thousand"
NUMBERS = frozenset(_NUMBERS.split())
_RUN_UP = """
so and but well yeah yep yes okay ok 'kay kay right now oh alright then sure because 'cause cause cuz hey like
actually basically anyway also
"""
RUN_UP = re.compile(
    rf"^(?:[\s,.]|(?:{'|'.join(_RUN_UP.split())})\b|(?:i mean|i guess)\b|no,)+", re.I
)
PLAIN_STARTS = (STOP_WORDS - {"i"}) | {"let", "maybe", "each", "every", "another", "first"}
_FIRST_PERSON = "i i'm i've i'll i'd we we're we've we'll we'd my our let's"
FIRST_PERSON = frozenset(_FIRST_PERSON.split())


def reports(turns: Sequence[NumberedText]) -> tuple[str, ...]:
    """What can be told of these turns: all of them, in their order; nothing of none."""
    return (" ".join(map(report, turns)),) if turns else ()


def report(turn: NumberedText) -> str:
    """What a turn says as reported speech, cited, without fillers and stutter.

    Words of the first person are told directly: "Ann said: we need two weeks [4]."
    """
    words = STUTTER.sub(once, " ".join(FILLER.sub("", harmless(turn.text)).split()))
    said = RUN_UP.sub("", words) or words
    first, _, rest = said.partition(" ")
    said = f"{first.lower()} {rest}" if first.lower() in PLAIN_STARTS else said
    label = harmless(turn.label)
    spoken = f"{label} {verb_for(said)} {said}" if label else said

    return f"{spoken.rstrip(' .,;')} [{turn.number}]."


def once(stutter: re.Match[str]) -> str:
    """What was said again, once; but numbers may be spelled with the same figure twice."""
    said = stutter.group(1)
    is_number = any(char.isdigit() for char in said) or not NUMBERS.isdisjoint(said.lower().split())
    return stutter.group() if is_number else said


def verb_for(said: str) -> str:
    if said.endswith("?"):
        return "asked:"
    return "said:" if said.split(" ")[0].lower() in FIRST_PERSON else "said that"
