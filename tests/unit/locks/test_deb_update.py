from datetime import UTC, datetime

import pytest

from lkbuild.base.errors import LockError
from lkbuild.locks.deb.request import DebRequest
from lkbuild.locks.deb.update import update
from lkbuild.locks.kinds import KINDS
from lkbuild.model.deb_lock import parse_lock

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def lock(archive, request, old="", only=()):
    return update(DebRequest.parse(request), old, archive, now=NOW, only=only)


def test_a_lock_holds_each_architectures_closure(archive, request_text):
    archive.add("amd64", ("a", {"depends": "b"}), "b", "c")
    archive.add("arm64", ("a", {"arch": "arm64"}), ("b", {"arch": "arm64"}))
    text = lock(archive, request_text(["a", {"name": "c", "arches": ["amd64"]}], arches=["amd64", "arm64"]))
    entries = parse_lock(text).entries
    assert sorted(entries["amd64"]) == ["a", "b", "c"]
    assert sorted(entries["arm64"]) == ["a"]
    assert entries["amd64"]["a"].deps == ("b",)
    assert entries["amd64"]["a"].path == "pool/main/a/a/a_1.0_amd64.deb"


def test_the_lines_are_sorted_and_the_header_has_no_digest_of_the_whole(archive, request_text):
    archive.add("amd64", ("a", {"depends": "b, a-b, ab"}), "b", "a-b", "ab")
    lines = lock(archive, request_text(["a"])).splitlines()
    entries = [line for line in lines if not line.startswith("#")]
    assert entries == sorted(entries)
    assert "# date: 2026-09-12T07:55:41Z" in lines


def test_a_fresh_lock_is_what_its_request_asks_for(archive, request_text):
    archive.add("amd64", ("a", {"depends": "b"}), "b")
    request = request_text(["a"])
    assert KINDS["deb"].check(request, lock(archive, request)) == ()


def test_an_update_without_news_changes_no_byte(archive, request_text):
    archive.add("amd64", ("a", {"depends": "b"}), "b")
    first = lock(archive, request_text(["a"]))
    assert lock(archive, request_text(["a"]), first) == first


def test_indices_are_asked_for_by_digest_first(archive, request_text):
    archive.add("amd64", "a")
    lock(archive, request_text(["a"]))
    (_, none), (sources, sha256) = archive.asked
    assert none is None
    assert sources == (f"deb:dists/trixie/main/binary-amd64/by-hash/SHA256/{sha256}", "deb:dists/trixie/main/binary-amd64/Packages.xz")


def test_an_older_index_than_the_locks_is_refused(archive, request_text):
    archive.add("amd64", "a")
    newer = lock(archive, request_text(["a"])).replace("2026-09-12", "2026-10-12")
    with pytest.raises(LockError):
        lock(archive, request_text(["a"]), newer)


def test_a_lock_of_another_suite_holds_up_no_update(archive, request_text):
    archive.add("amd64", "a")
    other = lock(archive, request_text(["a"])).replace("2026-09-12", "2026-10-12").replace("suite: trixie", "suite: forky")
    assert lock(archive, request_text(["a"]), other)


def test_a_lock_that_can_not_be_read_is_not_overwritten(archive, request_text):
    archive.add("amd64", "a")
    with pytest.raises(LockError):
        lock(archive, request_text(["a"]), "<<<<<<< HEAD\n")


@pytest.mark.parametrize("changes", [{"components": ["universe"]}, {"arches": ["s390x"]}])
def test_what_the_suite_does_not_have_is_an_error(archive, request_text, changes):
    archive.add("amd64", "a")
    with pytest.raises(LockError):
        lock(archive, request_text(["a"], **changes))


@pytest.mark.parametrize("path", ["../../etc/x.deb", "/pool/x.deb", "pool/x y.deb", "pool/x.rpm"])
def test_an_index_with_a_path_that_leads_elsewhere_is_refused(archive, request_text, path):
    archive.add("amd64", ("a", {"filename": path}))
    with pytest.raises(LockError):
        lock(archive, request_text(["a"]))


LATER = "Sat, 10 Oct 2026 07:55:41 UTC"


@pytest.fixture
def both(archive, request_text):
    """A lock for two architectures, and an archive that has moved on since."""
    for arch in ("amd64", "arm64"):
        archive.add(arch, ("a", {"arch": arch}))
    old = lock(archive, request_text(["a"], arches=["amd64", "arm64"]))
    archive.date = LATER
    for arch in ("amd64", "arm64"):
        archive.add(arch, ("a", {"arch": arch, "version": "2.0"}))
    return old


def versions(text):
    return {arch: entries["a"].version for arch, entries in parse_lock(text).entries.items()}


def test_an_index_that_no_mirror_has_is_named_and_so_are_the_architectures_that_can_be_updated(archive, request_text, both):
    archive.lost = {"arm64"}
    with pytest.raises(LockError) as caught:
        lock(archive, request_text(["a"], arches=["amd64", "arm64"]), both)
    assert "arm64" in caught.value.message
    assert "--arch amd64" in caught.value.hint
    archive.lost = {"amd64", "arm64"}
    with pytest.raises(LockError) as caught:
        lock(archive, request_text(["a"], arches=["amd64", "arm64"]), both)
    assert "--arch" not in caught.value.hint


def test_some_architectures_are_resolved_anew_and_the_others_stay_with_the_date_of_their_index(archive, request_text, both):
    archive.lost = {"arm64"}
    request = request_text(["a"], arches=["amd64", "arm64"])
    text = lock(archive, request, both, only=["amd64", "riscv64"])
    assert versions(text) == {"amd64": "2.0", "arm64": "1.0"}
    found = parse_lock(text)
    assert (found.date_of("amd64"), found.date_of("arm64")) == ("2026-10-10T07:55:41Z", "2026-09-12T07:55:41Z")
    assert found.snapshot("arm64") == "20260912T075541Z"
    assert KINDS["deb"].check(request, text) == ()
    # Once more for the other, and they are of one index again.
    archive.lost = set()
    assert lock(archive, request, text, only=["arm64"]) == lock(archive, request)
    # A replay stays one.
    archive.date = "Sat, 12 Sep 2026 07:55:41 UTC"
    with pytest.raises(LockError):
        lock(archive, request, text, only=["arm64"])


def test_only_what_the_lock_holds_can_stay(archive, request_text, both):
    request = request_text(["a"], arches=["amd64", "arm64"])
    for old, only in (("", ["amd64"]), (both.replace("suite: trixie", "suite: forky"), ["amd64"]), (both, ["s390x"])):
        with pytest.raises(LockError):
            lock(archive, request, old, only=only)
