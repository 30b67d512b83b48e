"""An image that others have built, on a machine that has nothing: docker-desktop from a remote, against moving the same bytes plainly.

The image is built into the user's store where it is not there yet, and promoted from there to buildbox-casd on this machine, which speaks
SHA-256. What is measured is the whole command with an empty store: once for the image as it was promoted, once with one service left out,
so that all but what is packed of it comes from the remote. The peer moves the bytes that came down through a loopback connection to a file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from harness.casd import casd
from harness.workspace import Workspace, copy_of_repository
from measure import LKBUILD, arguments, best, report, run
from remote import loopback, timed

from lkbuild.cli.options import default_cache

IMAGE = ("//images:docker-desktop", "--config=quick")
KEPT = "      - //pkg/host\n"
LEFT_OUT = "      - //pkg/trim\n" + KEPT


def promoted(folder: Path, url: str) -> Workspace:
    """The image on the server; a workspace that trusts who put it there."""
    ours = copy_of_repository(folder / "ours", default_cache({"HOME": str(Path.home())}))
    public = json.loads(ours.lkbuild("cache", "keygen", "ci.key", "--json").stdout)["public"]
    ours.write("cache/cache.yaml", f"remotes: [{{url: '{url}', publish: promoted, rights: [write-blobs, write-results]}}]\n")
    done = ours.lkbuild("cache", "promote", *IMAGE, "--to=main", "--signing-key=ci.key", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    print(f"\npromoted: {told['results']} results, {told['remotes'][0]['blobs']} blobs, {told['remotes'][0]['bytes'] / 1e6:.0f} MB")
    theirs = copy_of_repository(folder / "theirs", folder)
    theirs.write("cache/cache.yaml", f"remotes: [{{url: '{url}'}}]\nkeys: [{{name: ci, public: '{public}'}}]\n")
    return theirs


def measure(name: str, workspace: Workspace, folder: Path, runs: int) -> None:
    """Build with nothing, each time, and move as many bytes."""
    events = folder / "events"
    command = [str(LKBUILD), "build", *IMAGE, "--trust=strict", f"--events={events}"]
    stores = [str(folder / f"store {name} {number}") for number in range(runs)]
    measured = best([run(command, workspace.root, LKBUILD_CACHE=store) for store in stores])
    told = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
    use = told[-1]["remote"]
    peer = best([timed(lambda: loopback(use["bytes_down"], folder / "raw")) for _ in range(runs)])
    report(name, [("lkbuild, an empty store", measured, None), ("loopback and disk", peer, None)], peer="loopback and disk")
    ran = sum(line.get("source") == "executed" for line in told)
    print(f"  {ran} actions executed, {use['round_trips']} requests, {use['bytes_down'] / 1e6:.1f} MB down")


def main() -> None:
    given = arguments(__doc__, runs=3)
    given.folder.mkdir(parents=True, exist_ok=True)
    with casd(given.folder / "server") as url:
        workspace = promoted(given.folder, url)
        measure("docker-desktop from a remote", workspace, given.folder, given.runs)
        workspace.edit("images/BUILD.yaml", LEFT_OUT, KEPT)
        measure("docker-desktop without one service", workspace, given.folder, given.runs)


if __name__ == "__main__":
    main()
