"""Flags: the command line, variables, and what is wrong with either."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkbuild.base.errors import UsageError
from lkbuild.cli.flags import Flag, parse

FLAGS = (
    Flag(name="arch", metavar="ARCH", repeatable=True, doc=""),
    Flag(name="jobs", short="j", metavar="N", doc=""),
    Flag(name="keep-going", short="k", doc=""),
    Flag(name="quiet", short="q", doc=""),
    Flag(name="color", metavar="WHEN", choices=("auto", "always", "never"), doc=""),
)


def parsed(*arguments, **environment):
    return parse("build", FLAGS, arguments, environment)


def refused(*arguments, **environment):
    with pytest.raises(UsageError) as caught:
        parsed(*arguments, **environment)
    return caught.value


def test_words_and_flags_may_stand_in_any_order():
    got = parsed("//a", "--jobs", "4", "//b", "-k")
    assert got.words == ("//a", "//b")
    assert (got.number("jobs"), got.switch("keep-going")) == (4, True)


@pytest.mark.parametrize("arguments", [("--jobs=4",), ("--jobs", "4"), ("-j", "4"), ("-j4",), ("-j=4",)])
def test_a_value_may_be_written_in_each_usual_way(arguments):
    assert parsed(*arguments).number("jobs") == 4


def test_short_switches_may_be_joined_and_end_in_one_with_a_value():
    got = parsed("-kqj2")
    assert got.switch("keep-going")
    assert got.switch("quiet")
    assert got.number("jobs") == 2


def test_the_last_of_two_values_counts_and_a_repeatable_flag_keeps_both():
    got = parsed("--jobs=1", "--arch=amd64", "--jobs=2", "--arch", "arm64")
    assert got.number("jobs") == 2
    assert got.texts("arch") == ("amd64", "arm64")


def test_a_negative_pattern_is_a_word_with_or_without_the_dashes():
    got = parsed("//...", "-//pkg/docker", "--", "-//pkg/x", "--jobs")
    assert got.words == ("//...", "-//pkg/docker")
    assert got.rest == ("-//pkg/x", "--jobs")


def test_nothing_after_the_dashes_is_not_the_same_as_no_dashes():
    assert parsed("//x", "--").rest == ()
    assert parsed("//x").rest is None


def test_a_switch_can_be_turned_off_again():
    assert not parsed("-k", "--no-keep-going").switch("keep-going")


def test_a_variable_stands_for_a_flag_and_the_command_line_wins():
    assert parsed(LKBUILD_JOBS="3").number("jobs") == 3
    assert parsed("--jobs=5", LKBUILD_JOBS="3").number("jobs") == 5
    assert parsed(LKBUILD_ARCH="amd64, arm64").texts("arch") == ("amd64", "arm64")
    assert parsed("--arch=s390x", LKBUILD_ARCH="amd64").texts("arch") == ("s390x",)
    assert not parsed("--no-keep-going", LKBUILD_KEEP_GOING="1").switch("keep-going")


@pytest.mark.parametrize(("text", "on"), [("1", True), ("YES", True), ("on", True), ("0", False), ("", False), ("off", False)])
def test_a_switch_in_a_variable_is_a_yes_or_a_no(text, on):
    assert parsed(LKBUILD_KEEP_GOING=text).switch("keep-going") is on


def test_an_empty_variable_is_none():
    assert parsed(LKBUILD_JOBS="").number("jobs") is None


def test_an_unknown_flag_is_refused_with_the_nearest_one():
    assert "--keep-going" in refused("--keep-goin").hint
    assert refused("--no-jobs").hint
    assert refused("-x").hint


@pytest.mark.parametrize("arguments", [("--jobs",), ("-j",), ("--keep-going=1",), ("--color=pink",), ("--no-keep-going=1",)])
def test_a_value_that_lacks_or_is_too_many_or_not_a_choice_is_refused(arguments):
    refused(*arguments)


@pytest.mark.parametrize("value", ["0", "-1", "x", "1.5", "", "٣", "9" * 5000])
def test_a_number_is_positive_and_in_plain_digits(value):
    with pytest.raises(UsageError):
        parsed(f"--jobs={value}").number("jobs")


def test_a_variable_that_is_no_number_is_named():
    with pytest.raises(UsageError) as caught:
        parsed(LKBUILD_JOBS="many").number("jobs")
    assert "LKBUILD_JOBS" in caught.value.message
    assert "--jobs" not in caught.value.message


def test_a_wrong_variable_is_named():
    assert "LKBUILD_KEEP_GOING" in refused(LKBUILD_KEEP_GOING="maybe").message
    assert "LKBUILD_COLOR" in refused(LKBUILD_COLOR="pink").message


@given(st.lists(st.text(max_size=8), max_size=8), st.dictionaries(st.sampled_from([flag.variable for flag in FLAGS]), st.text(max_size=4)))
def test_any_command_line_is_parsed_or_refused(arguments, environment):
    try:
        got = parse("build", FLAGS, arguments, environment)
    except UsageError:
        return
    assert len(got.words) + len(got.rest or ()) <= len(arguments)
