"""Small archives made in the test: packages by short notation, signed by a key of the test's own."""

import hashlib
import json
import lzma
from dataclasses import dataclass, field

import pytest
from pysequoia import SignatureMode, Tsk, sign

from lkbuild.base.errors import FetchError
from lkbuild.locks.deb.index import Index

DATE = "Sat, 12 Sep 2026 07:55:41 UTC"


def paragraph(name, version="1.0", arch="amd64", **fields):
    """A paragraph of an index; keyword `pre_depends` is the field Pre-Depends."""
    path = fields.pop("filename", None) or f"pool/main/{name[0]}/{name}/{name}_{version.rpartition(':')[2]}_{arch}.deb"
    lines = [f"Package: {name}", f"Version: {version}", f"Architecture: {arch}"]
    lines += [f"{key.replace('_', '-').title()}: {value}" for key, value in fields.items()]
    digest = hashlib.sha256(f"{name}{version}{arch}".encode()).hexdigest()
    return "\n".join([*lines, f"Filename: {path}", "Size: 100", f"SHA256: {digest}", "Description: not read\n over two lines"])


def text_of(*packages):
    """The text of an index: each package is keywords for `paragraph`, or (name, keywords)."""
    return "\n\n".join(paragraph(item) if isinstance(item, str) else paragraph(item[0], **item[1]) for item in packages) + "\n"


@pytest.fixture
def index():
    def make(*packages, arch="amd64"):
        made = Index(arch)
        made.add([text_of(*packages).encode()])
        return made

    return make


@pytest.fixture(scope="session")
def key():
    return Tsk.generate("Archive of the test <archive@example.org>")


@pytest.fixture(scope="session")
def other_key():
    return Tsk.generate("Somebody else <else@example.org>")


def armored(*keys):
    return "\n".join(str(one.extract_certificate()) for one in keys)


def clear_signed(key, text):
    return sign(key.signer(), text.encode(), mode=SignatureMode.CLEAR)


@dataclass
class Archive:
    """A mirror in memory: a `Download` for lkbuild.locks, which remembers what was asked for."""

    key: object
    suite: str = "stable"
    codename: str = "trixie"
    date: str = DATE
    extra: str = ""
    files: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)
    lost: set = field(default_factory=set)

    def add(self, arch, *packages, component="main"):
        self.files[f"{component}/binary-{arch}/Packages.xz"] = lzma.compress(text_of(*packages).encode())

    def release(self):
        rows = "".join(f" {hashlib.sha256(data).hexdigest()} {len(data)} {path}\n" for path, data in sorted(self.files.items()))
        return (
            f"Origin: Test\nSuite: {self.suite}\nCodename: {self.codename}\nDate: {self.date}\nAcquire-By-Hash: yes\n"
            f"Architectures: amd64 arm64\nComponents: main\n{self.extra}MD5Sum:\n 00 1 main/x\nSHA256:\n{rows}"
        )

    def __call__(self, sources, *, sha256, size, limit):
        self.asked.append((sources, sha256))
        for source in sources:
            path = source.removeprefix("deb:dists/trixie/")
            if any(f"binary-{arch}/" in path for arch in self.lost):
                continue
            if path == "InRelease":
                return clear_signed(self.key, self.release())
            for data in self.files.values():
                digest = hashlib.sha256(data).hexdigest()
                if digest == sha256 and path.endswith(digest):
                    return data
        raise FetchError(f"no {sources}")


@pytest.fixture
def archive(key):
    return Archive(key)


@pytest.fixture(scope="session")
def keyring(key):
    return armored(key)


@pytest.fixture(scope="session")
def other_keyring(other_key):
    return armored(other_key)


@pytest.fixture(scope="session")
def signed():
    return clear_signed


@pytest.fixture
def request_text(keyring):
    def make(packages, **changes):
        base = {"suite": "trixie", "components": ["main"], "arches": ["amd64"], "keyring": keyring}
        return json.dumps({**base, "packages": [{"name": name} if isinstance(name, str) else name for name in packages], **changes})

    return make
