"""All destinations by the scheme of their address. Opens nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lkbuild.base.errors import UsageError, nearest
from lkbuild.clouds.aws import Aws
from lkbuild.clouds.azure import Azure
from lkbuild.clouds.destination import Address, Destination
from lkbuild.clouds.gcp import Gcp
from lkbuild.clouds.openstack import OpenStack
from lkbuild.clouds.server import Folder, Server

_BY_SCHEME: Final[dict[str, Callable[[Address], Destination]]] = {
    "aws": Aws.at,
    "azure": Azure.at,
    "file": Folder.at,
    "gcp": Gcp.at,
    "http": Server.at,
    "https": Server.at,
    "openstack": OpenStack.at,
}


def destination(text: str) -> Destination:
    """The destination at an address. Raises UsageError where there is none, or what is asked of it makes no sense."""
    address = Address.parse(text)
    if address.scheme not in _BY_SCHEME:
        hint = nearest(address.scheme, _BY_SCHEME) or f"there are: {', '.join(_BY_SCHEME)}, and registries: HOST/NAME[:TAG]"
        raise UsageError(f"{address.scheme}:// is no destination", hint=hint)
    if not address.name:
        raise UsageError(f"{text} has no name", hint=f"{address.scheme}://NAME")
    return _BY_SCHEME[address.scheme](address)
