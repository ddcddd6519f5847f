"""What `gleandraft demo` shows: the sample documents, one question, one meeting, and what to try next."""

import json
import shlex
import shutil
import sys
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


def next_steps(kb: Path, meeting: Path, *, program: str) -> tuple[str, ...]:
    """Commands that work as they stand after the demo."""
    at = shlex.quote(str(kb))
    return (
        f'{program} ask --kb {at} "At what wind speed does the Kittiwake stop sailing?"',
        f'{program} ask --kb {at} --no-draft "At what wind speed does the Kittiwake stop sailing?"',
        f"{program} summarize {shlex.quote(str(meeting))} --kb {at}"
        ' -q "Who will do what, and by when?"',
        f"{program} add YOUR_FOLDER",
        f"{program} doctor",
    )


def program_name() -> str:
    """How to call this program again: by its name where the shell finds it, else by its path."""
    started_as = Path(sys.argv[0])
    found = shutil.which(started_as.name)
    if found and Path(found).samefile(started_as):
        return started_as.name
    path = started_as.resolve()
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))
