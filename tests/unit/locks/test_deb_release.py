from datetime import UTC, datetime

import pytest

from lkbuild.base.errors import LockError
from lkbuild.locks.deb.release import load_keyring, verify_release

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def verify(data, keyring, **changes):
    arguments = {"keyring": keyring, "suite": "trixie", "now": NOW, "not_before": None, **changes}
    return verify_release(data, **arguments)


@pytest.fixture
def release(archive, key, signed):
    archive.add("amd64", "a")
    return signed(key, archive.release())


def test_a_signed_index_is_read(release, keyring, archive):
    found = verify(release, keyring)
    file = found.files["main/binary-amd64/Packages.xz"]
    assert (found.suite, found.codename) == ("stable", "trixie")
    assert found.date == datetime(2026, 9, 12, 7, 55, 41, tzinfo=UTC)
    assert file.size == len(archive.files["main/binary-amd64/Packages.xz"])
    assert file.by_hash == f"main/binary-amd64/by-hash/SHA256/{file.sha256}"
    assert found.signed_by == (load_keyring(keyring)[0].fingerprint,)


@pytest.mark.parametrize("suite", ["trixie", "stable"])
def test_suite_and_codename_are_both_names_of_it(release, keyring, suite):
    assert verify(release, keyring, suite=suite)


def test_another_suite_is_refused(release, keyring):
    with pytest.raises(LockError):
        verify(release, keyring, suite="bookworm")


def test_one_changed_byte_is_refused(release, keyring):
    with pytest.raises(LockError):
        verify(release.replace(b"Origin: Test", b"Origin: Tesu"), keyring)


def test_a_key_that_is_not_in_the_keyring_is_refused(release, other_keyring):
    with pytest.raises(LockError):
        verify(release, other_keyring)


def test_one_good_signature_of_a_keyring_with_two_keys_is_enough(release, keyring, other_keyring):
    assert verify(release, other_keyring + "\n" + keyring)


def test_an_index_without_a_signature_is_refused(archive, keyring):
    with pytest.raises(LockError):
        verify(archive.release().encode(), keyring)


def test_text_outside_the_signed_part_counts_for_nothing(release, keyring):
    forged = b"SHA256:\n " + b"0" * 64 + b" 1 main/binary-amd64/Packages.xz\n\n"
    for data in (forged + release, release + forged):
        try:
            found = verify(data, keyring)
        except LockError:
            continue
        assert found.files["main/binary-amd64/Packages.xz"].sha256 != "0" * 64


def test_an_expired_index_is_refused(archive, key, signed, keyring):
    archive.extra = "Valid-Until: Sun, 01 Nov 2026 00:00:00 UTC\n"
    with pytest.raises(LockError):
        verify(signed(key, archive.release()), keyring)


def test_an_index_that_is_still_valid_is_taken(archive, key, signed, keyring):
    archive.extra = "Valid-Until: Mon, 23 Nov 2026 00:00:00 UTC\n"
    assert verify(signed(key, archive.release()), keyring)


def test_an_index_from_the_future_is_refused(archive, key, signed, keyring):
    archive.date = "Wed, 25 Nov 2026 00:00:00 UTC"
    with pytest.raises(LockError):
        verify(signed(key, archive.release()), keyring)


def test_an_index_older_than_that_of_the_lock_is_refused_as_a_replay(release, keyring):
    with pytest.raises(LockError):
        verify(release, keyring, not_before=datetime(2026, 9, 12, 7, 55, 42, tzinfo=UTC))


def test_the_same_index_again_is_no_replay(release, keyring):
    assert verify(release, keyring, not_before=datetime(2026, 9, 12, 7, 55, 41, tzinfo=UTC))


@pytest.mark.parametrize("date", ["yesterday", ""])
def test_an_index_without_a_readable_date_is_refused(archive, key, signed, keyring, date):
    archive.date = date
    with pytest.raises(LockError):
        verify(signed(key, archive.release()), keyring)


@pytest.mark.parametrize("text", ["", "no keys", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n"])
def test_a_keyring_without_keys_is_refused(text):
    with pytest.raises(LockError):
        load_keyring(text)
