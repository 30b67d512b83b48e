"""`lkbuild cache serve --init` makes what is missing and nothing else."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from lkbuild.app.options import BuildOptions
from lkbuild.app.service import certificates
from lkbuild.app.service.initialise import initialise
from lkbuild.app.trust import keygen
from lkbuild.base.errors import LoadError, UsageError
from lkbuild.loading.cache_policy import load_cache_policy
from lkbuild.loading.serve_policy import load_serve_policy
from lkbuild.model.cache_policy import PROMOTED, key_text


@pytest.fixture
def init(tmp_path):
    def run(*names, partners=(), key=None):
        options = BuildOptions(cwd=tmp_path, cache=tmp_path, signing_key=key, environment={"HOME": str(tmp_path)})
        return initialise(options, tmp_path / "cache", names, partners)

    return run


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


def certificate(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_new_folder_has_a_policy_an_authority_a_server_and_clients(init, folder):
    told = init("cache.example.com", partners=("arm",))
    policy = load_serve_policy(folder)
    assert policy.names == ("cache.example.com", "localhost", "127.0.0.1")
    assert told["serves"] == ["grpcs://cache.example.com:8980/main", "grpcs://cache.example.com:8981/partner/arm"]
    assert [client["name"] for client in told["clients"]] == ["ci", "team", "partner-arm"]
    assert all(Path(path).exists() for path in told["made"])


def test_nobody_else_may_read_a_key(init, folder):
    init("a")
    keys = [*folder.glob("*.key"), *folder.glob("clients/*/key.pem")]
    assert len(keys) == 4
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_client_is_told_apart_from_a_server(init, folder):
    init("a")
    client, server = certificate(folder / "clients/ci/certificate.pem"), certificate(folder / "server.pem")
    assert client.subject.rfc4514_string() == "CN=ci"
    alternative = client.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert alternative.get_values_for_type(x509.UniformResourceIdentifier) == ["urn:lkbuild:client:ci"]
    usages = [list(item.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) for item in (client, server)]
    assert usages == [[ExtendedKeyUsageOID.CLIENT_AUTH], [ExtendedKeyUsageOID.SERVER_AUTH]]
    for item in (client, server):
        item.verify_directly_issued_by(certificate(folder / "ca.pem"))


def test_a_second_time_changes_nothing(init, folder):
    init("a", partners=("arm",))
    before = contents(folder)
    assert init()["made"] == []
    assert contents(folder) == before


def test_a_client_that_was_added_gets_a_certificate_and_all_others_keep_theirs(init, folder):
    init("a")
    before = contents(folder)
    file = folder / "serve.yaml"
    file.write_text(file.read_text().replace("      team:", "      robot: [read-blobs]\n      team:"))
    assert {Path(path).parent.name for path in init()["made"]} == {"robot"}
    assert {path for path, data in contents(folder).items() if before.get(path, data) != data} == {file}


def test_a_server_of_another_name_gets_another_certificate(init, folder):
    init("a")
    file = folder / "serve.yaml"
    file.write_text(file.read_text().replace("names: [a,", "names: [b,"))
    assert {Path(path).name for path in init()["made"]} == {"server.pem", "server.key"}
    names = certificate(folder / "server.pem").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "b" in names.get_values_for_type(x509.DNSName)


def test_what_ends_soon_is_made_anew(init, folder, monkeypatch):
    init("a")
    now = certificates.now_utc()
    monkeypatch.setattr(certificates, "now_utc", lambda: now + timedelta(days=certificates.CLIENT_DAYS - certificates.RENEWED_DAYS + 1))
    assert {Path(path).name for path in init()["made"]} == {"server.pem", "server.key", "certificate.pem", "key.pem"}


def test_without_the_key_of_the_authority_nothing_is_issued_and_nothing_is_needed_for_what_is_there(init, folder):
    init("a")
    (folder / "ca.key").unlink()
    assert init()["made"] == []
    (folder / "clients/ci/certificate.pem").unlink()
    with pytest.raises(UsageError):
        init()


def test_a_key_of_another_authority_is_refused(init, folder):
    init("a")
    (folder / "ca.key").write_bytes((folder / "server.key").read_bytes())
    (folder / "clients/ci/certificate.pem").unlink()
    with pytest.raises(UsageError):
        init()


def test_a_policy_that_is_there_is_not_overwritten(init):
    init("a")
    with pytest.raises(UsageError):
        init("b")
    with pytest.raises(UsageError):
        init(partners=("x",))


@pytest.mark.parametrize(("names", "partners"), [(("a b",), ()), (("a",), ("X",)), (("a",), ("x", "x"))])
def test_a_name_that_is_none_leaves_no_policy_behind(init, folder, names, partners):
    with pytest.raises((LoadError, UsageError)):
        init(*names, partners=partners)
    assert not (folder / "serve.yaml").exists()


def test_each_client_has_a_policy_that_lkbuild_reads(init, folder, tmp_path):
    key = tmp_path / "ours.key"
    public = keygen(key)["public"]
    init("a", partners=("arm",), key=key)
    for client, namespaces in {"ci": ["main", "partner/arm"], "team": ["main"], "partner-arm": ["partner/arm"]}.items():
        root = tmp_path / client
        (root / "cache").mkdir(parents=True)
        (root / "cache/cache.yaml").write_bytes((folder / "clients" / client / "cache.yaml").read_bytes())
        found = load_cache_policy(root)
        assert [remote.namespace for remote in found.remotes] == namespaces
        assert [remote.publish == PROMOTED for remote in found.remotes] == [False, client == "ci"][: len(namespaces)]
        assert {remote.certificate for remote in found.remotes} == {f"~/.config/lkbuild/{client}/certificate.pem"}
        assert [(key_text(item.public), sorted(item.namespaces)) for item in found.keys] == [(public, namespaces)]
