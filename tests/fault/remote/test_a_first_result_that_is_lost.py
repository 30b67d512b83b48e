"""The first result of an action stays, but not where the server has lost its bytes and does not know it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from harness.actions import OUTPUTS, make_publication
from harness.reapi_server import Behaviour, ReapiServer

from lkbuild.base.digest import Digest
from lkbuild.model.action import OutputFile


@pytest.fixture(params=[True, False], ids=["blake3", "sha256"])
def server(request):
    made = ReapiServer(Behaviour(blake3=request.param))
    yield made
    made.stop()


def test_a_result_whose_bytes_are_lost_gives_way_to_another(new_machine, server, tmp_path):
    first = new_machine("first", server.url)
    made = make_publication(first.store.blobs, tmp_path / "made", large=b"", name="x")
    first.remotes.publish(made)
    first.remotes.close()
    small = made.result.output("out/small")
    for name in [name for name, data in server.blobs.items() if Digest.of(data) == small.digest]:
        server.blobs[name] = b"damaged"

    second = new_machine("second", server.url)
    assert second.remotes.find_recipes({made.recipe: OUTPUTS})
    assert second.remotes.bring({small.digest}, ()) == {small.digest}
    blobs = second.store.blobs
    for folder in ("in", "toolchain", "out"):
        blobs.put_tree(tmp_path / "made" / folder)
    for data in (b"source", b"", b"a log\n"):
        blobs.put_bytes(data)
    other = OutputFile("out/small", blobs.put_bytes(b"made again, and differently\n"), executable=True)
    files = tuple(other if item.path == other.path else item for item in made.result.files)
    second.remotes.publish(replace(made, result=replace(made.result, files=files)))
    second.remotes.close()
    third = new_machine("third", server.url)
    assert third.remotes.find_recipes({made.recipe: OUTPUTS})[made.recipe].result.output("out/small") == other
