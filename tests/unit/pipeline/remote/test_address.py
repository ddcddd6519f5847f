"""One setting names a server and a model on it."""

import pytest

from pipeline.remote.address import Address, is_remote, parse_address
from pipeline.remote.errors import BadAddress


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://127.0.0.1:8000/v1#tiny", Address("http://127.0.0.1:8000/v1", "tiny")),
        ("https://host/v1/#org/name:8b", Address("https://host/v1", "org/name:8b")),
        ("HTTP://Host:1/api", Address("http://host:1/api", "")),
        (" http://[::1]:8000/v1#a@b ", Address("http://[::1]:8000/v1", "a@b")),
    ],
)
def test_an_address_is_the_place_of_an_api_and_a_name_behind_a_hash(
    text: str, expected: Address
) -> None:
    assert parse_address(text) == expected
    assert parse_address(str(expected)) == expected


@pytest.mark.parametrize("text", ["http://", "http://h:port/v1", "http://h/v1?key=1", "http://["])
def test_what_is_no_address_is_told_how_to_write_one(text: str) -> None:
    with pytest.raises(BadAddress, match="write it like http"):
        parse_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://ann:s3cret@h/v1#m",
        "http://ann:s3cret@h:x/v1",
        "http://ann:12#s3cret@h/v1",
        "http://ann:12/s3cret@h/v1",
        "http://ann:12?s3cret@h/v1",
        "http://h/v1?api_key=s3cret#m",
        "http://h:x/v1?api_key=s3cret",
        "http://h/v1?api_key=a@s3cret",
    ],
)
def test_a_password_belongs_elsewhere_and_is_not_repeated(text: str) -> None:
    with pytest.raises(BadAddress) as raised:
        parse_address(text)
    assert "s3cret" not in str(raised.value)


def test_folders_and_ids_are_not_remote() -> None:
    assert [is_remote(name) for name in ("models/main", "org/http-1b", "HTTPS://h/v1")] == [
        False,
        False,
        True,
    ]
