"""Password files: a kept standard, and mistakes that are told without telling a secret."""

from __future__ import annotations

from base64 import b64encode

import pytest

from monitor.passwords import PasswordFileError, hashed, parsed, written

LINE = written("eva", hashed("correct horse", b"0123456789abcdef"))


def test_a_password_is_known_again_and_no_other() -> None:
    found = parsed(LINE)["eva"]

    assert found.is_of("correct horse")
    assert not found.is_of("correct horse ")


def test_the_hash_is_scrypt_in_the_phc_format() -> None:
    user, _, hash = LINE.partition(":")

    assert user == "eva"
    assert hash.startswith("$scrypt$ln=15,r=8,p=3$MDEyMzQ1Njc4OWFiY2RlZg$")
    assert "=" not in hash.rpartition("$")[2]


def test_a_hash_of_the_standard_s_own_vector_is_read() -> None:
    """RFC 7914, section 12: scrypt of "pleaseletmein" with the salt "SodiumChloride", N = 16384, r = 8, p = 1."""
    vector = b64encode(
        bytes.fromhex(
            "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
            "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
        )
    )
    line = f"eva:$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU${vector.decode().rstrip('=')}"

    assert parsed(line)["eva"].is_of("pleaseletmein")


def test_two_hashes_of_a_password_differ() -> None:
    assert hashed("same").hash != hashed("same").hash


def test_empty_lines_and_remarks_are_left_out() -> None:
    assert list(parsed(f"# the night shift\n\n{LINE}\n")) == ["eva"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("eva:secret\n", "line 1: expected what `eda-monitor console password USER` prints"),
        (f"{LINE}\n{LINE}", "line 2: the user of an earlier line"),
        (LINE.replace("ln=15", "ln=31"), "line 1: expected a cost"),
        (LINE.replace("MDEyMzQ1Njc4OWFiY2RlZg", "M"), "line 1: salt or hash is not base64"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_not_shown(text: str, told: str) -> None:
    with pytest.raises(PasswordFileError) as caught:
        parsed(text)

    assert told in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("user", ["", " ", "a:b", "#eva", "eva\nadmin", " eva"])
def test_a_name_that_cannot_stand_in_a_line_is_refused(user: str) -> None:
    with pytest.raises(ValueError, match="is not a user's name"):
        written(user, hashed("x", b"0" * 16))
