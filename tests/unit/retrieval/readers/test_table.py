"""Tables of separated values."""

import pytest

from retrieval.documents import read_bytes
from retrieval.errors import EmptyFile


def read(content: str, name: str = "t.csv") -> str:
    return read_bytes(content.encode(), name=name).text


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_row_is_a_block_below_its_title(delimiter: str) -> None:
    rows = (("Name", "Seats", "Note"), ("Gannet", "40", "fast, new; red"), ("Tern", "25", ""))
    content = "\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows)
    assert read(content) == "# Gannet\nSeats: 40\nNote: fast, new; red\n\n# Tern\nSeats: 25"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("boat,seats\nGannet,40\n", "boat: Gannet\nseats: 40"),
        ("1,2\n3,4\n", "column 1: 1\ncolumn 2: 2\n\ncolumn 1: 3\ncolumn 2: 4"),
        ("boat,seats\nGannet,40,new\n", "boat: Gannet\nseats: 40\ncolumn 3: new"),
        ("name,seats\nGannet,\n", "name: Gannet"),
        ('name,note\nGannet,"two\nlines"\n', "# Gannet\nnote: two lines"),
        (
            'boat,note\nGannet,"never closed\nTern,b\n',
            'boat: Gannet\nnote: "never closed\n\nboat: Tern\nnote: b',
        ),
        ("sep=;\nboat;seats\nGannet;4,5\n", "boat: Gannet\nseats: 4,5"),
        ("words only", "column 1: words only"),
    ],
)
def test_rows_are_read_whatever_their_shape(content: str, expected: str) -> None:
    assert read(content) == expected


def test_rows_are_counted_for_the_metadata() -> None:
    assert read_bytes(b"a\tb\n1\t2\n3\t4\n", name="t.tsv").metadata == {"num_rows": 2}


def test_a_table_of_empty_cells_is_empty() -> None:
    with pytest.raises(EmptyFile):
        read(",,\n,,\n")
