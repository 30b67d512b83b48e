"""What `lkbuild doctor` says: a value. Knows no check and no terminal."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from lkbuild.base.values import dataclass

State: TypeAlias = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at.

    Attributes:
        name: what was looked at, a word or two.
        state: `ok`; `warn`: lkbuild works, but less well; `fail`: lkbuild can't work here.
        text: what was found.
        mend: a command or a sentence that makes it well; None where there is nothing to do.
    """

    name: str
    state: State
    text: str
    mend: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The form of `lkbuild doctor --json`."""
        return {"name": self.name, "state": self.state, "text": self.text, "mend": self.mend}
