"""What a package exports exists, is sorted, and costs nothing before it is used."""

import importlib
import subprocess
import sys

import pytest

PACKAGES = ["decoding", "gleandraft", "pipeline", "retrieval"]
HEAVY = {"torch", "transformers", "sentence_transformers", "chromadb", "celery", "numpy"}


@pytest.mark.parametrize("name", PACKAGES)
def test_every_exported_name_exists_in_sorted_order(name: str) -> None:
    package = importlib.import_module(name)
    assert list(package.__all__) == sorted(package.__all__)
    for exported in package.__all__:
        assert getattr(package, exported) is not None


@pytest.mark.parametrize("name", [*PACKAGES, "workers.cli"])
def test_importing_a_package_loads_nothing_heavy(name: str) -> None:
    program = f"import sys, {name}; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(done.stdout.split())
