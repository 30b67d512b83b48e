"""`lkbuild lock update` against a mirror that is in the middle of an update: an archive in a folder, signed by the test's own key."""

import hashlib
import lzma

import pytest
from pysequoia import SignatureMode, Tsk, sign

BUILD = """\
targets:
  lock: {rule: deb_lock, suite: trixie, arches: [amd64, s390x], keyring: key.asc, lock: debian.lock, packages: [hello]}
"""


class Mirror:
    """A mirror of an archive of one package."""

    def __init__(self, folder):
        self.folder = folder
        self.key = Tsk.generate("Archive of the test <archive@example.org>")

    def publish(self, version, date, *, without=()):
        """An index of the whole archive; the files of some architectures have not come yet."""
        rows = ""
        for arch in ("amd64", "s390x"):
            path = f"main/binary-{arch}/Packages.xz"
            digest = hashlib.sha256(f"{version}{arch}".encode()).hexdigest()
            fields = f"Package: hello\nVersion: {version}\nArchitecture: {arch}\nFilename: pool/hello_{version}_{arch}.deb\n"
            data = lzma.compress(f"{fields}Size: 100\nSHA256: {digest}\n".encode())
            sha256 = hashlib.sha256(data).hexdigest()
            rows += f" {sha256} {len(data)} {path}\n"
            if arch not in without:
                for name in (path, f"main/binary-{arch}/by-hash/SHA256/{sha256}"):
                    file = self.folder / "dists/trixie" / name
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(data)
        head = f"Suite: stable\nCodename: trixie\nDate: {date}\nAcquire-By-Hash: yes\nArchitectures: amd64 s390x\nComponents: main\n"
        release = sign(self.key.signer(), f"{head}SHA256:\n{rows}".encode(), mode=SignatureMode.CLEAR)
        (self.folder / "dists/trixie/InRelease").write_bytes(release)


@pytest.fixture
def mirror(tmp_path):
    return Mirror(tmp_path / "mirror")


@pytest.fixture
def locked(ws, mirror):
    ws.write("BUILD.yaml", f"workspace: {{name: test}}\n{BUILD}")
    ws.write("key.asc", str(mirror.key.extract_certificate()))
    mirror.publish("1.0", "Sat, 12 Sep 2026 07:55:41 UTC")
    here = ws.with_(LKBUILD_DEB_MIRROR=f"file://{mirror.folder}")
    assert here.lkbuild("lock", "update", "//:lock").returncode == 0
    return here


def entries(ws):
    return [line.split()[:3] for line in (ws.root / "debian.lock").read_text().splitlines() if not line.startswith("#")]


def test_where_one_architectures_index_has_not_come_the_others_can_be_updated(locked, mirror):
    mirror.publish("2.0", "Sat, 10 Oct 2026 07:55:41 UTC", without=["s390x"])
    report = locked.lkbuild("lock", "update", "--json", "//:lock")
    assert report.returncode == 48
    assert "s390x" in report.stdout
    assert "--arch amd64" in report.stdout
    assert entries(locked) == [["amd64", "hello", "1.0"], ["s390x", "hello", "1.0"]], "a lock is written whole, or not at all"
    done = locked.lkbuild("lock", "update", "--arch", "amd64", "//:lock")
    assert (done.returncode, done.stdout) == (0, "debian.lock: ~ hello 1.0 -> 2.0 (amd64)\n"), done.stderr
    assert entries(locked) == [["amd64", "hello", "2.0"], ["s390x", "hello", "1.0"]]
    assert locked.lkbuild("lock", "check").returncode == 0


def test_of_several_architectures_it_is_one_lock(locked, mirror):
    mirror.publish("2.0", "Sat, 10 Oct 2026 07:55:41 UTC")
    done = locked.lkbuild("lock", "update", "--arch", "all", "//:lock")
    assert (done.returncode, done.stdout) == (0, "debian.lock: ~ hello 1.0 -> 2.0 (amd64, s390x)\n"), done.stderr
