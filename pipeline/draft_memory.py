"""What drafting learns about one model, kept between runs: past outputs, how guesses fare, what passes cost."""

import hashlib
import logging
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread

from decoding import (
    Calibration,
    CausalModel,
    CostCurve,
    CostModel,
    Datastore,
    TreeDrafter,
    measured_curve,
)
from decoding.cost_model import TYPICAL
from decoding.errors import DatastoreUnusable

log = logging.getLogger(__name__)
ENOUGH_TO_SAVE = 8_000  # tokens of new outputs


class DraftMemory:
    """A drafter whose knowledge lives in a folder, shared by all processes that write with this model.

    All of it is optional: what is missing, damaged or cannot be written costs speed, never a token.
    """

    def __init__(self, folder: Path, model: CausalModel, *, only_chains: bool = False) -> None:
        self._folder = folder / key_of(model)
        self._turn = Lock()
        self._datastore = open_datastore(self._folder, model)
        self.drafter = TreeDrafter(
            model.vocabulary,
            calibration=Calibration.from_json(read(self._folder / "calibration.json")),
            costs=self._costs(model),
            datastore=self._datastore,
            only_chains=only_chains,
        )

    def begin_text(self) -> None:
        """Looks for outputs that other processes have saved; microseconds where there are none."""
        if self._datastore:
            with suppress(DatastoreUnusable):  # told when it was opened, and again when it is saved
                self._datastore.refresh()

    def end_text(self) -> None:
        """Saves what was learned in the background, once that is enough to be worth it."""
        if self._datastore and self._datastore.num_unsaved >= ENOUGH_TO_SAVE:
            Thread(target=self._save_unless_saving, daemon=True).start()

    def save(self) -> None:
        with self._turn:
            self._save()

    def _save_unless_saving(self) -> None:
        if self._turn.acquire(blocking=False):
            try:
                self._save()
            finally:
                self._turn.release()

    def _save(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            replace(self._folder / "calibration.json", self.drafter.calibration.to_json())
            if self._datastore:
                self._datastore.flush()
                self._datastore.maintain()
        except (OSError, DatastoreUnusable) as error:
            log.warning("what drafting learned cannot be saved: %s", error)

    def _costs(self, model: CausalModel) -> CostModel:
        """Costs depend on the machine: measured once per data type and number of threads."""
        path = self._folder / f"costs-{model.dtype_name}-{model.num_threads}.json"
        if saved := read(path):
            return CostModel(CostCurve.from_json(saved, otherwise=TYPICAL))
        curve = measured_curve(model)
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            replace(path, curve.to_json())

        return CostModel(curve)


def key_of(model: CausalModel) -> str:
    """Outputs of another model or tokenizer would only mislead."""
    name = f"{model.path}|{model.vocabulary}"
    return f"{model.name}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def open_datastore(folder: Path, model: CausalModel) -> Datastore | None:
    try:
        return Datastore.open(folder / "outputs", vocabulary=model.vocabulary)
    except DatastoreUnusable as error:
        log.warning("%s", error)
        return None


def read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def replace(path: Path, text: str) -> None:
    """Other processes see the old file or the new one, never half of it."""
    half = path.with_suffix(".part")
    half.write_text(text)
    half.replace(path)
