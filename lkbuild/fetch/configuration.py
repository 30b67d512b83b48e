"""Reads what the user and the host say about mirrors, proxies and certificates: the only place where these files are opened.

The environment is an argument, as is the home folder: lkbuild.app reads both.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from lkbuild.base.errors import UsageError
from lkbuild.fetch.apt_sources import parse_sources
from lkbuild.fetch.mirrors import Mirrors, choose, parse_configured, parse_oci
from lkbuild.fetch.pip_config import parse_pip
from lkbuild.fetch.registry import AskHelper, credentials_of
from lkbuild.fetch.transport import TransportSettings


def load_mirrors(environment: Mapping[str, str], home: Path, *, root: Path = Path("/")) -> Mirrors:
    """The mirrors to use. `root` is where the host's own configuration lies. Raises UsageError for a bad configuration file."""
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    own = config / "lkbuild" / "config.yaml"
    try:
        data = yaml.safe_load(_text(own))
    except yaml.YAMLError as error:
        raise UsageError(f"{own} is no YAML: {error}") from error
    apt = root / "etc/apt"
    listed = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list")), *sorted((apt / "sources.list.d").glob("*.sources"))]
    return choose(
        configured=parse_configured(data, str(own)),
        variable=environment.get("LKBUILD_DEB_MIRROR"),
        apt=parse_sources((path.name, _text(path)) for path in listed),
        pip=parse_pip(map(_text, _pip_files(environment, home, config, root)), environment),
        oci=parse_oci(data, str(own), environment.get("LKBUILD_OCI_MIRROR")),
    )


def load_transport(environment: Mapping[str, str]) -> TransportSettings:
    """Proxies and certificates as curl, pip and OpenSSL name them."""

    def either(name: str) -> str | None:
        return environment.get(name) or environment.get(name.upper()) or None

    bundle = next((environment[name] for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if environment.get(name)), None)
    return TransportSettings(
        http_proxy=environment.get("http_proxy") or either("all_proxy"),  # HTTP_PROXY is left out: a CGI request can set it (httpoxy)
        https_proxy=either("https_proxy") or either("all_proxy"),
        no_proxy=either("no_proxy") or "",
        ca_file=bundle,
        ca_folder=environment.get("SSL_CERT_DIR") or None,
    )


def load_docker(environment: Mapping[str, str], home: Path, host: str, ask: AskHelper) -> str | None:
    """`user:password` for a registry, as `docker login` has kept them. Raises UsageError for a configuration that can't be read."""
    place = Path(environment.get("DOCKER_CONFIG") or home / ".docker") / "config.json"
    return credentials_of(_text(place), host, str(place), ask)


def _pip_files(environment: Mapping[str, str], home: Path, config: Path, root: Path) -> list[Path]:
    named = environment.get("PIP_CONFIG_FILE")
    if named == "/dev/null":
        return []
    usual = [root / "etc/xdg/pip/pip.conf", root / "etc/pip.conf", home / ".pip/pip.conf", config / "pip/pip.conf"]
    return [*usual, Path(named)] if named else usual


def _text(path: Path) -> str:
    """A file's text; "" where it is not there or not ours to read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
