"""`@pkg:PATH` in a linuxkit.yml: the image of the LinuxKit package in that folder, named as `linuxkit pkg show-tag` names it.

Its name is in the package's build.yml, its tag is the hash of the git tree. Does not build the package.
Source: reference/linuxkit.md 3.1 and 3.2.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from lkbuild.base.errors import HostError, LoadError, Position, nearest
from lkbuild.base.values import dataclass
from lkbuild.linuxkit.decode import TEMPLATE
from lkbuild.sandbox.host_output import host_output
from lkbuild.syntax.general import parse
from lkbuild.syntax.nodes import Fields, Items, Scalar

_BUILD: Final = "build.yml"
_ORG: Final = "linuxkit"
_HASH: Final = re.compile(r"\{\{\s*\.Hash\s*\}\}")
#: The tag of a package that is in no git repository.
_UNHASHED: Final = "latest"
_BUILD_MAX: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """Resolves templates of one file, whose folder this is."""

    folder: Path
    environment: Mapping[str, str]

    def __call__(self, text: str, position: Position) -> str:
        """The image that `@pkg:PATH` stands for. Raises LoadError at the position."""
        folder = self.folder / text.removeprefix(TEMPLATE).lstrip("/")  # LinuxKit joins it to the folder, whatever it starts with
        fields, build = self._build_file(folder, position)
        name, org, tag = (fields.get(key) for key in ("image", "org", "tag"))
        if not isinstance(name, Scalar) or not name.text:
            raise LoadError(f"{build} has no image:", position=position, hint="it names the repository of the package")
        repository = f"{org.text if isinstance(org, Scalar) else _ORG}/{name.text}"
        pattern = tag.text if isinstance(tag, Scalar) else "{{.Hash}}"
        extra = fields.get("extra-sources")
        sources = [item.text.partition(":")[0] for item in extra.items if isinstance(item, Scalar)] if isinstance(extra, Items) else []
        try:
            found = self._hash(folder, [folder / source for source in sources])
        except HostError as error:
            raise LoadError(f"the hash of {folder} can't be told: {error.message}", position=position, hint=error.hint) from None
        return f"{repository}:{_HASH.sub(found, pattern)}"

    def _build_file(self, folder: Path, position: Position) -> tuple[Fields, Path]:
        path = folder / _BUILD
        try:
            with path.open("rb") as file:
                data = file.read(_BUILD_MAX)
        except OSError as error:
            siblings = [other.name for other in folder.parent.iterdir()] if folder.parent.is_dir() else []
            hint = nearest(folder.name, siblings) or "the path is relative to the file that names it"
            raise LoadError(f"no LinuxKit package in {folder}: {_BUILD}: {error.strerror}", position=position, hint=hint) from None
        _, root, _ = parse(data, str(path))
        if not isinstance(root, Fields):
            raise LoadError(f"{path} is no build.yml", position=position, hint="it is a mapping with image:")
        return root, path

    def _hash(self, folder: Path, sources: list[Path]) -> str:
        """What a package's tag is made of. Raises HostError."""
        if self._git(folder, "rev-parse", "--is-inside-work-tree", may_fail=True) is None:
            return _UNHASHED
        found = self._tree(folder)
        if sources:
            joined = "".join((found, *(self._tree(source) for source in sources)))
            found = hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()  # LinuxKit's name for it, no proof of anything
        changed = self._content(folder)
        return f"{found}-dirty-{changed[:7]}" if changed else found

    def _tree(self, folder: Path) -> str:
        return (self._git(folder, "rev-parse", "--verify", "HEAD:./") or b"").decode().strip()

    def _content(self, folder: Path) -> str:
        """The digest of all files where they are not what was committed, else nothing."""
        others = self._git(folder, "ls-files", "-z", "--exclude-standard", "--others", "--", ".") or b""
        changed = self._git(folder, "diff", "--name-only", "-z", "HEAD", "--", ".") or b""
        if not others and not changed:
            return ""
        known = self._git(folder, "ls-files", "-z", "--", ".") or b""
        digest = hashlib.sha256()
        for name in [*known.split(b"\0"), *others.split(b"\0")]:
            path = folder / os.fsdecode(name)
            if name and path.is_file():
                digest.update(path.read_bytes())
        return digest.hexdigest()

    def _git(self, folder: Path, *arguments: str, may_fail: bool = False) -> bytes | None:
        answer = host_output(("git", *arguments), folder, {**self.environment, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"})
        if answer.code == 0:
            return answer.output
        if may_fail:
            return None
        raise HostError(answer.complaint or f"git {arguments[0]} failed", hint="commit the package once")
