"""What the package offers, and what importing it costs."""

import subprocess
import sys

import retrieval


def test_all_names_are_sorted_and_can_be_imported() -> None:
    assert sorted(retrieval.__all__) == retrieval.__all__
    assert all(getattr(retrieval, name) is not None for name in retrieval.__all__)
    assert set(retrieval._HOMES) == set(retrieval.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(retrieval, "nothing_of_that_name")


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, retrieval, retrieval.types, retrieval.errors;"
        "print(*{'numpy', 'torch', 'chromadb', 'sqlite3', 'lxml', 'pypdfium2_raw'} & set(sys.modules))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert printed.stdout.strip() == b""
