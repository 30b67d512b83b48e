"""The files of cache/deploy as values."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml
from harness.workspace import REPOSITORY

from lkbuild.loading.serve_policy import load_serve_policy

DEPLOY = REPOSITORY / "cache/deploy"
POLICY = load_serve_policy(DEPLOY)


def read(path: str) -> Any:
    """A file of a deployment. Those in JSON5 and Jsonnet are JSON with comments, and with text of other files in one place."""
    text = (DEPLOY / path).read_text(encoding="utf-8")
    if path.endswith(".yaml"):
        return yaml.safe_load(text)
    text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("//"))
    return json.loads(re.sub(r'importstr ("[^"]+")', r"\1", text))


def compose(server: str) -> dict[str, Any]:
    """The services of a deployment."""
    services: dict[str, Any] = read(f"{server}/compose.yaml")["services"]
    return services


def servers_behind_nginx(server: str) -> dict[str, str]:
    """The namespace of each `HOST:PORT` at which a deployment has a server behind nginx, by that server's own configuration."""
    if server == "bazel-remote":
        services = [name for name in compose(server) if name != "nginx"]
        addresses = {name: read(f"bazel-remote/{name}.yaml")["grpc_address"] for name in services}
        namespaces = {served.name.replace("/", "-"): served.name for served in POLICY.namespaces}  # it serves any: its name says which
        return {f"{name}:{_port(address)}": namespaces[name] for name, address in addresses.items()}
    aliases = compose(server)["nativelink"]["networks"]["default"]["aliases"]
    listening = {item["name"]: item for item in read("nativelink/nativelink.json5")["servers"]}
    return {
        f"{name}:{_port(listening[name]['listener']['http']['socket_address'])}": listening[name]["services"]["cas"][0]["instance_name"]
        for name in aliases
    }


def _port(address: str) -> str:
    return address.rpartition(":")[2]
