"""The command line of the measurements: `python -m bench answers`, `decode`, `equality`, ...; `--help` lists all."""

import argparse
import os
from collections.abc import Sequence

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch loads

from bench import (
    answers,
    collect,
    decode,
    embedding,
    equality,
    fuzz_readers,
    gate,
    guesses,
    index_kills,
    index_server,
    index_speed,
    retrieval,
    scenes,
    stall,
    summaries,
)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for module in (
        decode,
        equality,
        collect,
        scenes,
        stall,
        answers,
        summaries,
        guesses,
        gate,
        embedding,
        fuzz_readers,
        retrieval,
        index_kills,
        index_server,
        index_speed,
    ):
        module.add_command(commands)
    arguments = parser.parse_args(words)
    arguments.run(arguments)


if __name__ == "__main__":
    main()
