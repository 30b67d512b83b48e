"""The process of a container: arguments, user, capabilities, limits. Pure. Source: reference/linuxkit.md 1.6 and 1.9."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from lkbuild.base.errors import Position, nearest
from lkbuild.base.values import dataclass
from lkbuild.linuxkit.mounts import without_empty
from lkbuild.linuxkit.settings import Settings, refused
from lkbuild.model.linux import CAPABILITIES, RLIMITS, UNLIMITED

_WORDS: Final[Mapping[str, tuple[str, ...]]] = {"all": CAPABILITIES, "none": ()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSettings:
    """What the configuration of an image says of the container that runs it. `label`: the text of org.mobyproject.config."""

    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    working_dir: str = ""
    label: str = ""


def process_of(settings: Settings, image: ImageSettings, ids: Mapping[str, int]) -> dict[str, Any]:
    """The process section of config.json. Raises LoadError."""
    groups = [identity(value, at, ids) for value, at in settings.items("additionalGids")]
    user = {name: _own_id(settings, name, ids) for name in ("uid", "gid")}
    process: dict[str, Any] = {
        "user": {**user, **without_empty({"additionalGids": groups})},
        **without_empty(
            {
                "args": list(settings.get("command", default=(*image.entrypoint, *image.cmd))),
                "env": list(settings.get("env", default=image.env)),
            }
        ),
        "cwd": settings.text("cwd", image.working_dir or "/"),
        "capabilities": _capabilities(settings),
        **without_empty(
            {
                "rlimits": [_rlimit(text, at) for text, at in settings.items("rlimits")],
                "noNewPrivileges": settings.get("noNewPrivileges", default=False),
            }
        ),
    }
    score = settings.get("oomScoreAdj")
    if score is not None:
        process["oomScoreAdj"] = score
    return process


def _own_id(settings: Settings, name: str, ids: Mapping[str, int]) -> int:
    found = settings.written(name)
    return 0 if found is None else identity(found[0], found[1](), ids)


def identity(value: str | int, at: Position, ids: Mapping[str, int]) -> int:
    """The number of a user or group that is a number, or the name of a container. Raises LoadError."""
    if isinstance(value, int):
        return value
    if value in ("", "root"):
        return 0
    if value in ids:
        return ids[value]
    raise refused(at, f"no container is called '{value}'", nearest(value, ids) or "an id is a number, root, or the name of a container")


def _capabilities(settings: Settings) -> dict[str, Any]:
    held, ambient = _held(settings), _expanded(settings.items("ambient"))
    union = sorted({*held, *ambient})
    return without_empty({"bounding": union, "effective": held, "inheritable": union, "permitted": union, "ambient": ambient})


def _held(settings: Settings) -> list[str]:
    """The capabilities of the entry; or else the label's with those of `capabilities.add`, each once."""
    items = list(settings.added("capabilities"))
    own, label = ([(name, at) for name, at, is_own in items if is_own is wanted] for wanted in (True, False))
    if not own or not label:
        return _expanded(own or label)
    return list(dict.fromkeys((*_expanded(label), *_expanded(own))))


def _expanded(items: Iterable[tuple[str, Position]]) -> list[str]:
    """A list of capabilities, or what `all` or `none` alone stand for. Raises LoadError for one that is none."""
    found = list(items)
    if len(found) == 1 and found[0][0].lower() in _WORDS:
        return list(_WORDS[found[0][0].lower()])
    for name, at in found:
        if name not in CAPABILITIES:
            near = "it stands alone: [all] or [none]" if name.lower() in _WORDS else nearest(name.upper(), CAPABILITIES)
            raise refused(at, f"unknown capability '{name}'", near or "capabilities(7) lists them")
    return [name for name, _ in found]


def _rlimit(text: str, at: Position) -> dict[str, Any]:
    parts = [part.strip() for part in text.split(",", 2)]
    if len(parts) != 3:
        raise refused(at, f"'{text}' is no limit", "write name,soft,hard: nofile,1024,unlimited")
    name = f"RLIMIT_{parts[0].upper().removeprefix('RLIMIT_')}"
    soft, hard = (_limit(part, at) for part in parts[1:])
    if name not in RLIMITS:
        known = [limit.removeprefix("RLIMIT_").lower() for limit in RLIMITS]
        raise refused(at, f"unknown limit '{parts[0]}'", nearest(parts[0].lower(), known) or f"known: {', '.join(known)}")
    return {"type": name, "hard": hard, "soft": soft}


def _limit(text: str, at: Position) -> int:
    if text.lower() == "unlimited":
        return UNLIMITED
    if not (text.isascii() and text.isdecimal()) or int(text) > UNLIMITED:
        raise refused(at, f"'{text}' is no limit", "write a number, or unlimited")
    return int(text)
