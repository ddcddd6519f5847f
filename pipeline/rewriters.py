"""Which rewriter says what to search for, by name."""

from collections.abc import Callable, Mapping

from pipeline.errors import ModelNotNamed, UnknownRewriter
from pipeline.judges import reads_claims
from pipeline.rewrite import GuessRewriter, Rewriter
from pipeline.settings import Settings
from pipeline.slimplm import load_coarse_model
from pipeline.slimplm_rewriter import TrainedRewriter


def open_rewriter(settings: Settings) -> Rewriter:
    """The rewriter that the settings name as `kind` or `kind:argument`.

    Raises `UnknownRewriter`, `ModelNotNamed` and the errors of loading a model.
    """
    kind, _, argument = settings.rewriter.partition(":")
    if kind not in REWRITERS:
        raise UnknownRewriter(settings.rewriter, known=sorted(REWRITERS))

    return REWRITERS[kind](settings, argument)


def of_the_guess(_settings: Settings, _name: str) -> Rewriter:
    return GuessRewriter()


def slimplm(settings: Settings, name: str) -> Rewriter:
    if not name:
        raise ModelNotNamed("GLEANDRAFT_REWRITER", kind="slimplm")
    model = load_coarse_model(name, dtype=settings.dtype)
    return TrainedRewriter(model, filters_claims=reads_claims(settings))


REWRITERS: Mapping[str, Callable[[Settings, str], Rewriter]] = {
    "guess": of_the_guess,
    "slimplm": slimplm,
}
