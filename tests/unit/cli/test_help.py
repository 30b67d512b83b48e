"""Help says what the code does."""

import re

import pytest

from lkbuild.base import errors
from lkbuild.base.label import Pattern
from lkbuild.cli.exit_codes import exit_codes
from lkbuild.cli.helptext import overview, verb_help
from lkbuild.cli.main import load_command
from lkbuild.cli.tables import as_lines
from lkbuild.cli.topics import TOPICS
from lkbuild.cli.verbs import TOPIC_SUMMARIES, VERBS


def test_every_family_of_errors_is_in_the_table_of_exit_codes():
    table = dict(exit_codes())
    for value in vars(errors).values():
        if isinstance(value, type) and issubclass(value, errors.LkbuildError):
            assert table[value.exit_code]
            assert value is errors.LkbuildError or value.__doc__.partition("\n")[0] in table[value.exit_code]


def test_the_table_has_success_bugs_and_each_code_once():
    codes = [code for code, _ in exit_codes()]
    assert {0, 37} <= set(codes)
    assert codes == sorted(set(codes))


def test_each_topic_of_the_overview_has_a_text():
    assert list(TOPICS) == list(TOPIC_SUMMARIES)
    assert all(topic() for topic in TOPICS.values())
    assert all(name in overview() for name in (*VERBS, *TOPICS))


def test_every_label_in_the_topic_on_labels_is_one():
    found = re.findall(r"^  (-?(?:/|:|pkg)\S*) ", TOPICS["labels"](), re.MULTILINE)
    assert len(found) > 8
    for text in found:
        Pattern.parse(text, package="pkg")


@pytest.mark.parametrize("verb", VERBS)
def test_a_summary_keeps_the_names_that_are_in_it(verb):
    summary = VERBS[verb]
    assert f"\n{summary[0].upper()}{summary[1:]}.\n" in verb_help(load_command(verb))


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_has_its_usage_examples_and_every_flag(verb):
    command = load_command(verb)
    text = verb_help(command)
    assert f"usage: lkbuild {verb}" in text
    assert all(f"--{flag.name}" in text for flag in command.flags)
    assert all(example in text for example, _ in command.examples)


def test_nested_values_are_indented():
    value = {"name": "x", "on": True, "none": None, "list": ["a", {"b": 1}], "map": {"c": [], "total_bytes": 2048}}
    assert list(as_lines(value)) == [
        "name: x",
        "on: yes",
        "none: -",
        "list:",
        "  - a",
        "  -",
        "    b: 1",
        "map:",
        "  c: -",
        "  total_bytes: 2.0 KiB",
    ]
