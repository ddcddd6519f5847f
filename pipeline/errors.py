"""What can go wrong between a question and its answer, each with its remedy."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal


class PipelineError(Exception):
    """Base of every error of this package."""


class EmptyQuestion(PipelineError):
    def __init__(self) -> None:
        super().__init__("the question is empty; write what you want to know")


class QuestionTooLong(PipelineError):
    def __init__(self, num_tokens: int, *, limit: int) -> None:
        super().__init__(
            f"the question has {num_tokens} tokens and the model can take {limit} beside its passages; "
            "shorten it, or add the long text as a document and ask about that"
        )


class InvalidChainInput(PipelineError):
    def __init__(self, problem: str, *, known: Iterable[str]) -> None:
        super().__init__(
            f"this is no input for the chain ({problem}); give a text, a Question, or a mapping with 'question' and "
            f"any of {', '.join(sorted(known))}"
        )


class NoQueries(PipelineError):
    def __init__(self) -> None:
        super().__init__("there is no query to summarise for; give at least one with -q")


class DuplicateQueryIds(PipelineError):
    def __init__(self, ids: list[str]) -> None:
        super().__init__(
            f"query ids must differ, but {', '.join(ids)} occur more than once; rename them"
        )


class QueriesTooLong(PipelineError):
    def __init__(self, num_tokens: int, *, limit: int) -> None:
        super().__init__(
            f"the queries take {num_tokens} tokens and the model can take {limit} beside the transcript; "
            "shorten them, or ask fewer at a time"
        )


class QueryUnanswered(PipelineError):
    """Told as the error of one query's summary; the other queries get theirs."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(
            f"no answer to this query came of the model ({cause}); ask it again by itself, in other words"
        )


class SummaryCancelled(PipelineError):
    def __init__(self) -> None:
        super().__init__(
            "the summary was cancelled before it was complete; submit it again to start over"
        )


class UnknownSetting(PipelineError):
    def __init__(self, names: list[str], *, known: list[str]) -> None:
        super().__init__(
            f"unknown setting {', '.join(names)} in the environment; the known ones are {', '.join(known)}"
        )


class InvalidSetting(PipelineError):
    def __init__(self, problems: list[str]) -> None:
        super().__init__(
            f"{'; '.join(problems)}; correct it in the environment or on the command line"
        )


class UnknownJudge(PipelineError):
    def __init__(self, name: str, *, known: Sequence[str]) -> None:
        super().__init__(f"there is no judge {name!r}; the known ones are {', '.join(known)}")


class UnknownRewriter(PipelineError):
    def __init__(self, name: str, *, known: Sequence[str]) -> None:
        super().__init__(f"there is no rewriter {name!r}; the known ones are {', '.join(known)}")


class ModelNotNamed(PipelineError):
    def __init__(self, setting: str, *, kind: str) -> None:
        super().__init__(
            f"{setting}={kind} names no model; write {setting}={kind}:FOLDER, or the Hugging Face id of one"
        )


class JudgeUnreadable(PipelineError):
    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(f"{path} is no trained judge ({cause}); {judge_remedy(path)}")


class JudgeMismatch(PipelineError):
    def __init__(self, path: Path, learned_from: Literal["weights", "prompt"]) -> None:
        super().__init__(
            f"{path} was trained with another {learned_from} of the proxy than is loaded; {judge_remedy(path)}"
        )


class CalibrationUnreadable(PipelineError):
    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(f"{path} holds no calibration ({cause}); {CALIBRATE_AGAIN}")


class CalibrationMismatch(PipelineError):
    def __init__(self, path: Path, difference: str) -> None:
        super().__init__(f"{path} was made with {difference} than now; {CALIBRATE_AGAIN}")


CALIBRATE_AGAIN = (
    "make it anew with `gleandraft calibrate`, or delete the file to decide as without it"
)


class BadQuestions(PipelineError):
    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(
            f"cannot read questions from {path}: {cause}; give one JSON object to a line, such as "
            '{"question": "Who built the pier?", "answers": ["Ada Quill"]}'
        )


class TooFewQuestions(PipelineError):
    def __init__(self, num: int, *, fewest: int, what: str = "that are left to a gate") -> None:
        super().__init__(
            f"there are {num} questions {what}, and {fewest} are the fewest to choose a threshold by; add more"
        )


def judge_remedy(path: Path) -> str:
    return (
        f"train it anew with `python -m training.judge --data DATA --proxy {path.parent} --out {path}`, "
        "or delete the file to judge by the proxy's margins alone"
    )


class SupportUnreadable(PipelineError):
    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(
            f"{path} is no support gate ({cause}); train it anew with `python -m training.support --data DATA "
            f"--out {path}`, or delete the file to have the model asked whatever the passages say"
        )


class UnknownAnswerForm(PipelineError):
    def __init__(self, path: Path, form: object) -> None:
        super().__init__(
            f"{path} declares the answer form {form!r}, which is not known; declare 'free' or 'quote' there, "
            "or choose with GLEANDRAFT_ANSWER_FORM"
        )


class UnusableChatTemplate(PipelineError):
    def __init__(self, model: str) -> None:
        super().__init__(
            f"the chat template of {model!r} changes or repeats the user's message, so passages cannot be "
            "placed in it; choose another model, or remove the template to use the model without one"
        )
