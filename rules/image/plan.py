"""The boot plan of an image, image.json of docs/format/image.md, with places where layers' ids are stamped in. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lkbuild.model.artifact import Artifact

from .containers import Container

#: Gives the text that stands for a layer's id until the layer is built.
LayerId = Callable[[Artifact], str]


def boot_plan(
    *,
    hostname: str,
    runtime: str,
    root_layers: Sequence[Artifact],
    containers: Mapping[str, Sequence[tuple[Container, Sequence[Artifact]]]],
    volumes: Sequence[tuple[str, Sequence[Artifact], bool]],
    layer_id: LayerId,
) -> dict[str, Any]:
    """The plan.

    Args:
        hostname: of the machine.
        runtime: path of the OCI runtime.
        root_layers: the topmost first.
        containers: by section, each with its layers.
        volumes: (name, layers, readonly).
        layer_id: see LayerId.
    """
    return {
        "version": 1,
        "hostname": hostname,
        "runtime": runtime,
        "root_layers": [layer_id(layer) for layer in root_layers],
        "onboot": [_once(item, layers, layer_id) for item, layers in containers["onboot"]],
        "services": [_service(item, layers, layer_id) for item, layers in containers["services"]],
        "onshutdown": [_once(item, layers, layer_id) for item, layers in containers["onshutdown"]],
        "volumes": [
            {"name": name, "layers": [layer_id(layer) for layer in layers], "readonly": readonly} for name, layers, readonly in volumes
        ],
    }


def _common(container: Container, layers: Sequence[Artifact], layer_id: LayerId) -> dict[str, Any]:
    return {
        "name": container.name,
        "bundle": "/" + container.bundle,
        "layers": [layer_id(layer) for layer in layers],
        "readonly": container.fields.get("readonly", True),
    }


def _once(container: Container, layers: Sequence[Artifact], layer_id: LayerId) -> dict[str, Any]:
    supervision = container.supervision
    default = "halt" if container.section == "onboot" else "continue"
    return {
        **_common(container, layers, layer_id),
        "timeout_s": supervision.get("timeout_s", 120),
        "on_failure": supervision.get("on_failure", default),
    }


def _service(container: Container, layers: Sequence[Artifact], layer_id: LayerId) -> dict[str, Any]:
    supervision = container.supervision
    entry: dict[str, Any] = {
        **_common(container, layers, layer_id),
        "after": list(supervision.get("after", ())),
        "restart": supervision.get("restart", "always"),
        "restart_delay_s": supervision.get("restart_delay_s", 1),
        "restart_limit": supervision.get("restart_limit", 0),
        "ready_timeout_s": supervision.get("ready_timeout_s", 60),
        "stop_signal": supervision.get("stop_signal", "SIGTERM"),
        "stop_timeout_s": supervision.get("stop_timeout_s", 10),
    }
    ready = {name: value for name, value in (supervision.get("ready") or {}).items() if value is not None}
    if ready:
        entry["ready"] = {name: list(value) if isinstance(value, tuple) else value for name, value in ready.items()}
    return entry
