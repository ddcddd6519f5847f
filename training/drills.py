"""Copying drills: the exercises from which a small model learns induction, and with it quoting and citing."""

import numpy as np

from training.rows import ANSWER, LANGUAGE, NOTHING, Rows, rows_of_text


def repeat_drill(
    tokens: np.ndarray, *, length: int, separator: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A stretch of text (or of its tokens shuffled), again and again; every repeat is learned.

    Returns token ids and what they are learned as, both (length,).
    """
    size = int(np.exp(rng.uniform(np.log(6), np.log(200))))
    start = int(rng.integers(0, len(tokens) - size))
    stretch = tokens[start : start + size].astype(np.int64)
    if rng.random() < 0.6:
        stretch = rng.permutation(stretch)
    ids = np.tile(np.append(stretch, separator), length // size + 1)[:length]
    learned = np.full(length, ANSWER)
    learned[: size + 1] = NOTHING

    return ids, learned


def quote_drill(
    tokens: np.ndarray, *, length: int, separator: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Several stretches, then the first tokens of one of them as a cue; the rest of that stretch is learned.

    Returns token ids and what they are learned as, both (length,).
    """
    ids = np.empty(0, dtype=np.int64)
    learned = np.empty(0, dtype=np.int64)
    while len(ids) < length:
        size = int(rng.integers(16, 40))
        count = int(rng.integers(3, 9))
        starts = rng.integers(0, len(tokens) - size, size=count)
        stretches = [tokens[s : s + size].astype(np.int64) for s in starts]
        shown = np.concatenate([np.append(stretch, separator) for stretch in stretches])
        chosen = stretches[int(rng.integers(count))]
        num_cue = int(rng.integers(2, 5))
        ids = np.concatenate([ids, shown, chosen, [separator]])
        num_learned = len(chosen) - num_cue + 1  # and the separator
        kinds = [np.full(len(shown) + num_cue, NOTHING), np.full(num_learned, ANSWER)]
        learned = np.concatenate([learned, *kinds])

    return ids[:length], learned[:length]


def drill_rows(
    tokens: np.ndarray,
    *,
    rows: int,
    length: int,
    separator: int,
    quote_share: float,
    rng: np.random.Generator,
) -> Rows:
    """Repeat drills, and the harder quote drills in the given share."""
    kinds = [quote_drill if rng.random() < quote_share else repeat_drill for _ in range(rows)]
    pairs = [kind(tokens, length=length, separator=separator, rng=rng) for kind in kinds]

    return rows_of_text(
        np.stack([ids for ids, _ in pairs]), np.stack([learned for _, learned in pairs])
    )


def language_rows(tokens: np.ndarray, *, rows: int, length: int, rng: np.random.Generator) -> Rows:
    """Stretches of running text, every token learned."""
    starts = rng.integers(0, len(tokens) - length, size=rows)
    ids = np.stack([tokens[start : start + length] for start in starts]).astype(np.int64)

    return rows_of_text(ids, np.full(ids.shape, LANGUAGE))
