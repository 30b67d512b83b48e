"""Which verb a command line means."""

import shlex

import pytest

from lkbuild.base.errors import UsageError
from lkbuild.cli.flags import parse
from lkbuild.cli.main import load_command, split_verb
from lkbuild.cli.verbs import VERBS


@pytest.mark.parametrize(
    ("line", "verb", "rest"),
    [
        ("build //x", "build", "//x"),
        ("//x", "build", "//x"),
        (":x", "build", ":x"),
        ("path/x", "build", "path/x"),
        ("path:x", "build", "path:x"),
        ("...", "build", "..."),
        (".", "build", "."),
        ("./x", "build", "./x"),
        ("/abs/x", "build", "/abs/x"),
        ("pkg/... -- -//pkg/a", "build", "pkg/... -- -//pkg/a"),
        ("test //...", "test", "//..."),
        ("-k //x", "build", "-k //x"),
        ("--offline test //x", "test", "--offline //x"),
        ("--config query //x", "build", "--config query //x"),
        ("--jobs 4 run //x -- build", "run", "--jobs 4 //x -- build"),
        ("-j 4 query x", "query", "-j 4 x"),
        ("--help", "help", ""),
        ("", "help", ""),
        ("--version --json", "version", "--json"),
    ],
)
def test_a_command_line_means_a_verb(line, verb, rest):
    got, arguments = split_verb(line.split())
    assert (got, list(arguments)) == (verb, rest.split())


@pytest.mark.parametrize("word", ["buidl", "tset", "xyz"])
def test_an_unknown_verb_is_refused(word):
    with pytest.raises(UsageError) as caught:
        split_verb([word])
    assert caught.value.hint


def test_a_word_that_may_be_a_target_is_told_how_targets_are_written():
    with pytest.raises(UsageError) as caught:
        split_verb(["hello"])
    assert ":hello" in caught.value.hint


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_declares_itself_with_examples_and_json(verb):
    command = load_command(verb)
    assert command.name == verb
    assert command.examples
    assert {"json", "help", "color"} <= {flag.name for flag in command.flags}
    names = [flag.name for flag in command.flags]
    letters = [flag.short for flag in command.flags if flag.short]
    assert len(set(names)) == len(names)
    assert len(set(letters)) == len(letters)


@pytest.mark.parametrize("verb", VERBS)
def test_the_examples_in_help_are_accepted_by_the_parser(verb):
    for example, _ in load_command(verb).examples:
        for part in example.split(" && "):
            line = part.partition(" | ")[0].partition(" > ")[0]
            program, *arguments = shlex.split(line)
            if program != "lkbuild":
                continue
            meant, rest = split_verb(arguments)
            command = load_command(meant)
            parsed = parse(meant, command.flags, rest, {})
            assert command.words[0] <= len(parsed.words)
            assert command.words[1] is None or len(parsed.words) <= command.words[1]
