"""What can go wrong while writing, each with its remedy."""

from collections.abc import Collection, Sequence
from pathlib import Path
from textwrap import shorten

LONGEST_CAUSE = 300  # characters of a library's own message


class DecodingError(Exception):
    """Base of every error of this package."""


class ModelMissing(DecodingError):
    def __init__(self, path: str | Path, cause: Exception | None = None) -> None:
        reason = f" ({one_line(cause)})" if cause else ""
        super().__init__(
            f"no language model at {str(path)!r}{reason}; give a folder that holds config.json, tokenizer.json "
            "and *.safetensors, the id of a model in the Hugging Face cache, or leave the setting out "
            "to use the embedded one"
        )


class ModelUnreadable(DecodingError):
    def __init__(self, path: str | Path, cause: Exception | str) -> None:
        super().__init__(
            f"the language model at {str(path)!r} cannot be loaded ({one_line(cause)}); "
            "check that the download is complete, or leave the setting out to use the embedded one"
        )


class ModelCannotRewind(DecodingError):
    def __init__(self, model_type: str) -> None:
        super().__init__(
            f"models of type {model_type!r} keep a recurrent state that cannot forget rejected drafts; "
            "choose a model with attention in every layer, such as the Llama or Qwen families"
        )


class NotCausal(DecodingError):
    def __init__(self, model_type: str) -> None:
        super().__init__(
            f"models of type {model_type!r} do not continue a text, they turn one into another; "
            "choose a causal language model, such as one of the Llama or Qwen families"
        )


class UnsupportedAttention(DecodingError):
    def __init__(self, model_type: str, reason: object = "it has attention of its own") -> None:
        super().__init__(
            f"draft trees cannot go through models of type {model_type!r} yet ({one_line(reason)}); choose a model of "
            "the Llama, Mistral, Qwen, Gemma, Phi, GPT-2, GPT-NeoX or OPT families"
        )


class UnknownDtype(DecodingError):
    def __init__(self, dtype: str, *, known: Sequence[str]) -> None:
        super().__init__(f"dtype {dtype!r} is not supported; choose one of {', '.join(known)}")


class UnknownDevice(DecodingError):
    def __init__(self, device: str, *, known: Sequence[str]) -> None:
        super().__init__(
            f"device {device!r} is not to be had here; choose one of {', '.join(known)}, or install a build of "
            "torch that knows the device"
        )


class CacheTooSmall(DecodingError):
    def __init__(self, needed: int, *, limit: int) -> None:
        super().__init__(
            f"the text needs {needed:,} bytes of keys and values and the cache may hold {limit:,}; "
            "shorten the prompt or the answer, or allow a larger cache"
        )


class CacheExhausted(DecodingError):
    def __init__(self, needed: int, *, cause: Exception) -> None:
        super().__init__(
            f"the machine has no {needed:,} bytes left for the keys and values of this text ({cause}); write fewer "
            "texts at a time, or allow a smaller cache, so that past texts give way sooner"
        )


class InvalidEngine(DecodingError):
    def __init__(self, name: str, value: int) -> None:
        super().__init__(f"an engine with {name}={value} would never write; allow at least 1")


class InvalidLimit(DecodingError):
    def __init__(self, max_new_tokens: int) -> None:
        super().__init__(
            f"max_new_tokens={max_new_tokens} leaves nothing to write; ask for at least 1"
        )


class UnknownTokens(DecodingError):
    def __init__(self, name: str, *, vocabulary: int) -> None:
        super().__init__(
            f"the {name} has token ids outside 0 to {vocabulary - 1}; encode it with the tokenizer of this model"
        )


class QueueFull(DecodingError):
    def __init__(self, most_waiting: int) -> None:
        super().__init__(
            f"{most_waiting} texts already wait to be written; try again when some have finished, "
            "or allow a longer queue"
        )


class PassFailed(DecodingError):
    def __init__(self, cause: BaseException) -> None:
        super().__init__(
            f"a forward pass failed ({type(cause).__name__}: {cause}) and took this text with it; "
            "the engine goes on, so send the request again, with fewer texts at a time if memory ran out"
        )


class InvalidSampling(DecodingError):
    def __init__(self, name: str, value: float, *, bounds: str) -> None:
        super().__init__(f"{name}={value} cannot be sampled with; choose a value {bounds}")


class InvalidLogits(DecodingError):
    def __init__(self, position: int) -> None:
        super().__init__(
            f"the model's logits for position {position} hold NaN or infinity; its weights are damaged or overflow: "
            "load it in float32, check the files against their checksums, and check any logits processor of your own"
        )


class NoTokenLeft(DecodingError):
    def __init__(self, position: int) -> None:
        super().__init__(
            f"nothing may be written at position {position}: processors forbid every token that the constraint "
            "leaves; drop a processor, or loosen the constraint"
        )


class InvalidProcessor(DecodingError):
    def __init__(self, processor: str, name: str, value: object, *, bounds: str) -> None:
        super().__init__(f"{processor} cannot work with {name}={value!r}; choose {bounds}")


class InvalidStopStrings(DecodingError):
    def __init__(self, reason: str) -> None:
        super().__init__(
            f"{reason}; give at least one non-empty byte string, or leave the stop rule out"
        )


class InvalidTemplate(DecodingError):
    def __init__(self, reason: str, *, remedy: str) -> None:
        super().__init__(f"this template can't be written: {reason}; {remedy}")


class InvalidChoice(DecodingError):
    def __init__(self, reason: str, *, remedy: str) -> None:
        super().__init__(f"no text can be chosen: {reason}; {remedy}")


class InvalidStopIds(DecodingError):
    def __init__(self, stop_ids: Collection[int], *, vocabulary: int) -> None:
        super().__init__(
            f"the stop ids {sorted(stop_ids)} can't end a text that follows a grammar; "
            f"give at least one, each from 0 to {vocabulary - 1}"
        )


class InvalidGrammar(DecodingError):
    remedy = "correct it"

    def __init__(self, reason: str) -> None:
        super().__init__(f"no text can be held to this form: {reason}; {self.remedy}")


class UnsupportedSchema(InvalidGrammar):
    remedy = "leave this part of the schema out, and check it in the finished text"


class UnsatisfiableSchema(InvalidGrammar):
    remedy = "loosen the schema: nothing would be valid"


class GrammarDeadEnd(DecodingError):
    def __init__(self, reason: str) -> None:
        super().__init__(
            f"no token of this model continues a text that keeps the form ({reason}); "
            "loosen the form, or use a model whose tokenizer spells every byte"
        )


class PromptTooLong(DecodingError):
    def __init__(self, num_tokens: int, *, limit: int) -> None:
        super().__init__(
            f"the prompt and the answer need {num_tokens} tokens and the model reads {limit}; "
            "shorten the text, or use a model with a longer context"
        )


class ReferencesTooLong(DecodingError):
    def __init__(self, num_tokens: int, *, limit: int) -> None:
        super().__init__(
            f"prompt, references, guesses and answer come to {num_tokens} tokens and drafts are made from at most "
            f"{limit}; hand in fewer or shorter references"
        )


class EmptyPrompt(DecodingError):
    def __init__(self) -> None:
        super().__init__(
            "the prompt has no tokens; give the model at least one token to start from"
        )


class DatastoreUnusable(DecodingError):
    def __init__(self, folder: Path, cause: OSError) -> None:
        super().__init__(
            f"the datastore of past outputs at {str(folder)!r} cannot be used ({cause}); make the folder writable and "
            "free space on its disk, name another folder, or write without a datastore"
        )


class DatastoreBusy(DecodingError):
    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"another process is tidying up the datastore at {str(folder)!r}; leave it the work, or try again later"
        )


class SegmentDamaged(DecodingError):
    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"the datastore's segment {str(path)!r} is damaged and will not be searched; "
            "upkeep of the datastore deletes it"
        )


class SegmentForeign(DecodingError):
    def __init__(self, path: Path) -> None:
        super().__init__(
            f"the datastore's segment {str(path)!r} belongs to another version of the program or to another "
            "vocabulary and will not be searched; give every model and tokenizer a folder of its own"
        )


def one_line(cause: object) -> str:
    """What a library says in several lines, or at length, as one line that fits into a sentence."""
    return shorten(str(cause), width=LONGEST_CAUSE, placeholder=" ...") or type(cause).__name__
