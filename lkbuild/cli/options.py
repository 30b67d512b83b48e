"""The flags that verbs share, and the one place where they become a `BuildOptions`. Does not know what options do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lkbuild.base.errors import UsageError, nearest
from lkbuild.base.snapshot_format import home_of
from lkbuild.cli.flags import Flag, Parsed

if TYPE_CHECKING:
    from lkbuild.app.options import BuildOptions

#: How results and progress are shown: every verb has these.
DISPLAY_FLAGS: Final = (
    Flag(name="json", doc="Print one JSON object on stdout."),
    Flag(
        name="color", metavar="WHEN", choices=("auto", "always", "never"), doc="Colours: auto (a terminal without NO_COLOR), always, never."
    ),
    Flag(name="quiet", short="q", doc="Print errors and results only."),
    Flag(name="verbose", short="v", doc="Print more: each action as it starts, what it writes, every cache hit."),
    Flag(name="help", short="h", doc="Show help of the verb."),
)

#: Where things are.
PLACE_FLAGS: Final = (
    Flag(name="workspace", metavar="DIR", doc="Root of the workspace; else the nearest parent whose BUILD.yaml has `workspace:`."),
    Flag(name="cache", metavar="DIR", doc="Folder of the store; else $XDG_CACHE_HOME/lkbuild, else ~/.cache/lkbuild."),
    Flag(name="out", metavar="DIR", doc="Where outputs are placed; else lkbuild-out in the workspace."),
)

#: For what a graph is made.
CONFIGURATION_FLAGS: Final = (
    Flag(name="arch", metavar="ARCH", repeatable=True, doc="Target architecture: amd64, arm64, riscv64, s390x or all; repeatable."),
    Flag(name="config", metavar="NAME", repeatable=True, doc="A group of settings from the workspace's `configs:`; repeatable."),
)

#: Who builds Dockerfiles.
BUILDER_FLAG: Final = Flag(
    name="builder",
    metavar="NAME",
    repeatable=True,
    doc="Build Dockerfiles by this builder of docker buildx; ARCH=NAME: for one architecture; repeatable; else by Docker's default.",
)

#: How actions are run.
EXECUTION_FLAGS: Final = (
    Flag(name="jobs", short="j", metavar="N", doc="Run up to N actions at a time; else one per CPU."),
    Flag(
        name="strategy",
        metavar="WHERE",
        choices=("sandbox", "buildx", "remote", "dynamic"),
        doc="Run commands here (sandbox), by docker buildx (buildx), on the first remote that executes (remote), or also here where "
        "that makes wait (dynamic).",
    ),
    Flag(name="remote-jobs", metavar="N", doc="Run up to N commands at a time on a remote that executes; else 32."),
    Flag(name="keep-going", short="k", doc="After a failure, go on with what does not depend on it."),
    Flag(name="offline", doc="Fetch nothing: what is not in the store is an error."),
    Flag(
        name="remote",
        metavar="URL",
        repeatable=True,
        doc="Ask this remote cache first, and give it what is built; repeatable; off: no remote, not even those of cache/cache.yaml.",
    ),
    Flag(name="remote-required", doc="A remote that fails is an error (exit 34), not a miss, nor a reason to run commands here."),
    Flag(
        name="trust",
        metavar="HOW",
        choices=("policy", "strict"),
        doc="Remote results without a trusted signature: policy (misses, where cache/cache.yaml has keys), strict (errors, exit 34).",
    ),
    Flag(
        name="signing-key",
        metavar="FILE",
        doc="Sign results for remote caches with this private key; else with ~/.config/lkbuild/signing.key, if it is there.",
    ),
    BUILDER_FLAG,
    Flag(name="check", doc="Run again what is cached, and compare: another result is an error (exit 50)."),
    Flag(name="dry-run", doc="Show what would be done, and do nothing."),
    Flag(name="events", metavar="FILE", doc="Write what happens to a file as it happens, one JSON object a line."),
    Flag(name="metrics", metavar="FILE", doc="Count in a file what remotes were asked, had and took, in Prometheus's text format."),
)

#: What of a remote cache's results is wanted here.
DOWNLOAD_FLAG: Final = Flag(
    name="download",
    metavar="WHAT",
    choices=("all", "toplevel", "none"),
    doc="Bytes of remote results to have here at the end: all, toplevel (what was asked for), none.",
)

BUILD_FLAGS: Final = (*CONFIGURATION_FLAGS, *EXECUTION_FLAGS, *PLACE_FLAGS, *DISPLAY_FLAGS)


def default_cache(environment: Mapping[str, str]) -> Path:
    """The store's folder without `--cache`. A relative XDG_CACHE_HOME is ignored, as its specification says."""
    base = environment.get("XDG_CACHE_HOME", "")
    if base.startswith("/"):
        return Path(base) / "lkbuild"
    return Path(home_of(environment)) / ".cache" / "lkbuild"


def build_options(parsed: Parsed, environment: Mapping[str, str], cwd: Path) -> BuildOptions:
    """The options that a parsed command line comes to.

    Raises:
        UsageError: an architecture that does not exist, a number that is none.
    """
    from lkbuild.app.options import BuildOptions  # noqa: PLC0415 - not needed by help and errors

    cache, workspace, out, events, metrics, signing = (
        parsed.text(name) for name in ("cache", "workspace", "out", "events", "metrics", "signing-key")
    )
    return BuildOptions(
        cwd=cwd,
        cache=cwd / cache if cache else default_cache(environment),
        workspace=cwd / workspace if workspace else None,
        out=cwd / out if out else None,
        arches=_arches(parsed.texts("arch")),
        configs=tuple(dict.fromkeys(parsed.texts("config"))),
        jobs=parsed.number("jobs"),
        strategy=parsed.text("strategy") or "sandbox",
        remote_jobs=parsed.number("remote-jobs"),
        keep_going=parsed.switch("keep-going"),
        offline=parsed.switch("offline"),
        check=parsed.switch("check"),
        dry_run=parsed.switch("dry-run"),
        remotes=parsed.texts("remote"),
        remote_required=parsed.switch("remote-required"),
        signing_key=cwd / signing if signing else None,
        strict_trust=parsed.text("trust") == "strict",
        builders=_builders(parsed.texts("builder")),
        download=parsed.text("download") or "toplevel",
        events=cwd / events if events else None,
        metrics=cwd / metrics if metrics else None,
        verbose=parsed.switch("verbose"),
        environment=dict(environment),
    )


def _builders(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        arch, equals, name = text.rpartition("=")
        if not name or (equals and _arches((arch,)) != (arch,)):
            raise UsageError(f"--builder does not take '{text}'", hint="write NAME, or ARCH=NAME; `docker buildx ls` lists names")
    return texts


#: What others call our architectures: `uname -m`, GNU, Docker.
_ARCH_ALIASES: Final = {"x86_64": "amd64", "x86-64": "amd64", "x64": "amd64", "aarch64": "arm64", "arm64/v8": "arm64"}


def _arch_hint(name: str, known: Sequence[str]) -> str:
    parts = [part.strip() for part in name.split(",")]
    if len(parts) > 1 and all(part in known for part in parts):
        return "repeat the flag: " + " ".join(f"--arch {part}" for part in parts)
    alias = _ARCH_ALIASES.get(name.removeprefix("linux/"), name.removeprefix("linux/"))
    return f"did you mean '{alias}'?" if alias in known else nearest(name, known) or f"there are: {', '.join(known)}, all"


def _arches(names: tuple[str, ...]) -> tuple[str, ...]:
    from lkbuild.model.configuration import ARCHES  # noqa: PLC0415 - the same

    chosen: dict[str, None] = {}
    for name in names:
        if name != "all" and name not in ARCHES:
            raise UsageError(f"no architecture '{name}'", hint=_arch_hint(name, ARCHES))
        chosen.update(dict.fromkeys(ARCHES if name == "all" else (name,)))
    return tuple(chosen)
