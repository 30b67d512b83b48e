"""Against the archive itself, by the mirrors that this host is configured for: what fixtures can't tell."""

import contextlib
import hashlib
import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lkbuild.base.errors import FetchError
from lkbuild.fetch.configuration import load_mirrors, load_transport
from lkbuild.fetch.fetcher import HttpFetcher
from lkbuild.fetch.transport import Transport
from lkbuild.locks.deb.lockfile import check
from lkbuild.locks.deb.request import DebRequest
from lkbuild.locks.deb.update import update
from lkbuild.model.deb_lock import closure, parse_lock
from lkbuild.store.disk import DiskStore

pytestmark = pytest.mark.network

KEYRING = (Path(__file__).parents[2] / "pkg/debian/archive-key.asc").read_text(encoding="utf-8")
LOCK = Path(__file__).parents[2] / "pkg/debian/debian.lock"


@pytest.fixture
def fetcher(tmp_path):
    with DiskStore.open(tmp_path / "store") as store:
        mirrors = load_mirrors(os.environ, Path.home())
        yield HttpFetcher(store.blobs, mirrors, Transport(load_transport(os.environ)), tmp_path / "partial")


def whole(fetcher, arches):
    """Those architectures whose package index the mirror has that its signed index names: one in an update lacks some."""
    release = fetcher.read(("deb:dists/trixie/InRelease",), sha256=None, size=None, limit=4 << 20).decode("utf-8", "replace")
    found = []
    for arch in arches:
        sha256 = re.search(rf"^ ([0-9a-f]{{64}}) +\d+ main/binary-{arch}/Packages\.xz$", release, re.MULTILINE)[1]
        for name in (f"by-hash/SHA256/{sha256}", "Packages.xz"):
            with contextlib.suppress(FetchError):
                source = (f"deb:dists/trixie/main/binary-{arch}/{name}",)
                if hashlib.sha256(fetcher.read(source, sha256=None, size=None, limit=64 << 20)).hexdigest() == sha256:
                    found.append(arch)
                    break
    return found


@pytest.fixture
def arches(fetcher):
    """amd64 and one other."""
    found = whole(fetcher, ["amd64"])
    found += next(([arch] for arch in ("s390x", "arm64", "riscv64") if whole(fetcher, [arch])), [])
    if len(found) < 2 or found[0] != "amd64":
        pytest.skip(f"the mirror is in the middle of an update: it has the package indices that its own index names for {found} only")
    return found


@pytest.fixture
def wanted(arches):
    packages = [{"name": "busybox-static"}, {"name": "docker.io"}, {"name": "gcc-14", "arches": ["amd64"]}]
    fields = {"suite": "trixie", "components": ["main"], "arches": arches, "packages": packages, "keyring": KEYRING}
    return DebRequest.parse(json.dumps({**fields, "exclude": ["systemd"]}))


def test_the_archive_resolves_to_a_lock_that_fits_its_request(fetcher, wanted, arches):
    other = arches[1]
    text = update(wanted, "", fetcher.read, now=datetime.now(UTC))
    lock = parse_lock(text)
    assert check(wanted, text) == ()
    assert update(wanted, text, fetcher.read, now=datetime.now(UTC)) == text
    assert "gcc-14" not in lock.entries[other]
    assert {"runc", "containerd", "tini", "libc6"} <= {entry.name for entry in closure(lock, other, ["docker.io"])}
    assert "systemd" not in lock.entries["amd64"]


def test_the_smallest_package_of_our_own_lock_can_be_fetched(fetcher):
    entries = parse_lock(LOCK.read_text(encoding="utf-8")).entries["amd64"].values()
    entry = min(entries, key=lambda entry: entry.size)
    digest = fetcher.fetch((f"deb:{entry.path}",), entry.sha256, entry.size, lambda _done, _total: None)
    assert digest.size == entry.size
    data = fetcher.read((f"deb:{entry.path}",), sha256=entry.sha256, size=entry.size, limit=entry.size)
    assert hashlib.sha256(data).hexdigest() == entry.sha256
    assert data.startswith(b"!<arch>\n")
