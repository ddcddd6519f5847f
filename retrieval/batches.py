"""Which texts are computed together: those of like length, so that little is padded."""

from collections.abc import Sequence

MOST_TEXTS = 64
# Of a batch, padding included. Larger ones outgrow the caches and pad more: with 8,192 MiniLM
# embeds a mix of lengths an eighth slower, and a model that reads long texts needs gigabytes.
MOST_TOKENS = 2_048


def batches(
    lengths: Sequence[int], *, most_texts: int = MOST_TEXTS, most_tokens: int = MOST_TOKENS
) -> list[list[int]]:
    """
    Every index once, the longest first, so that memory runs out at once or not at all. A batch has
    more than `most_tokens` only if its one text has.
    """
    grouped: list[list[int]] = []
    for at in sorted(range(len(lengths)), key=lambda at: -lengths[at]):
        batch = grouped[-1] if grouped else []
        room = min(most_texts, most_tokens // max(1, lengths[batch[0]])) if batch else 0
        if len(batch) < room:
            batch.append(at)
        else:
            grouped.append([at])
    return grouped
