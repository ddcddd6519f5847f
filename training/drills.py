"""Copying drills: the exercises from which a small model learns induction, and with it quoting and citing."""

import numpy as np

IGNORED = -100  # label that takes no part in the loss


def repeat_drill(
    tokens: np.ndarray, *, length: int, separator: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A stretch of text (or of its tokens shuffled), again and again; loss on every repeat.

    Returns token ids and labels, both (length,).
    """
    size = int(np.exp(rng.uniform(np.log(6), np.log(200))))
    start = int(rng.integers(0, len(tokens) - size))
    stretch = tokens[start : start + size].astype(np.int64)
    if rng.random() < 0.6:
        stretch = rng.permutation(stretch)
    ids = np.tile(np.append(stretch, separator), length // size + 1)[:length]
    labels = ids.copy()
    labels[: size + 1] = IGNORED

    return ids, labels


def quote_drill(
    tokens: np.ndarray, *, length: int, separator: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Several stretches, then the first tokens of one of them as a cue; loss on the rest of that stretch.

    Returns token ids and labels, both (length,).
    """
    ids = np.empty(0, dtype=np.int64)
    labels = np.empty(0, dtype=np.int64)
    while len(ids) < length:
        size = int(rng.integers(16, 40))
        count = int(rng.integers(3, 9))
        starts = rng.integers(0, len(tokens) - size, size=count)
        stretches = [tokens[s : s + size].astype(np.int64) for s in starts]
        shown = np.concatenate([np.append(stretch, separator) for stretch in stretches])
        chosen = stretches[int(rng.integers(count))]
        num_cue = int(rng.integers(2, 5))
        ids = np.concatenate([ids, shown, chosen, [separator]])
        answer = np.concatenate([np.full(num_cue, IGNORED), chosen[num_cue:], [separator]])
        labels = np.concatenate([labels, np.full(len(shown), IGNORED), answer])

    return ids[:length], labels[:length]


def drill_batch(
    tokens: np.ndarray,
    *,
    rows: int,
    length: int,
    separator: int,
    quote_share: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Repeat drills, and the harder quote drills in the given share: ids and labels, both (rows, length)."""
    kinds = [quote_drill if rng.random() < quote_share else repeat_drill for _ in range(rows)]
    pairs = [kind(tokens, length=length, separator=separator, rng=rng) for kind in kinds]

    return np.stack([ids for ids, _ in pairs]), np.stack([labels for _, labels in pairs])
