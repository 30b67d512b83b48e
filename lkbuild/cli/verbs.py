"""The verbs by name, with the line that `lkbuild --help` shows. Imports none of them: that is what makes help quick."""

from __future__ import annotations

from typing import Final

#: Verb to summary, in the order of help. Each is a module of lkbuild.cli.commands.
VERBS: Final = {
    "build": "build targets (the verb that is meant where none is given)",
    "run": "run a target: boot an image in QEMU, or start a program",
    "test": "run tests, cached",
    "query": "ask the graph: deps, rdeps, kind and more",
    "fetch": "fetch all that targets need, so that --offline works",
    "lock": "update, check or compare lock files",
    "info": "show what lkbuild knows: store, workspace, schema, rules",
    "cache": "show, verify or collect the store",
    "doctor": "find what this host lacks, and how to mend it",
    "clean": "remove outputs",
    "init": "start a workspace",
    "help": "explain a verb or a topic",
    "version": "print the version",
}
