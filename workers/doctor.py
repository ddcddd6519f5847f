"""Looks at everything a command needs before it is needed; each red line names what to do about it."""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

from decoding import DecodingError
from gleandraft.wire import CheckRecord
from pipeline.errors import PipelineError
from pipeline.remote.address import is_remote
from pipeline.remote.model import RemoteModel
from pipeline.remote.opening import open_main_model, open_remote_proxy
from pipeline.settings import Settings
from retrieval.errors import RetrievalError
from workers.broker import find_redis
from workers.errors import WorkersError

MODEL_FILES = ("config.json", "tokenizer.json", "*.safetensors")


class Unwell(Exception):
    """A check that failed, with its remedy."""

    def __init__(self, detail: str, fix: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fix = fix


def examine(settings: Settings) -> Iterator[CheckRecord]:
    """One record per check, as soon as it is known; no check stops the others."""
    for name, check in CHECKS.items():
        try:
            yield CheckRecord(name, ok=True, detail=check(settings), fix="")
        except Unwell as finding:
            yield CheckRecord(name, ok=False, detail=finding.detail, fix=finding.fix)
        except (DecodingError, PipelineError, RetrievalError, WorkersError) as error:
            detail, _, fix = str(error).partition("; ")
            yield CheckRecord(name, ok=False, detail=detail, fix=fix or detail)


def _python(_: Settings) -> str:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.maxsize <= 2**32:
        raise Unwell(f"Python {version} has 32 bits", "install a 64-bit Python: torch needs one")
    return version


def _torch(settings: Settings) -> str:
    try:
        version = metadata.version("torch")
    except metadata.PackageNotFoundError:
        raise Unwell("torch is not installed", "run `pip install -e .`") from None
    num_cores = os.cpu_count() or 1
    if settings.threads > num_cores:
        raise Unwell(
            f"{version} would use {settings.threads} threads on {num_cores} cores",
            f"export GLEANDRAFT_THREADS={num_cores}",
        )
    return f"{version}, {settings.threads} threads on {num_cores} cores"


def _waiting_threads(_: Settings) -> str:
    policy = os.environ.get("OMP_WAIT_POLICY", "")
    if policy.upper() != "PASSIVE":
        raise Unwell(
            f"OMP_WAIT_POLICY is {policy!r}: idle threads would burn the cores others need",
            "unset OMP_WAIT_POLICY, or export OMP_WAIT_POLICY=PASSIVE",
        )
    return policy


def _embedding(settings: Settings) -> str:
    from retrieval import MiniLmEmbedder, SentenceEmbedder, open_embedder

    embedder = open_embedder(settings.embedder)
    vectors = f"{embedder.name}, {embedder.dimension} dimensions"
    if isinstance(embedder, MiniLmEmbedder):
        computed = _computed_in(embedder.precision)
        return f"{vectors}, {computed}, in {embedder.verify()}, checksum right"
    if isinstance(embedder, SentenceEmbedder):
        told = f"{_computed_in(embedder.precision)}, reads {embedder.max_tokens} tokens"
        return f"{vectors}, {told}, prefixes: {embedder.prefixes.source}, in {embedder.folder}"
    return f"{vectors}, no files"


def describe_reranker(name: str) -> str:
    """Raises `RetrievalError`; loads nothing."""
    from retrieval import open_reranker

    reranker = open_reranker(name)
    return f"{reranker.name}, {_computed_in(reranker.precision)}, in {reranker.folder}"


def _computed_in(precision: str) -> str:
    return precision if precision == "bfloat16" else f"{precision} (no bfloat16 on this processor)"


def _reranker(settings: Settings) -> str:
    return describe_reranker(settings.reranker) if settings.reranker else "none"


def _main_model(settings: Settings) -> str:
    if is_remote(settings.model):
        return describe_remote(open_main_model(settings, retries=0))
    return _model(settings.model, setting="GLEANDRAFT_MODEL")


def _proxy_model(settings: Settings) -> str:
    if is_remote(settings.proxy):
        from pipeline.remote.proxy import RemoteProxy

        model = open_remote_proxy(settings, retries=0)
        try:
            RemoteProxy(model, guess_tokens=1).think(["Is water wet?"])
        finally:
            model.close()
        return f"{describe_remote(model)}, tells log-probabilities"
    return _model(settings.proxy, setting="GLEANDRAFT_PROXY")


def _reader(settings: Settings) -> str:
    from pipeline.build import build_reader

    reader = build_reader(settings, embedder=settings.embedder)
    if reader is None:
        return "none: prompts show whole sentences, and nobody judges the passages"
    reader.load()
    return f"{reader.folder}, readable"


def _judge(settings: Settings) -> str:
    """Has it judge something: what loads late, loads now."""
    from pipeline.judges import open_gate
    from pipeline.types import Case, Guess

    gate = open_gate(settings)
    gate.judge([Case("Is anybody there?", Guess("Yes.", (), num_tokens=0))])
    told = f"auto: {_best_known(settings)}" if settings.judge == "auto" else settings.judge
    return f"{told}, retrieves where the need for passages is above {gate.threshold:.3g}"


def _best_known(settings: Settings) -> str:
    from pipeline.calibrated import CALIBRATED_FILE
    from pipeline.trained_judge import load_judge

    if (settings.kb / CALIBRATED_FILE).is_file():
        return f"calibrated, {settings.kb / CALIBRATED_FILE}"
    return "trained on the proxy" if load_judge(Path(settings.proxy)) else "margins"


def _rewriter(settings: Settings) -> str:
    from pipeline.rewriters import open_rewriter

    open_rewriter(settings)
    return settings.rewriter


def _support(settings: Settings) -> str:
    from pipeline.support import load_support

    reader = Path(settings.reader) if settings.reader else None
    support = load_support(Path(settings.model), embedder=settings.embedder, reader=reader)
    return f"{'the trained gate' if support and reader else 'nobody'} decides on the passages"


def _answer_form(settings: Settings) -> str:
    from pipeline.build import must_quote

    return "the main model quotes" if must_quote(settings) else "the main model writes freely"


def describe_remote(model: RemoteModel) -> str:
    """What the server told when it was asked for the model."""
    model.close()
    context = f"context of {model.context.num_tokens} tokens ({model.context.source})"
    counts = "by the server" if model.tokens.is_exact else "estimated"
    return f"{model.name} answers, {context}, tokens counted: {counts}"


def _model(name: str, *, setting: str) -> str:
    folder = Path(name)
    if not folder.is_absolute() and not folder.is_dir():
        return _cached_model(name, setting=setting)
    missing = [pattern for pattern in MODEL_FILES if not any(folder.glob(pattern))]
    if missing:
        raise Unwell(
            f"{folder} lacks {', '.join(missing)}",
            f"restore the files (in a checkout: `git checkout -- models`), or set {setting}",
        )
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unwell(
            f"{folder / 'config.json'} is no model's configuration ({error})",
            f"restore the file, or set {setting}",
        ) from error
    num_mib = sum(file.stat().st_size for file in folder.glob("*.safetensors")) / 2**20
    return f"{kind}, {num_mib:.0f} MiB in {folder}"


def _cached_model(name: str, *, setting: str) -> str:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(name, "config.json")
    except HFValidationError:
        found = None
    if not isinstance(found, str):
        raise Unwell(
            f"{name} is neither a folder nor in the Hugging Face cache",
            f"download it (`hf download {name}`), or unset {setting} for the embedded model",
        )
    return f"{name} in {Path(found).parent}"


def _redis(settings: Settings) -> str:
    if settings.redis_url is None:
        return f"private, {find_redis()}"
    from workers.jobs.store import JobStore

    store = JobStore(settings.redis_url)
    try:
        store.ping()
    finally:
        store.close()
    return "answers"  # the URL may hold a password


def _run_directory(settings: Settings) -> str:
    folder = _nearest_existing(settings.run_dir.resolve())
    try:
        with tempfile.TemporaryFile(dir=folder):
            return str(settings.run_dir)
    except OSError as error:
        raise Unwell(
            f"{folder} cannot be written ({error.strerror})",
            "choose another folder with --kb or GLEANDRAFT_DATA_DIR, or correct its permissions",
        ) from error


def _knowledge_base(settings: Settings) -> str:
    from retrieval.lock import DirectoryLock

    if not settings.kb.exists():
        return f"{settings.kb} does not exist yet; `gleandraft add` makes it"
    DirectoryLock(settings.kb).release()
    return f"{settings.kb} is free"


def _vectors(settings: Settings) -> str:
    from retrieval.places import describe_store

    return describe_store(settings.store)


def _nearest_existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())


CHECKS: dict[str, Callable[[Settings], str]] = {
    "python": _python,
    "torch": _torch,
    "waiting threads": _waiting_threads,
    "embedding model": _embedding,
    "reranker": _reranker,
    "main model": _main_model,
    "proxy model": _proxy_model,
    "reader": _reader,
    "judge": _judge,
    "rewriter": _rewriter,
    "support gate": _support,
    "answer form": _answer_form,
    "redis": _redis,
    "run directory": _run_directory,
    "vectors": _vectors,
    "knowledge base": _knowledge_base,
}
