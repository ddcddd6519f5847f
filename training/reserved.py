"""Which questions proxy and reader never learn from: judge and support gate are trained on how they fare on them."""

from training.heldout import fingerprint

ONE_IN = 6  # this share of all questions is reserved


def is_reserved(question: str) -> bool:
    """Whether a question belongs to judge and gate, by a hash of its words: case, marks and spacing don't count."""
    return int.from_bytes(fingerprint(question)) % ONE_IN == 0
