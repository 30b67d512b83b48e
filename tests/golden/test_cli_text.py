"""What the command prints, to the letter: help of every verb and topic, and errors in every shape."""

import pytest

from lkbuild.base.errors import BuildFailed, FetchError, LoadError, NotReproducible, Position, UsageError
from lkbuild.cli.helptext import overview, verb_help
from lkbuild.cli.main import load_command
from lkbuild.cli.render import render_error
from lkbuild.cli.topics import TOPICS
from lkbuild.cli.verbs import VERBS
from lkbuild.loading.several import LoadErrors


def test_the_overview(golden):
    golden("cli/help.txt", overview() + "\n")


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb(verb, golden):
    golden(f"cli/help-{verb}.txt", verb_help(load_command(verb)) + "\n")


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic(topic, golden):
    golden(f"cli/topic-{topic}.txt", TOPICS[topic]() + "\n")


_HERE = Position(file="pkg/sshd/BUILD.yaml", line=7, column=5, line_text='    sorces: ["*.conf"]')
_THERE = Position(file="pkg/base/BUILD.yaml", line=12, column=3, line_text="  base:")

ERRORS = {
    "usage": UsageError("no verb 'buidl'", hint="did you mean 'build'?"),
    "load": LoadError("unknown attribute 'sorces' of rule package", position=_HERE, hint="did you mean 'srcs'?", label="//pkg/sshd:sshd"),
    "related": LoadError(
        "the name 'base' stands twice",
        position=_HERE,
        related=((_THERE, "it stands here first"),),
        detail="//pkg/a -> //pkg/b\n//pkg/b -> //pkg/a",
    ),
    "several": LoadErrors(tuple(LoadError(f"unknown rule 'r{number}'", position=_THERE, label="//pkg/base:base") for number in range(21))),
    "failed": BuildFailed(
        "compile failed with exit code 1",
        position=_THERE,
        label="//pkg/base:base",
        detail="main.c:3: error: expected ';'\n\nlog: /cache/log/1.txt",
        hint="fix the error\n`lkbuild shell //pkg/base` opens its sandbox",
    ),
    "fetch": FetchError("pool/main/r/runc/runc.deb has other bytes than the lock says"),
    "check": NotReproducible("hello.txt differs", position=Position(file="BUILD.yaml")),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error(name, golden):
    golden(f"cli/error-{name}.txt", render_error(ERRORS[name]))
