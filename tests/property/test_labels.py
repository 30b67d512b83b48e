"""Labels and patterns: text and value are two forms of the same, and nothing that is no label gets in."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from lkbuild.base.label import Label, LabelError, Pattern

SEGMENTS = st.from_regex(r"[A-Za-z0-9_.+@=-]{1,8}", fullmatch=True).filter(lambda text: text not in (".", ".."))
PACKAGES = st.lists(SEGMENTS, max_size=4).map("/".join)
NAMES = st.lists(SEGMENTS, min_size=1, max_size=3).map("/".join)
LABELS = st.builds(Label, PACKAGES, NAMES)
ANYTHING = st.text(st.sampled_from("//::..ab-*@ \n\0é"), max_size=12)


@given(LABELS, PACKAGES)
def test_the_text_of_a_label_means_the_label_in_every_package(label: Label, package: str) -> None:
    assert Label.parse(str(label), package=package) == label
    assert Label.parse(label.short, package=package) == label


@given(LABELS)
def test_a_relative_label_is_in_its_package(label: Label) -> None:
    assert Label.parse(f":{label.name}", package=label.package) == label


@given(ANYTHING, PACKAGES)
@example("//a\n", "")
@example("//a:b\n", "")
@example("//a/:b", "")
@example("//a/../b", "")
@example("//", "")
def test_text_is_a_label_that_names_no_other_place_or_it_is_refused(text: str, package: str) -> None:
    try:
        label = Label.parse(text, package=package)
    except LabelError:
        return
    assert Label.parse(str(label)) == label
    parts = [*label.package.split("/"), *label.name.split("/")] if label.package else label.name.split("/")
    assert all(part and part not in (".", "..") and part.isprintable() and " " not in part for part in parts)


@given(ANYTHING, PACKAGES)
@example("//a/../b:all", "")
@example("//../...", "")
@example("//a:all\n", "")
def test_text_is_a_pattern_whose_text_means_the_same_or_it_is_refused(text: str, package: str) -> None:
    try:
        pattern = Pattern.parse(text, package=package)
    except LabelError:
        return
    assert Pattern.parse(str(pattern)) == pattern
    assert not {".", ".."} & set(pattern.package.split("/"))


@given(LABELS, PACKAGES)
def test_a_recursive_pattern_matches_what_is_at_and_below_its_package(label: Label, package: str) -> None:
    below = Label(f"{package}/{label.package}".strip("/"), label.name)
    pattern = Pattern(package, None, recursive=True)
    assert pattern.matches(below)
    assert pattern.matches(Label(package, label.name))
    assert pattern.matches(label) == (not package or label.package.split("/")[: package.count("/") + 1] == package.split("/"))


@given(LABELS, LABELS)
def test_patterns_of_one_package_match_its_targets_only(label: Label, other: Label) -> None:
    assume(label != other)
    assert Pattern.parse(str(label)).matches(label) or label.name in ("all", "...")
    assert not Pattern(label.package, label.name).matches(other)
    assert Pattern(label.package, None).matches(other) == (label.package == other.package)


@pytest.mark.parametrize("text", ["//a", "//a:b", "//a:all", "//a/...", "//..."])
def test_a_minus_turns_a_pattern_around_and_changes_nothing_else(text: str) -> None:
    positive, negative = Pattern.parse(text), Pattern.parse("-" + text)
    assert negative.negative
    assert not positive.negative
    assert str(negative) == "-" + str(positive)
