"""Devices and cgroup limits, in the form of the OCI runtime specification. Pure.

LinuxKit reads these fields into Go's OCI types, whose names for YAML differ from those that its schema allows, and so drops every one
with a capital letter in it. Here they mean what they say (docs/reference/linuxkit.md).
"""

from __future__ import annotations

import re
from typing import Any, Final

from lkbuild.base.errors import Position
from lkbuild.linuxkit.mounts import without_empty
from lkbuild.linuxkit.settings import Settings, refused
from lkbuild.model.attrs import FrozenMap

_OCTAL: Final = re.compile(r"\+?[0-7]+\Z")
_UNITS: Final = ("B", "KB", "MB", "GB")
#: Sections whose values go over as they are, by their names in the specification.
_PLAIN: Final = {"memory": "memory", "cpu": "cpu", "pids": "pids"}


def devices_of(settings: Settings) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Device nodes, and rules for the device cgroup: `path: all` is a rule alone. Raises LoadError."""
    nodes, rules = [], []
    for device, at in settings.items("devices"):
        kind = without_empty({"type": device.get("type", "")})
        if device.get("path") == "all":
            rules.append({"allow": True, **kind, "access": "rwm"})
            continue
        numbers = {"major": device.get("major", 0), "minor": device.get("minor", 0)}
        mode = _mode(device.get("mode", ""), device.get("path", ""), at)
        nodes.append({"path": device.get("path", ""), "type": device.get("type", ""), **numbers, "fileMode": mode})
        rules.append({"allow": True, **kind, **numbers, "access": "rwm"})
    return nodes, rules


def _mode(text: str, path: str, at: Position) -> int:
    if not _OCTAL.match(text) or (mode := int(text, 8)) >= 1 << 31:
        what = f"'{text}' is no octal mode" if text else f"the device {path} has no mode"
        raise refused(at, what, 'write mode: "0666"')
    return mode


def resources_of(declared: FrozenMap, rules: list[dict[str, Any]]) -> dict[str, Any]:
    """The cgroup limits of a container, with the rules that its devices need."""
    found: dict[str, Any] = {}
    devices = [_rule(rule) for rule in declared.get("devices", ())] + rules
    if devices:
        found["devices"] = devices
    for name, oci in _PLAIN.items():
        if name in declared:
            found[oci] = {field: value for field, value in declared[name].items() if value != ""}
    if "pids" in found:
        found["pids"].setdefault("limit", 0)
    if "blockio" in declared:
        found["blockIO"] = _blockio(declared["blockio"])
    if declared.get("hugepageLimits"):
        found["hugepageLimits"] = [
            without_empty({"pageSize": page_size(item.get("pageSize", 0))}) | {"limit": item.get("limit", 0)}
            for item in declared["hugepageLimits"]
        ]
    if "network" in declared:
        found["network"] = _network(declared["network"])
    return found


def page_size(size: int) -> str:
    """A page's size in bytes as the specification wants it: 2097152 is 2MB."""
    unit = 0
    while size and size % 1024 == 0 and unit < len(_UNITS) - 1:
        size, unit = size // 1024, unit + 1
    return f"{size}{_UNITS[unit]}" if size else ""


def _rule(rule: FrozenMap) -> dict[str, Any]:
    numbers = {name: rule[name] for name in ("major", "minor") if name in rule}
    return {"allow": rule.get("allow", False), **without_empty({name: rule.get(name) for name in ("type", "access")}), **numbers}


def _blockio(declared: FrozenMap) -> dict[str, Any]:
    found: dict[str, Any] = {name: declared[name] for name in ("weight", "leafWeight") if name in declared}
    for name, value in declared.items():
        if isinstance(value, tuple) and value:
            own = () if name == "weightDevice" else ("rate",)
            found[name] = [{**dict.fromkeys(("major", "minor", *own), 0), **device} for device in value]
    return found


def _network(declared: FrozenMap) -> dict[str, Any]:
    found: dict[str, Any] = {"classID": declared["classID"]} if "classID" in declared else {}
    if declared.get("priorities"):
        found["priorities"] = [{"name": item.get("name", ""), "priority": item.get("priority", 0)} for item in declared["priorities"]]
    return found
