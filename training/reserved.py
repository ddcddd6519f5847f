"""Which closed-book questions the proxy never learns from: the judge is trained on how it fares on them."""

from training.heldout import fingerprint

ONE_IN = 6  # this share of all questions is reserved


def is_reserved(question: str) -> bool:
    """Whether a question belongs to the judge, by a hash of its words: case, marks and spacing don't count."""
    return int.from_bytes(fingerprint(question)) % ONE_IN == 0
