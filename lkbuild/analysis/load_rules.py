"""Finds rules by path: `<workspace>/rules/<name>/rule.py` first, then the copy that the wheel carries.

Each rule folder is imported under a private package name, so that a workspace's own `rules/` never collides with an installed
module, and a rule may import its neighbours relatively (`from ..providers import Layer`). Does not know any rule by name.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Final

from lkbuild.analysis.aside import ASIDE
from lkbuild.analysis.raised import RULES
from lkbuild.base.digest import Digest
from lkbuild.base.errors import AnalysisError, Position
from lkbuild.model.attrs import Attr
from lkbuild.model.rule import Rule

_RACY_NS: Final = 2_000_000_000
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*\Z")


def bundled_rules() -> Path:
    """The rules that come with lkbuild: in the wheel, or beside the package in an editable install."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "_rules"
    return inside if inside.is_dir() else package.parent / "rules"


class RuleRegistry:
    """Rules by name, imported when first asked for."""

    def __init__(self, folders: Iterable[Path]) -> None:
        """Make a registry over folders of rules, the first of which wins."""
        self._places = tuple(folders)
        self._folders = tuple(dict.fromkeys(folder.resolve() for folder in self._places if folder.is_dir()))
        self._package = RULES + Digest.of("\0".join(map(str, self._folders)).encode()).short
        self._rules: dict[str, Rule | None] = {}
        self._tools: dict[Path, None] = {}
        self._contents: dict[tuple[str, str], bytes] = {}

    @classmethod
    def of_workspace(cls, root: Path) -> RuleRegistry:
        """The registry of a workspace."""
        return cls((root / "rules", bundled_rules()))

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders, in the order in which they are searched."""
        return self._folders

    def names(self) -> tuple[str, ...]:
        """All rule names, sorted."""
        return tuple(sorted({path.parent.name for folder in self._folders for path in folder.glob("*/rule.py") if path.is_file()}))

    def get(self, name: str) -> Rule | None:
        """The rule of that name, or None. Raises AnalysisError for a rule file that can't be imported."""
        if name not in self._rules:
            # A name is one folder: a path would import whatever file it leads to.
            self._rules[name] = self._load(name) if _NAME.match(name) else None
        return self._rules[name]

    def tool(self, rule: str, name: str) -> bytes:
        """The content of a file in a rule's `tools/` folder when it was first asked for. Raises AnalysisError where there is none."""
        if (rule, name) not in self._contents:  # an image asks three hundred times for twenty
            self._contents[rule, name] = self._read_tool(rule, name)
        return self._contents[rule, name]

    def _read_tool(self, rule: str, name: str) -> bytes:
        for folder in self._folders:
            if (folder / rule / "rule.py").is_file():
                path = folder / rule / "tools" / name
                self._tools[path] = None
                try:
                    return path.read_bytes()
                except OSError as error:
                    raise AnalysisError(f"rule '{rule}' has no tool {name}: {error.strerror}", position=Position(file=str(path))) from error
        raise AnalysisError(f"unknown rule '{rule}'")

    def looked_at(self) -> Iterator[str]:
        """Absolute paths of all files and directories that the loaded rules depend on; some may not exist.

        A module's neighbours count too: a rule may read data beside it, and a new file may hide one of a later folder.
        """
        yield from map(str, self._places)
        yield from map(str, self._tools)
        modules = [name.split(".")[1:-1] for name in sys.modules if name.startswith(self._package + ".")]
        asked = [[name] for name in self._rules]
        for parts in {tuple(parts) for parts in (*modules, *asked)}:
            for folder in self._folders:
                place = folder.joinpath(*parts)
                yield str(place)
                if place.is_dir():
                    yield from (str(path) for path in place.iterdir() if path.is_file())

    def forget(self) -> None:
        """Drop what was imported: the next registry of these folders reads the files again.

        A compiled form that is not clearly younger than its source goes too: Python takes it for current by the source's size and
        its mtime in whole seconds, which two edits within one second have in common (PEP 552).
        """
        for name in [name for name in sys.modules if name == self._package or name.startswith(self._package + ".")]:
            module = sys.modules.pop(name)
            compiled, source = getattr(module, "__cached__", None), getattr(module, "__file__", None)
            if compiled and source:
                with contextlib.suppress(OSError):  # read-only rules don't change
                    if Path(compiled).stat().st_mtime_ns < Path(source).stat().st_ctime_ns + _RACY_NS:
                        Path(compiled).unlink()
        importlib.invalidate_caches()

    def _load(self, name: str) -> Rule | None:
        path = next((folder / name / "rule.py" for folder in self._folders if (folder / name / "rule.py").is_file()), None)
        if path is None:
            return None
        self._ensure_package()
        try:
            with ASIDE:
                module = importlib.import_module(f"{self._package}.{name}.rule")
            rule = module.RULE
        except (Exception, SystemExit) as error:  # a rule is somebody's code: whatever it raises is an error of that file
            import traceback  # noqa: PLC0415 - not for most builds

            raise AnalysisError(
                f"rule '{name}' can't be loaded: {error}", position=_where(error, path), detail=traceback.format_exc(limit=-3)
            ) from error
        if not isinstance(rule, Rule) or rule.name != name:
            raise AnalysisError(f"RULE in {path} is not a Rule named '{name}'", position=Position(file=str(path)))
        odd = next((attr for attr, kind in rule.attrs.items() if not isinstance(kind, Attr)), None)
        if odd is not None:
            hint = "write Attr(type=..., doc=...): `lkbuild.model.attrs` has the types"
            raise AnalysisError(f"the attribute '{odd}' of rule '{name}' is no Attr", position=Position(file=str(path)), hint=hint)
        return rule

    def _ensure_package(self) -> None:
        if self._package not in sys.modules:
            package = ModuleType(self._package)
            package.__path__ = [str(folder) for folder in self._folders]
            sys.modules[self._package] = package


def _where(error: BaseException, path: Path) -> Position:
    import traceback  # noqa: PLC0415 - not for most builds

    if isinstance(error, SyntaxError) and error.filename:  # of the rule, or of what it imports
        return Position(file=error.filename, line=error.lineno or 1, column=max(error.offset or 1, 1), line_text=error.text)
    frames = traceback.extract_tb(error.__traceback__)
    line = next((frame.lineno for frame in reversed(frames) if frame.filename == str(path)), None)
    return Position(file=str(path), line=line or 1)
