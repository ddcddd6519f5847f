"""How a main model answers over passages: in its own words, or with a quote because its own go astray."""

import json
from pathlib import Path
from typing import Literal, cast

from pipeline.errors import UnknownAnswerForm

AnswerForm = Literal["free", "quote"]
FORM_FILE = "config.json"  # of the model's folder: a key that survives loading and saving
FORM_KEY = "answer_form"


def declared_form(model: str) -> AnswerForm:
    """What the folder of a model says of it; models that say nothing are free. Raises `UnknownAnswerForm`."""
    path = Path(model) / FORM_FILE
    try:
        declared = json.loads(path.read_text()).get(FORM_KEY, "free")
    except (OSError, ValueError, AttributeError):
        return "free"  # whoever loads the model says what is wrong with the file
    if declared not in ("free", "quote"):
        raise UnknownAnswerForm(path, declared)

    return cast(AnswerForm, declared)
