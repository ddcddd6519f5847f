"""The thread that keeps a worker's word: I am alive, these jobs are mine, and I look after the others'."""

import logging
import threading

from workers.errors import WorkersError
from workers.jobs.store import JobStore
from workers.jobs.sweeper import Sweeper
from workers.tasks.runner import Runner

log = logging.getLogger(__name__)


class Pulse:
    """Beats every `heartbeat_s` from `start` to `stop`."""

    def __init__(self, store: JobStore, runner: Runner, sweeper: Sweeper) -> None:
        self._store = store
        self._runner = runner
        self._sweeper = sweeper
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="pulse", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Beat no more and sign off; safe to call when it was never started."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
            self._store.worker_gone(self._runner.worker_id)

    def beat(self) -> None:
        self._store.worker_lives(self._runner.worker_id)
        self._runner.renew_claims()
        self._sweeper.sweep_in_turn()

    def _beat_on(self) -> None:
        while True:
            try:
                self.beat()
            except WorkersError as error:
                log.warning("a heartbeat was missed: %s", error)
            if self._stopped.wait(self._store.limits.heartbeat_s):
                return
