"""The environment is read once, and a misspelt variable is an error."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline import load_settings
from pipeline.errors import UnknownSetting


def test_variables_set_their_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLEANDRAFT_KB", "/tmp/somewhere")
    monkeypatch.setenv("GLEANDRAFT_ANSWER_TOKENS", "12")
    settings = load_settings()
    assert settings.kb == Path("/tmp/somewhere")
    assert settings.answer_tokens == 12
    assert settings.run_dir == Path("/tmp/somewhere/run")


def test_what_the_caller_says_wins_and_none_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLEANDRAFT_MODEL", "from-environment")
    assert load_settings(model="from-caller").model == "from-caller"
    assert load_settings(model=None).model == "from-environment"


def test_a_misspelt_variable_is_named_beside_the_known_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GLEANDRAFT_MODLE", "x")
    with pytest.raises(UnknownSetting, match=r"GLEANDRAFT_MODLE.*GLEANDRAFT_MODEL"):
        load_settings()


def test_settings_do_not_change_under_way() -> None:
    with pytest.raises(ValidationError):
        load_settings().threads = 3
