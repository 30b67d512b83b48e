"""Which answers are believed, and which mirror comes next."""

import hashlib
import ssl

import pytest
import trustme

from lkbuild.base.digest import Digest
from lkbuild.base.errors import FetchError, HostError
from lkbuild.fetch.pip_config import PypiSources


def test_wrong_bytes_are_an_error_with_both_digests_and_the_url(server, bench, answer, body):
    other = body[::-1]
    url = server.serve("/x", answer(body=other))
    with pytest.raises(FetchError) as caught:
        bench.fetch(url)
    for part in (url, hashlib.sha256(body).hexdigest(), hashlib.sha256(other).hexdigest()):
        assert part in caught.value.message
    assert bench.store.find_sha256(hashlib.sha256(body).hexdigest()) is None
    assert not bench.store.has(Digest.of(other))


@pytest.mark.parametrize("fault", [{"status": 404}, {"status": 500}, {"status": 403}, {"body": b"short"}, {"body": bytes(1 << 21)}])
def test_the_next_mirror_is_asked_where_one_has_the_wrong_thing_or_none(server, bench, answer, body, fault):
    bad, good = server.serve("/bad/pool/x.deb", answer(**fault)), server.serve("/good/pool/x.deb")
    found = bench.fetch("deb:pool/x.deb", deb=[bad.removesuffix("/pool/x.deb"), good.removesuffix("/pool/x.deb")])
    assert bench.store.get_bytes(found) == body


def test_the_dated_archive_is_asked_at_last(server, bench):
    server.serve("/snap/20260912T195541Z/pool/x.deb")
    bench.fetch("deb:pool/x.deb", "deb-snapshot:20260912T195541Z/pool/x.deb", deb=[f"{server.url}/debian"], snapshot=[f"{server.url}/snap"])
    assert [path for path, _ in server.requests] == ["/debian/pool/x.deb", "/snap/20260912T195541Z/pool/x.deb"]


def test_every_url_that_was_tried_is_in_the_error(server, bench, answer):
    server.serve("/a/x.deb", answer(status=404))
    server.serve("/b/x.deb", answer(status=403))
    with pytest.raises(FetchError) as caught:
        bench.fetch("deb:x.deb", deb=[f"{server.url}/a", f"{server.url}/b"])
    assert f"{server.url}/a/x.deb: HTTP 404" in caught.value.detail
    assert f"{server.url}/b/x.deb: HTTP 403" in caught.value.detail


def test_a_server_that_is_busy_is_asked_again_after_a_pause(server, bench, answer, body):
    url = server.serve("/x", answer(status=503, headers={"Retry-After": "7"}), answer(status=429), answer())
    assert bench.store.get_bytes(bench.fetch(url)) == body
    assert len(bench.slept) == 2
    assert bench.slept[0] == 7


def test_a_server_that_stays_down_is_given_up(server, bench, answer):
    url = server.serve("/x", answer(status=503))
    with pytest.raises(FetchError):
        bench.fetch(url)
    assert len(server.requests) == 4


def test_a_server_that_sends_a_little_each_time_is_not_given_up(server, bench, answer, body):
    url = server.serve("/x", *[answer(cut=200_000) for _ in range(10)], answer())
    assert bench.store.get_bytes(bench.fetch(url)) == body


def test_nothing_larger_than_the_lock_says_is_read(server, bench, answer, body):
    url = server.serve("/x", answer(body=body * 4, length=False))
    seen = []
    with pytest.raises(FetchError):
        bench.fetch(url, progress=lambda done, total: seen.append(done))
    assert max(seen) <= len(body)


def test_a_declared_length_beyond_the_locks_is_refused_before_a_byte_is_read(server, bench, answer, body):
    seen = []
    with pytest.raises(FetchError):
        bench.fetch(server.serve("/x", answer(body=body * 4)), progress=lambda done, total: seen.append(done))
    assert seen == []


def test_a_file_that_ends_early_without_saying_so_is_not_taken(server, bench, answer, body):
    url = server.serve("/x", answer(body=body[:1000], length=False))
    with pytest.raises(FetchError):
        bench.fetch(url)


def test_a_file_of_unknown_size_is_taken_by_its_digest(server, bench, answer, body):
    url = server.serve("/x", answer(length=False))
    assert bench.store.get_bytes(bench.fetch(url, size=None)) == body


def test_redirects_are_followed(server, bench, answer, body):
    server.serve("/there")
    url = server.serve("/here", answer(status=302, body=b"", headers={"Location": "/there"}))
    assert bench.store.get_bytes(bench.fetch(url)) == body


def test_a_redirect_that_never_ends_is_given_up(server, bench, answer):
    url = server.serve("/here", answer(status=302, body=b"", headers={"Location": "/here"}))
    with pytest.raises(FetchError):
        bench.fetch(url, attempts=2)


def test_nobody_there_is_an_error(bench):
    with pytest.raises(FetchError):
        bench.fetch("http://127.0.0.1:9/x", attempts=2)


def test_offline_fetches_nothing_and_says_what_is_missing(server, bench):
    with pytest.raises(FetchError) as caught:
        bench.fetch(server.serve("/x.deb"), offline=True)
    assert "x.deb" in caught.value.message
    assert "lkbuild fetch" in caught.value.hint
    assert server.requests == []


def test_offline_gives_what_is_stored(server, bench, body):
    url = server.serve("/x")
    bench.fetch(url)
    assert bench.fetch(url, offline=True) == Digest.of(body)


def test_an_empty_file_can_be_fetched(server, bench, answer):
    assert bench.fetch(server.serve("/x", answer(body=b"")), body=b"") == Digest.of(b"")


def test_a_file_url_is_read_from_the_disk(bench, body, tmp_path):
    (tmp_path / "with space").write_bytes(body)
    assert bench.fetch((tmp_path / "with space").as_uri()) == Digest.of(body)


def test_passwords_of_a_mirror_are_in_no_error(server, bench):
    with pytest.raises(FetchError) as caught:
        bench.fetch("deb:x.deb", deb=[server.url.replace("http://", "http://me:secret@")])
    assert "secret" not in f"{caught.value.message}{caught.value.detail}"


def test_a_python_file_is_found_in_the_first_index_that_lists_it(server, bench, answer, body):
    server.serve("/one/foo-bar/", answer(body=b"<a href='other.whl'>", headers={"Content-Type": "text/html"}))
    server.serve("/two/foo-bar/", answer(body=b"<a href='../../f/foo_bar-1.whl#sha256=00'>", headers={"Content-Type": "text/html"}))
    server.serve("/f/foo_bar-1.whl")
    indexes = PypiSources(indexes=(f"{server.url}/none", f"{server.url}/one", f"{server.url}/two"))
    assert bench.store.get_bytes(bench.fetch("pypi:Foo.Bar/foo_bar-1.whl", pypi=indexes)) == body


def test_a_python_file_may_lie_in_a_folder_of_links(bench, body, tmp_path):
    (tmp_path / "foo-1.whl").write_bytes(body)
    assert bench.fetch("pypi:foo/foo-1.whl", pypi=PypiSources(indexes=(), find_links=(str(tmp_path),))) == Digest.of(body)


def test_a_python_file_that_no_index_lists_is_an_error_with_the_pages(server, bench, answer):
    server.serve("/one/foo/", answer(body=b"<html>", headers={"Content-Type": "text/html"}))
    with pytest.raises(FetchError) as caught:
        bench.fetch("pypi:foo/foo-1.whl", pypi=PypiSources(indexes=(f"{server.url}/one",)))
    assert f"{server.url}/one/foo/" in caught.value.detail


def test_an_unverified_page_has_a_limit(server, bench, answer):
    url = server.serve("/InRelease", answer(body=b"x" * 5000))
    fetcher = bench.fetcher()
    assert fetcher.read((url,), sha256=None, size=None, limit=5000) == b"x" * 5000
    with pytest.raises(FetchError):
        fetcher.read((url,), sha256=None, size=None, limit=4999)


def test_an_unverified_page_goes_to_the_next_mirror(server, bench, answer):
    server.serve("/b/dists/InRelease", answer(body=b"here"))
    fetcher = bench.fetcher(deb=[f"{server.url}/a", f"{server.url}/b"])
    assert fetcher.read(("deb:dists/InRelease",), sha256=None, size=None, limit=100) == b"here"


def test_a_verified_page_is_kept_in_the_store(server, bench, answer, body):
    fetcher = bench.fetcher()
    url = server.serve("/x")
    for _ in range(2):
        assert fetcher.read((url,), sha256=hashlib.sha256(body).hexdigest(), size=len(body), limit=1 << 30) == body
    assert len(server.requests) == 1


def test_a_proxy_is_asked_for_what_is_not_excepted(server, bench, body):
    server.serve("http://mirror.invalid/x")
    assert bench.store.get_bytes(bench.fetch("http://mirror.invalid/x", http_proxy=server.url)) == body
    with pytest.raises(FetchError):
        bench.fetch(f"{server.url}/none", body=b"another", http_proxy="http://127.0.0.1:9", no_proxy="127.0.0.1")
    assert [path for path, _ in server.requests] == ["http://mirror.invalid/x", "/none"]


def test_certificates_that_can_not_be_read_are_an_error_of_the_host(server, bench, tmp_path):
    with pytest.raises(HostError):
        bench.fetch(server.serve("/x"), ca_file=str(tmp_path / "none.pem"))


@pytest.fixture
def encrypted(server, tmp_path):
    """An HTTPS server whose authority no system knows, and that authority's certificate."""
    authority, cert = trustme.CA(), tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(cert))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server.encrypt(context)
    return server, cert


def test_a_certificate_that_nobody_vouches_for_is_refused_at_once(encrypted, bench):
    server, _ = encrypted
    with pytest.raises(FetchError) as caught:
        bench.fetch(server.serve("/x").replace("http:", "https:"))
    assert "certificate" in caught.value.detail
    assert bench.slept == []


def test_a_certificate_of_the_users_bundle_is_trusted(encrypted, bench, body):
    server, cert = encrypted
    url = server.serve("/x").replace("http:", "https:")
    assert bench.store.get_bytes(bench.fetch(url, ca_file=str(cert))) == body
