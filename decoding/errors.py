"""What can go wrong while writing, each with its remedy."""

from pathlib import Path


class DecodingError(Exception):
    """Base of every error of this package."""


class ModelMissing(DecodingError):
    def __init__(self, path: str | Path, cause: Exception | None = None) -> None:
        reason = f" ({cause})" if cause else ""
        super().__init__(
            f"no language model at {str(path)!r}{reason}; give a folder that holds config.json, tokenizer.json "
            "and *.safetensors, the id of a model in the Hugging Face cache, or leave the setting out "
            "to use the embedded one"
        )


class ModelUnreadable(DecodingError):
    def __init__(self, path: str | Path, cause: Exception) -> None:
        super().__init__(
            f"the language model at {str(path)!r} cannot be loaded ({cause}); "
            "check that the download is complete, or leave the setting out to use the embedded one"
        )


class ModelCannotRewind(DecodingError):
    def __init__(self, model_type: str) -> None:
        super().__init__(
            f"models of type {model_type!r} keep a recurrent state that cannot forget rejected drafts; "
            "choose a model with attention in every layer, such as the Llama or Qwen families"
        )


class InvalidSampling(DecodingError):
    def __init__(self, name: str, value: float, *, bounds: str) -> None:
        super().__init__(f"{name}={value} cannot be sampled with; choose a value {bounds}")


class PromptTooLong(DecodingError):
    def __init__(self, num_tokens: int, *, limit: int) -> None:
        super().__init__(
            f"the prompt and the answer need {num_tokens} tokens and the model reads {limit}; "
            "shorten the text, or use a model with a longer context"
        )


class EmptyPrompt(DecodingError):
    def __init__(self) -> None:
        super().__init__(
            "the prompt has no tokens; give the model at least one token to start from"
        )
