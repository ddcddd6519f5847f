"""How the reader fares on questions that it has not learned from."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from sklearn.metrics import roc_auc_score
from transformers import BertForTokenClassification

from pipeline.pointer import Pointed, point
from retrieval.reader import PairTokenizer, read_with
from training.reader_cases import ReaderCase, answer_spans
from training.records import Record

KINDS = ("random", "near")  # a question's cases: each first with the answer, then without
NUM_LINES = 3


def check(
    model: BertForTokenClassification,
    tokenizer: PairTokenizer,
    questions: Sequence[Sequence[ReaderCase]],
) -> Record:
    """Shares of questions whose first clause, three clauses and first sentence hold the answer; AUC of "nowhere"."""
    found: Record = {"questions": len(questions)}
    for place, kind in enumerate(KINDS):
        told = [question[2 * place] for question in questions]
        untold = [question[2 * place + 1] for question in questions]
        pointed = [pointed_at(model, tokenizer, case) for case in told]
        found[kind] = {
            **figures(told, pointed),
            "auc": auc(pointed, [pointed_at(model, tokenizer, case) for case in untold]),
        }

    return found


def pointed_at(
    model: BertForTokenClassification, tokenizer: PairTokenizer, case: ReaderCase
) -> Pointed:
    if not case.sentences:
        return Pointed((), nowhere=1.0)  # as `Reader.read` has it
    read = partial(read_with, model, tokenizer)
    return point(case.question, case.sentences, read=read, limit=NUM_LINES)


def figures(cases: Sequence[ReaderCase], pointed: Sequence[Pointed]) -> Record:
    firsts = [each.lines[0].text if each.lines else "" for each in pointed]
    every = [" | ".join(line.text for line in each.lines) for each in pointed]
    sentences = [case.sentences[0].text if case.sentences else "" for case in cases]

    return {
        "first_clause": share_right(cases, firsts),
        "three_clauses": share_right(cases, every),
        "words": round(float(np.mean([len(text.split()) for text in firsts])), 1),
        "first_sentence": share_right(cases, sentences),
        "first_sentence_words": round(float(np.mean([len(t.split()) for t in sentences])), 1),
    }


def share_right(cases: Sequence[ReaderCase], texts: Sequence[str]) -> float:
    pairs = zip(cases, texts, strict=True)
    return round(float(np.mean([bool(answer_spans(t, case.answers)) for case, t in pairs])), 3)


def auc(told: Sequence[Pointed], untold: Sequence[Pointed]) -> float:
    beliefs = [each.nowhere for each in [*told, *untold]]
    labels = [False] * len(told) + [True] * len(untold)

    return round(float(roc_auc_score(labels, beliefs)), 3)
