"""Whether a server of the Remote Execution API answers. Asks once and waits for nobody."""

from __future__ import annotations

from lkbuild.remote.address import parse_address
from lkbuild.remote.channel import Channel, ChannelSettings
from lkbuild.remote.faults import Fault
from lkbuild.remote.reapi import ReapiClient
from lkbuild.remote.tally import Tally


def answers(url: str) -> bool:
    """Whether it tells its capabilities now. Raises HostError where gRPC is not installed."""
    address = parse_address(url)
    channel = Channel(address, ChannelSettings(), Tally())
    try:
        ReapiClient(channel, address.instance).connect()
    except Fault:
        return False
    finally:
        channel.close()
    return True
