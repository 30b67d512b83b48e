"""Labels: the names of targets, and the patterns that select them.

Grammar: `//package/path:name`; `//a/b` is `//a/b:b`; `:name` is in the current package; the root package is `//:name`. A name
may hold dots (`//images:desktop.iso` asks for one output of `//images:desktop`, which only the engine can tell). Pure text:
this module does not know which targets exist.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from posixpath import normpath
from typing import Final

from lkbuild.base.errors import LoadError
from lkbuild.base.restoring import restored_quickly
from lkbuild.base.values import dataclass

_SEGMENT: Final = r"[A-Za-z0-9_.+@=-]+"
#: NAME_MAX of Linux: outputs lie in folders that are called so.
_LONGEST: Final = 255
_PACKAGE: Final = re.compile(rf"(?:{_SEGMENT}(?:/{_SEGMENT})*)?\Z")
_NAME: Final = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*\Z")


class LabelError(LoadError):
    """Text that is no label or pattern."""


@restored_quickly
@dataclass(frozen=True, slots=True, order=True)
class Label:
    """A target's name: package ("pkg/dhcpcd", "" for the root) and name within it."""

    package: str
    name: str

    def __str__(self) -> str:
        return f"//{self.package}:{self.name}"

    @property
    def short(self) -> str:
        """`//a/b` for `//a/b:b`: for display."""
        if self.package and self.package.rpartition("/")[2] == self.name:
            return f"//{self.package}"
        return str(self)

    @classmethod
    def parse(cls, text: str, *, package: str = "") -> Label:
        """The label that text means inside a package.

        Raises:
            LabelError: it is no label (without a position: the caller knows where the text stands).
        """
        if text.startswith("//"):
            where, colon, name = text[2:].partition(":")
            if not colon:
                name = where.rpartition("/")[2]
        elif text.startswith(":"):
            where, name = package, text[1:]
        else:
            raise LabelError(f"'{text}' is not a label", hint="a label starts with // or with : for this package")
        _check(text, where, name)
        return cls(where, name)


def _check(text: str, package: str, name: str) -> None:
    if not package and not name:
        raise LabelError(f"'{text}' names no target", hint="the root's targets are //:name, all of them //:all")
    segments = [*package.split("/"), *name.split("/")]
    if not _PACKAGE.match(package) or not _NAME.match(name) or any(part in (".", "..") for part in segments):
        hint = "write //package/path:name; names hold letters, digits and _ . + @ = - only"
        raise LabelError(f"'{text}' is not a label", hint=hint)
    if len(text) > _LONGEST and any(len(part) > _LONGEST for part in segments):
        raise LabelError(f"'{text[:40]}...' is too long for a label", hint=f"a part between slashes has {_LONGEST} characters at most")


def is_label(package: str, name: str) -> bool:
    """Whether a package and a name make a label."""
    try:
        _check("", package, name)
    except LabelError:
        return False
    return True


def in_order(labels: Iterable[str]) -> list[str]:
    """Labels as `str` gives them, in the order in which `sorted` has Labels: no object is made for each of a hundred thousand."""
    return sorted(labels, key=lambda label: label.replace(":", "\0"))


def label_of(text: str) -> Label:
    """The label of which `str` gives this text. Nothing is checked: what users write is for `Label.parse`."""
    package, _, name = text[2:].partition(":")
    return Label(package, name)


def short_text(label: str) -> str:
    """What `Label.short` says of a label that is given as `str` gives it."""
    package, _, name = label.partition(":")
    return package if package.endswith(f"/{name}") and package.rpartition("/")[2] == name else label


def _absolute(text: str, relative: str, package: str) -> str:
    """What a path from a package's folder means from the root. Raises LabelError where it leaves the workspace."""
    path, colon, name = relative.partition(":")
    where = normpath(f"{package}/{path}" if package else path)
    if where == ".." or where.startswith(("../", "/")):
        raise LabelError(f"'{text}' is outside of the workspace", hint="write //package/path:name")
    return f"//{'' if where == '.' else where}{colon}{name}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a command line selects: one label, a package's targets (`:all`), or everything below a package (`...`).

    Attributes:
        package: the package, or the root of a recursive pattern.
        name: the target's name, or None for all.
        recursive: packages below count too.
        negative: written with a leading `-`: takes away what earlier patterns selected.
    """

    package: str
    name: str | None
    recursive: bool = False
    negative: bool = False

    def __str__(self) -> str:
        sign = "-" if self.negative else ""
        if self.recursive:
            return f"{sign}//{self.package}/..." if self.package else f"{sign}//..."
        return f"{sign}//{self.package}:{self.name or 'all'}"

    @property
    def label(self) -> Label | None:
        """The one label that it names, or None for a wildcard."""
        return None if self.recursive or self.name is None else Label(self.package, self.name)

    def matches(self, label: Label) -> bool:
        """Whether it selects a label (whatever its sign)."""
        if self.recursive:
            return self.package in ("", label.package) or label.package.startswith(self.package + "/")
        return label.package == self.package and self.name in (None, label.name)

    @classmethod
    def parse(cls, text: str, *, package: str = "") -> Pattern:
        """Parse `//...`, `//a/...`, `//a:all`, `//a:*`, a label, or any of these after `-`. Raises LabelError.

        A relative `a:b`, `a/...` or `a` is taken from the given package, as on Bazel's command line; so is `./a`, and `a/`, which is how
        shells complete it. `//a/...:all` is Bazel's longer form of `//a/...`.
        """
        body = text.removeprefix("-")
        if not body.startswith(("//", ":")):
            body = _absolute(text, body, package)
        for wildcard in (":all", ":*"):
            if body.endswith(f"...{wildcard}"):
                body = body.removesuffix(wildcard)
        if body == "//..." or body.endswith("/..."):
            root = body[2:].removesuffix("...").removesuffix("/")
            if not _PACKAGE.match(root) or any(part in (".", "..") for part in root.split("/")):
                raise LabelError(f"'{text}' is not a pattern", hint="write //... or //package/...")
            return cls(root, None, recursive=True, negative=text.startswith("-"))
        for wildcard in (":all", ":*"):
            if body.endswith(wildcard):
                where = body.removesuffix(wildcard).removeprefix("//") if body.startswith("//") else package
                _check(text, where, "all")
                return cls(where, None, negative=text.startswith("-"))
        label = Label.parse(body, package=package)
        return cls(label.package, label.name, negative=text.startswith("-"))
