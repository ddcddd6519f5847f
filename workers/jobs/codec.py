"""Jobs and transcripts as text and bytes for the store, and back without loss."""

import hashlib
import json
import zlib
from dataclasses import asdict
from typing import Any

from pipeline.types import Citation, Coverage, Usage
from retrieval.types import Document, Turn
from workers.errors import UnknownRecordFormat
from workers.jobs.types import Item, Job, State

FORMAT = 2  # raise it whenever Job, Item or what they hold changes shape


def dump_job(job: Job) -> str:
    return json.dumps({"format": FORMAT, "job": asdict(job)}, ensure_ascii=False)


def load_job(record: str) -> Job:
    """The job that `dump_job` wrote; raises UnknownRecordFormat for another version's."""
    raw = json.loads(record)
    if raw.get("format") != FORMAT:
        raise UnknownRecordFormat(raw.get("format"), known=FORMAT)
    fields: dict[str, Any] = raw["job"]
    fields["state"] = State(fields["state"])
    fields["items"] = tuple(_load_item(item) for item in fields["items"])
    fields["coverage"] = Coverage(**fields["coverage"]) if fields["coverage"] else None
    return Job(**fields)


def dump_transcript(transcript: Document) -> tuple[str, bytes]:
    """Its id, which is a hash of all it says, and its bytes."""
    content = json.dumps(asdict(transcript), ensure_ascii=False, sort_keys=True).encode()
    return hashlib.sha256(content).hexdigest(), zlib.compress(content)


def load_transcript(content: bytes) -> Document:
    fields: dict[str, Any] = json.loads(zlib.decompress(content))
    fields["turns"] = tuple(Turn(**turn) for turn in fields["turns"])
    fields["pages"] = tuple(fields.get("pages", ()))
    return Document(**fields)


def _load_item(fields: dict[str, Any]) -> Item:
    fields["state"] = State(fields["state"])
    fields["citations"] = tuple(Citation(**citation) for citation in fields["citations"])
    usage = fields["usage"]
    usage["by_source"] = {
        source: tuple(pair) for source, pair in usage.get("by_source", {}).items()
    }
    fields["usage"] = Usage(**usage)
    return Item(**fields)
