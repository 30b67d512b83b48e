"""What the image of a Dockerfile will say of the container that runs it: command, environment, working directory, user.

Told before anything is built, so that whoever uses the image can be analysed; the build compares it with what the engine made. Pure.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, Final

from lkbuild.base.values import dataclass
from lkbuild.dockerfile.lines import Instruction
from lkbuild.dockerfile.stages import Dockerfile, Use, arguments_of, text_of, words_of

#: What is told: of the `config` of an image's configuration. Other labels, ports and the like are the engine's to say.
TOLD: Final = ("Cmd", "Entrypoint", "Env", "User", "WorkingDir")
#: Labels that say how a container is run.
TOLD_LABELS: Final = ("org.mobyproject.config",)
#: What an image that is made from nothing has (BuildKit, frontend/dockerfile/dockerfile2llb/defaultshell.go, image.go).
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHELL: Final = ("/bin/sh", "-c")


def told(config: Mapping[str, Any]) -> dict[str, Any]:
    """Of an image's `config` what is compared, without what says nothing."""
    found = {name: config[name] for name in TOLD if config.get(name)}
    if found.get("WorkingDir") == "/":
        del found["WorkingDir"]
    labels = config.get("Labels") or {}
    if kept := {name: labels[name] for name in TOLD_LABELS if labels.get(name)}:
        found["Labels"] = kept
    return found


def image_config(dockerfile: Dockerfile, bases: Mapping[Use, Mapping[str, Any]]) -> dict[str, Any]:
    """What `told` will be of the image. `bases`: the `config` of each image that is built upon. Raises LoadError."""
    return _Reader(dockerfile, bases).config(dockerfile.target)


@dataclass(slots=True)
class _State:
    """What a stage has said so far."""

    found: dict[str, Any]
    env: dict[str, str]
    arguments: dict[str, str] = field(default_factory=dict)
    own_command: bool = False
    shell: Sequence[str] = _SHELL

    @property
    def values(self) -> dict[str, str]:
        """Of variables: the environment stands before the arguments."""
        return {**self.arguments, **self.env}


class _Reader:
    def __init__(self, dockerfile: Dockerfile, bases: Mapping[Use, Mapping[str, Any]]) -> None:
        self._file = dockerfile
        self._bases = bases

    def config(self, index: int) -> dict[str, Any]:
        below, use = self._file.below(index), self._file.use_of(index)
        found = self.config(below) if below is not None else told(self._bases[use]) if use is not None else {}
        env = dict(item.partition("=")[::2] for item in found.pop("Env", ()))
        state = _State(found, env if "PATH" in env else {"PATH": _PATH, **env})
        for item in self._file.stages[index].instructions:
            self._take(item, state)
        return told({**state.found, "Env": [f"{name}={value}" for name, value in state.env.items()]})

    def _take(self, item: Instruction, state: _State) -> None:
        match item.name:
            case "ARG":
                state.arguments.update(arguments_of(self._file.text, item, state.values, {**self._file.arguments, **self._file.given}))
            case "ENV":
                state.env.update(self._pairs(item, state.values))
            case "LABEL" if any(name in item.rest for name in TOLD_LABELS):
                state.found["Labels"] = {**state.found.get("Labels", {}), **self._pairs(item, state.values)}
            case "WORKDIR":
                path = text_of(self._file.text, item, item.rest, state.values)
                state.found["WorkingDir"] = posixpath.normpath(posixpath.join("/", state.found.get("WorkingDir", ""), path))
            case "USER":
                state.found["User"] = text_of(self._file.text, item, item.rest, state.values)
            case "SHELL":
                state.shell = _words(item, state.shell)
            case "CMD":
                state.found["Cmd"], state.own_command = _words(item, state.shell), True
            case "ENTRYPOINT":
                state.found["Entrypoint"] = _words(item, state.shell)
                if not state.own_command:
                    state.found.pop("Cmd", None)

    def _pairs(self, item: Instruction, values: Mapping[str, str]) -> dict[str, str]:
        first = item.rest.split(maxsplit=1)
        if "=" not in first[0] and len(first) == 2:  # the old form: one name, and all the rest is its value
            return {first[0]: text_of(self._file.text, item, first[1], values)}
        return dict(word.partition("=")[::2] for word in words_of(self._file.text, item, values))


def _words(item: Instruction, shell: Sequence[str]) -> list[str]:
    """A command as a list: the exec form as it stands, the other by the shell."""
    if item.rest.startswith("["):
        try:
            found = json.loads(item.rest)
        except ValueError:
            found = None
        if isinstance(found, list) and all(isinstance(word, str) for word in found):
            return found
    return [*shell, item.rest]
