"""What plain scalars are: the tables of YAML 1.2.2, 10.3.2, and what YAML 1.1 would have made of them."""

import pytest

from lkbuild.syntax.scalars import integer_of, kind_of


@pytest.mark.parametrize(
    "text",
    ["no", "yes", "on", "off", "y", "n", "1:30", "0666x", "1_000", "2024-01-02", "1.2.3", "-", "+", ".", "0b1", "e3", "None", "tRue"],
)
def test_what_yaml_1_1_converts_and_yaml_1_2_does_not_is_text(text: str) -> None:
    assert kind_of(text) == "string"


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("-19", -19), ("+3", 3), ("0o17", 15), ("0xfF", 255)])
def test_integers(text: str, value: int) -> None:
    assert kind_of(text) == "integer"
    assert integer_of(text) == value


@pytest.mark.parametrize("text", ["0666", "-007", "00"])
def test_an_integer_with_leading_zeros_has_no_value(text: str) -> None:
    assert kind_of(text) == "integer"
    assert integer_of(text) is None


@pytest.mark.parametrize("text", ["1e3", "0.5", ".5", "-1.", "12e-03", ".inf", "-.INF", ".NaN"])
def test_other_numbers(text: str) -> None:
    assert kind_of(text) == "number"


@pytest.mark.parametrize(("text", "kind"), [("true", "boolean"), ("FALSE", "boolean"), ("", "null"), ("~", "null"), ("Null", "null")])
def test_words(text: str, kind: str) -> None:
    assert kind_of(text) == kind
