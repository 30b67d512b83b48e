"""A workspace in a temporary folder and the real command over it: write files, build, look at what ran.

What ran and what did not is the natural assertion: `assert ws.build("//p:b").executed == ["//p:a genrule"]`. Every call is a process
of its own, as a user starts it. Does not know what a rule does.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import forks

from lkbuild.cli.options import default_cache

LKBUILD = Path(sys.executable).with_name("lkbuild")
REPOSITORY = Path(__file__).parents[2]
#: For a machine that hangs; no measure of anything.
PATIENCE_S = 3600


@dataclass(frozen=True, slots=True)
class Report:
    """What `--json` said, and what stood on stderr."""

    code: int
    told: dict[str, Any]
    stderr: str

    @property
    def executed(self) -> list[str]:
        """`//label mnemonic` of what ran, in order of completion."""
        return list(self.told["executed"])

    @property
    def mnemonics(self) -> list[str]:
        """What kinds of actions ran, sorted."""
        return sorted(item.rpartition(" ")[2] for item in self.executed)

    @property
    def counts(self) -> dict[str, int]:
        """Actions by class, those classes that occur."""
        return {name: count for name, count in self.told["counts"].items() if count}

    @property
    def errors(self) -> list[dict[str, Any]]:
        """Errors as JSON."""
        return list(self.told["errors"])

    @property
    def states(self) -> dict[str, str]:
        """State by target."""
        return {target["label"]: target["state"] for target in self.told["targets"]}

    @property
    def keys(self) -> dict[str, str]:
        """Recipe key by target."""
        return {target["label"]: target["key"] for target in self.told["targets"]}

    @property
    def digests(self) -> dict[str, str]:
        """Digest by `label/output`."""
        return {
            f"{target['label']}/{Path(output['path']).name}": output["digest"]
            for target in self.told["targets"]
            for output in target["outputs"]
        }

    @property
    def paths(self) -> list[Path]:
        """Where outputs lie."""
        return [Path(output["path"]) for target in self.told["targets"] for output in target["outputs"]]

    @property
    def path(self) -> Path:
        """Where the one output lies."""
        (path,) = self.paths
        return path

    @property
    def text(self) -> str:
        """The content of the one output."""
        return self.path.read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder with a BUILD.yaml, and the store that is built into."""

    root: Path
    cache: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = (str(LKBUILD),)

    def write(self, path: str, text: str, *, executable: bool = False) -> Path:
        """Write a file of the workspace."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        if executable:
            file.chmod(0o755)
        return file

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace what stands in a file once."""
        file = self.root / path
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{path} holds {old!r} {text.count(old)} times"
        file.write_text(text.replace(old, new), encoding="utf-8")

    def lkbuild(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run the command and wait for it, whatever comes of it. With options it is a start; without, a fork of one (harness.forks)."""
        if not options and self.command == (str(LKBUILD),):
            done = forks.run(arguments, self.root, self._environment())
            if done is not None:
                return done
        return subprocess.run(
            [*self.command, *arguments],
            cwd=self.root,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
            stdin=subprocess.DEVNULL,
            **options,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the command in a session of its own."""
        return subprocess.Popen(
            [*self.command, *arguments],
            cwd=self.root,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def build(self, *arguments: str, code: int = 0, verb: str = "build", before: Callable[[], None] | None = None) -> Report:
        """Build; the exit code must be `code`. `before` runs in the child, just before the command."""
        options = {} if before is None else {"preexec_fn": before}
        return as_report(self.lkbuild(verb, "--json", *arguments, **options), code)

    def test(self, *arguments: str, code: int = 0) -> Report:
        """`lkbuild test`."""
        return self.build(*arguments, code=code, verb="test")

    def with_(self, **environment: str) -> Workspace:
        """The same with more variables."""
        return Workspace(self.root, self.cache, {**self.environment, **environment}, self.command)

    def beside(self, name: str, *, cache: Path | None = None) -> Workspace:
        """A copy of the workspace's files at another path."""
        root = self.root.with_name(name)
        shutil.copytree(self.root, root, symlinks=True, ignore=shutil.ignore_patterns("lkbuild-out"))
        return Workspace(root, cache or self.cache, self.environment, self.command)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "LKBUILD_CACHE": str(self.cache), **self.environment}


def as_report(done: subprocess.CompletedProcess[str], code: int) -> Report:
    """The report of a command that has ended with `code`."""
    assert done.returncode == code, f"exit code {done.returncode}, not {code}:\n{done.stderr}\n{done.stdout}"
    assert "Traceback" not in done.stderr, done.stderr
    told = json.loads(done.stdout)
    assert told["exit_code"] == code
    return Report(code, told, done.stderr)


def user_store() -> Path:
    """The store that LKBUILD_CACHE names, else the user's: what is fetched, compiled or booted in it once serves every later run."""
    named = os.environ.get("LKBUILD_CACHE")
    return Path(named) if named else default_cache(os.environ)


def copy_of_repository(root: Path, cache: Path) -> Workspace:
    """The repository's own workspace at another path."""
    root.mkdir(parents=True)
    shutil.copy2(REPOSITORY / "BUILD.yaml", root)
    for folder in ("images", "kernel", "pkg", "rules"):
        shutil.copytree(REPOSITORY / folder, root / folder, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    return Workspace(root, cache)
