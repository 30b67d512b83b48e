"""The images that a linuxkit.yml names: those of a lock, and targets of this workspace. Pure.

Which target is meant is said by `packages:` (a reference, whatever its tag), or by `@pkg:PATH`, which LinuxKit takes for the package in
that folder. Does not know what an image is for.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, Final

from lkbuild.base.errors import AnalysisError, LoadError, Position
from lkbuild.base.label import Label, LabelError
from lkbuild.base.values import dataclass
from lkbuild.linuxkit.decode import TEMPLATE
from lkbuild.linuxkit.images import image_settings
from lkbuild.linuxkit.process import ImageSettings
from lkbuild.model.artifact import Artifact
from lkbuild.model.references import expand, repository_of
from lkbuild.model.rule import RuleContext

from ..oci import LockedImages, merged
from ..providers import BaseInfo, LayerInfo

_HINT: Final = "map a reference to it by `packages:`, and name that"


@dataclass(slots=True)
class Named:
    """Resolves `@pkg:PATH`, and remembers which targets that were: by the reference that stands in its place, with where it is first."""

    found: dict[str, tuple[Label, Position]] = field(default_factory=dict)

    def __call__(self, text: str, position: Position) -> str:
        """The reference that stands for a template. Raises LoadError at its position."""
        package = posixpath.normpath(posixpath.join(posixpath.dirname(position.file or ""), text.removeprefix(TEMPLATE)))
        try:
            label = Label.parse(f"//{package}")
            reference = expand(f"lkbuild/{package}")
        except LabelError as error:
            raise LoadError(f"'{text}' names no target: {error.message}", position=position, hint=error.hint) from None
        except ValueError:
            raise LoadError(f"'{text}' can't be written as a reference", position=position, hint=_HINT) from None
        self.found.setdefault(reference, (label, position))
        return reference


class Images:
    """All of them, for the architecture that is built for. `named`: what templates stand for, by reference."""

    def __init__(self, ctx: RuleContext, named: Mapping[str, Label]) -> None:
        """Of a target, whose `packages:` and `lock:` are read. Raises AnalysisError for a reference that is none."""
        self._ctx = ctx
        self._targets = {**{_key(ctx, text): label for text, label in ctx.attrs["packages"].items()}, **named}
        self._locked: LockedImages | None = None

    def settings(self, reference: str, position: Position) -> ImageSettings:
        """What an image says of the container that runs it. Raises AnalysisError at the position where it is named."""
        label = self._target(reference)
        config = self._base(label, position).config if label is not None else self.locked(position).entry(reference, position).config
        return image_settings(_plain(config))

    def layer(
        self,
        reference: str,
        position: Position,
        *,
        below: Sequence[Artifact] = (),
        above: Sequence[Artifact] = (),
        exclude: Sequence[str] = (),
    ) -> Artifact:
        """Its files as one layer, as `LockedImages.layer` makes it. Raises AnalysisError at the position where it is named."""
        label = self._target(reference)
        if label is None:
            locked = self.locked(position)
            return locked.layer(locked.entry(reference, position), below=below, above=above, exclude=exclude)
        layers = self._ctx.dep(label).get(LayerInfo)
        if layers is None:
            raise self._no_image(label, position)
        parts = {f"below/{index}": artifact for index, artifact in enumerate(below)}
        parts |= {f"image/{index:03d}": artifact for index, artifact in enumerate(reversed(layers.layers))}
        guests = {f"above/{index}": artifact for index, artifact in enumerate(above)}
        request = {"sha256": {}, "exclude": list(exclude), "guests": {path: [] for path in guests}}
        return merged(self._ctx, {**parts, **guests}, request, message=f"layer of {label.short}")

    def locked(self, position: Position) -> LockedImages:
        """Those of the lock. Raises AnalysisError at what needs one, where there is none."""
        lock = self._ctx.attrs["lock"]
        if lock is None:
            hint = "say `lock:`, the label of an oci_lock that holds it; or `packages:`, which target it is"
            raise AnalysisError("this image is in no lock, and no target", position=position, hint=hint, label=str(self._ctx.label))
        self._locked = self._locked or LockedImages(self._ctx, lock)
        return self._locked

    def is_target(self, reference: str) -> bool:
        """Whether it is made in this workspace."""
        return self._target(reference) is not None

    def _target(self, reference: str) -> Label | None:
        return self._targets.get(reference) or self._targets.get(repository_of(reference))

    def _base(self, label: Label, position: Position) -> BaseInfo:
        found = self._ctx.dep(label).get(BaseInfo)
        if found is None:
            raise self._no_image(label, position)
        return found

    def _no_image(self, label: Label, position: Position) -> AnalysisError:
        hint = "a linuxkit_package, a package or an oci_image is one"
        return AnalysisError(f"{label.short} is no image", position=position, hint=hint, label=str(self._ctx.label))


def _key(ctx: RuleContext, text: str) -> str:
    try:
        return expand(text)
    except ValueError:
        hint = "write name, org/name or host/org/name; without a tag it means any tag"
        ctx.fail(f"'{text}' names no image", attr=("packages", text), hint=hint)


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value
