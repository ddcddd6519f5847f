"""The environment, read once into one frozen object; the only place that looks at GLEANDRAFT_* variables."""

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.errors import InvalidSetting, UnknownSetting
from pipeline.prompts import Layout

PREFIX = "GLEANDRAFT_"
EMBEDDED_MODELS = Path(__file__).resolve().parents[1] / "models"


class Settings(BaseSettings):
    """Every knob with its default; environment variables are GLEANDRAFT_ plus the name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", protected_namespaces=()
    )

    kb: Path = Path("gleandraft-kb")  # folder of the knowledge base
    model: str = str(
        EMBEDDED_MODELS / "main"
    )  # folder or Hugging Face id of the main model, or http://…/v1#NAME
    proxy: str = str(EMBEDDED_MODELS / "proxy")  # the same of the slim proxy
    api_key: SecretStr | None = None  # for the server of a remote main model
    proxy_api_key: SecretStr | None = (
        None  # the same of the proxy; None: the main model's, where both are on one server
    )
    context: int | None = Field(
        default=None, ge=256
    )  # most tokens of a remote model's prompt and answer; None: as its server says, else 4096
    remote_at_once: int = Field(default=8, ge=1)  # requests to one server
    remote_retries: int = Field(default=4, ge=0)  # of a request, while its server is busy or away
    remote_connect_s: float = Field(default=5.0, gt=0)  # until a server takes a connection
    remote_silence_s: float = Field(default=120.0, gt=0)  # until it says the next thing
    remote_extra: dict[str, Any] = {}  # JSON: more fields for each request, as a server wants them
    reader: str = str(EMBEDDED_MODELS / "reader")  # folder of the reader; empty: none is used
    dtype: Literal["float32", "bfloat16"] = "float32"
    embedder: str = "all-MiniLM-L6-v2"  # name, folder or Hugging Face id of the embedding model
    reranker: str = ""  # folder or Hugging Face id of a cross-encoder that orders what was found; empty: none does
    store: str = "chroma"  # of vectors: chroma, exact, or the URL of a Chroma server
    deterministic: bool = False  # draft chains only: exact to the bit in bfloat16, too
    threads: int = Field(default_factory=lambda: max(1, (os.cpu_count() or 2) - 1), ge=1)
    redis_url: str | None = None  # None starts a private Redis
    data_dir: Path | None = (
        None  # where the private Redis keeps its file and workers their logs; None: kb/run
    )
    remember: bool = True  # keep past outputs, as token ids, to draft from
    cache_mb: int = Field(default=1024, ge=16)  # keys and values of running and past texts
    judge: str = "auto"  # what decides where no rule does: see `pipeline.judges.JUDGES`
    rewriter: str = "guess"  # what says what to search for: see `pipeline.rewriters.REWRITERS`
    sub_questions: bool = False  # let the proxy write simpler questions to search for, too
    gate_threshold: float | None = Field(
        default=None, ge=0, le=1
    )  # retrieve where a decision's score is above; None: as the judge says
    support_threshold: float | None = Field(
        default=None, ge=0, le=1
    )  # refuse where the passages' support is below; 0: never; None: as the file beside the main model says
    prompt_tokens: int = Field(default=1600, ge=64)  # longest prompt for an answer
    answer_form: Literal["free", "quote"] | None = (
        None  # quote: one of the best lines, word by word; None: as the main model's folder says
    )
    answer_tokens: int = Field(default=96, ge=1)  # longest answer
    guess_tokens: int = Field(default=24, ge=1)  # longest guess of the proxy
    layout: Layout = (
        "ours"  # of a prompt for summaries: ours, or paper: queries before the transcript
    )
    window_tokens: int = Field(default=900, ge=64)  # transcript that one summary prompt holds
    remote_window_tokens: int = Field(
        default=8000, ge=64
    )  # the same for a model on a server, but never more than half of its context
    summary_tokens: int = Field(default=96, ge=1)  # longest summary of one query over one window
    num_focus: int = Field(default=3, ge=0)  # best clauses or turns shown with a question or query

    @property
    def drafts_dir(self) -> Path:
        return self.run_dir / "drafts"

    @property
    def run_dir(self) -> Path:
        return self.data_dir or self.kb / "run"


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment; overrides that are not None win. Raises `UnknownSetting` or `InvalidSetting`."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise UnknownSetting(unknown, known=sorted(known))

    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise InvalidSetting(
            [
                f"{PREFIX}{str(e['loc'][0]).upper()}={e['input']!r}: {e['msg']}"
                for e in error.errors()
            ]
        ) from error
