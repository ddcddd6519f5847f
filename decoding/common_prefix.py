"""How much two texts have in common at their beginning."""

from collections.abc import Sequence

COMPARED_AT_ONCE = 64  # tokens


def common_prefix_len(left: Sequence[int], right: Sequence[int]) -> int:
    """Tokens that two texts begin with alike; a list and a tuple may be compared.

    Stretch by stretch: comparing slices is quick, and most texts differ within the first.
    """
    most = min(len(left), len(right))
    shared = 0
    while shared < most and has_equal_stretch(left, right, start=shared):
        shared += COMPARED_AT_ONCE
    shared = min(shared, most)
    while shared < most and left[shared] == right[shared]:
        shared += 1

    return shared


def has_equal_stretch(left: Sequence[int], right: Sequence[int], *, start: int) -> bool:
    end = min(start + COMPARED_AT_ONCE, len(left), len(right))
    return list(left[start:end]) == list(right[start:end])
