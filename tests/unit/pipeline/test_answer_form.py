"""What a model's folder says of how it answers."""

import json
from pathlib import Path

import pytest

from pipeline import load_settings
from pipeline.answer_form import FORM_FILE, declared_form
from pipeline.build import build_briefer
from pipeline.errors import UnknownAnswerForm
from retrieval import HashEmbedder


def declare(folder: Path, text: str) -> str:
    (folder / FORM_FILE).write_text(text)
    return str(folder)


@pytest.mark.parametrize("form", ["free", "quote"])
def test_what_is_declared_holds(form: str, tmp_path: Path) -> None:
    assert declared_form(declare(tmp_path, json.dumps({"answer_form": form}))) == form


@pytest.mark.parametrize("text", ["{}", "[]", "{", ""])
def test_a_model_that_says_nothing_is_free(text: str, tmp_path: Path) -> None:
    assert declared_form(declare(tmp_path, text)) == "free"


def test_so_is_a_model_without_a_folder() -> None:
    assert declared_form("some-user/some-model") == "free"


@pytest.mark.parametrize("form", ["quotes", None, 3])
def test_an_unknown_form_is_named_with_the_known_ones(form: object, tmp_path: Path) -> None:
    model = declare(tmp_path, json.dumps({"answer_form": form}))
    with pytest.raises(UnknownAnswerForm, match="'free' or 'quote'"):
        declared_form(model)


def test_the_embedded_model_quotes() -> None:
    assert declared_form(load_settings().model) == "quote"


@pytest.mark.parametrize(
    ("setting", "declared", "must_quote"),
    [
        (None, "quote", True),
        (None, "free", False),
        ("free", "quote", False),
        ("quote", "free", True),
    ],
)
def test_the_setting_goes_before_the_folder(
    setting: str | None, declared: str, must_quote: bool, tmp_path: Path
) -> None:
    model = declare(tmp_path, json.dumps({"answer_form": declared}))
    settings = load_settings(model=model, reader="", answer_form=setting)
    briefer = build_briefer(settings, embedder=HashEmbedder(), count=len)
    assert briefer.must_quote is must_quote
