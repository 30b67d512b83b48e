"""The verbs and topics by name, with the line that `lkbuild --help` shows. Imports none of them: that is what makes help quick."""

from __future__ import annotations

#: Verb to summary, in the order of help. Each is a module of lkbuild.cli.commands.
VERBS = {
    "build": "build targets (the verb that is meant where none is given)",
    "run": "run a target: boot an image in QEMU, or start a program",
    "watch": "build, and build again on every change",
    "test": "run tests, cached",
    "query": "ask the graph: deps, rdeps, kind and more",
    "why": "tell why a target would run, or ran: what changed, down to the leaf",
    "diff": "tell in what two keys or two builds differ",
    "shell": "open a shell where an action runs, inputs in place",
    "fetch": "fetch all that targets need, so that --offline works",
    "lock": "update, check or compare lock files",
    "push": "push a package, as an image, to a registry",
    "linuxkit": "read LinuxKit's YAML",
    "info": "show what lkbuild knows: store, workspace, schema, rules",
    "cache": "show, verify or collect the store",
    "doctor": "find what this host lacks, and how to mend it",
    "clean": "remove outputs",
    "init": "start a workspace",
    "help": "explain a verb or a topic",
    "version": "print the version",
}

#: Topics of `lkbuild help`; lkbuild.cli.topics has their text.
TOPIC_SUMMARIES = {
    "exit-codes": "what the exit code says",
    "labels": "how targets are named, patterns that select many",
    "targets": "what every target of a BUILD.yaml has",
    "select": "attributes by architecture and setting",
    "formats": "what an image can be written as",
    "environment": "variables that stand for flags",
}
