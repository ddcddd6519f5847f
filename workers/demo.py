"""What `gleandraft demo` shows: the sample documents, one question, one meeting, and what to try next."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

from workers.errors import SamplesMissing

SAMPLES = Path(__file__).resolve().parents[1] / "samples"


@dataclass(frozen=True, slots=True)
class Samples:
    documents: Path  # a folder
    meeting: Path
    queries: tuple[str, ...]  # about the meeting
    question: str  # about the documents


def load_samples(folder: Path = SAMPLES) -> Samples:
    """The samples of the checkout; raises SamplesMissing where there is none."""
    try:
        queries = (folder / "meeting-queries.txt").read_text(encoding="utf-8").splitlines()
        first_question, *_ = (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SamplesMissing(folder) from error
    return Samples(
        documents=folder / "documents",
        meeting=folder / "meeting.vtt",
        queries=tuple(query for query in queries if query.strip()),
        question=json.loads(first_question)["question"],
    )


def next_steps(kb: Path, meeting: Path) -> tuple[str, ...]:
    """Commands that work as they stand after the demo."""
    at = shlex.quote(str(kb))
    return (
        f'gleandraft ask --kb {at} "What must I do with my bicycle on the ferry?"',
        f'gleandraft ask --kb {at} --no-draft "What must I do with my bicycle on the ferry?"',
        f"gleandraft summarize {shlex.quote(str(meeting))} --kb {at}"
        ' -q "Who will do what, and by when?"',
        "gleandraft add YOUR_FOLDER",
        "gleandraft doctor",
    )
