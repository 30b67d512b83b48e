"""What happens when transfers break off, processes die, and servers change their mind."""

import hashlib
import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

from lkbuild.base.digest import Digest
from lkbuild.base.errors import HostError


def test_a_fetch_brings_the_bytes_into_the_store(server, bench, body):
    seen = []
    digest = bench.fetch(server.serve("/x"), progress=lambda done, total: seen.append((done, total)))
    assert digest == Digest.of(body)
    assert bench.store.get_bytes(digest) == body
    assert seen[-1] == (len(body), len(body))
    assert bench.left() == []


def test_what_is_stored_is_not_fetched_again(server, bench):
    url = server.serve("/x")
    assert bench.fetch(url) == bench.fetch(url)
    assert len(server.requests) == 1


def test_a_transfer_that_breaks_off_goes_on_where_it_stopped(server, bench, answer, body):
    url = server.serve("/x", answer(cut=700_000), answer(cut=500_000), answer())
    assert bench.store.get_bytes(bench.fetch(url)) == body
    assert server.ranges() == [None, "bytes=700000-", "bytes=1200000-"]
    assert [headers.get("If-Range") for _, headers in server.requests] == [None, '"one"', '"one"']


def test_a_file_that_changed_at_its_origin_is_fetched_from_the_start(server, bench, answer, body):
    url = server.serve("/x", answer(body=bytes(len(body)), cut=700_000, etag='"old"'), answer(etag='"new"'))
    assert bench.store.get_bytes(bench.fetch(url)) == body


def test_a_beginning_from_another_version_without_validator_is_dropped_once_it_proves_wrong(server, bench, answer, body):
    url = server.serve("/x", answer(body=bytes(len(body)), cut=700_000, etag=None), answer(etag=None))
    assert bench.store.get_bytes(bench.fetch(url)) == body
    assert server.ranges() == [None, "bytes=700000-", None]


def test_a_server_without_ranges_starts_anew(server, bench, answer, body):
    url = server.serve("/x", answer(cut=700_000), answer(ranges=False))
    assert bench.store.get_bytes(bench.fetch(url)) == body


def test_the_next_process_goes_on_where_one_was_stopped(server, bench, answer, body):
    url = server.serve("/x")

    def stop(done, total):
        if done >= 1 << 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.fetch(url, progress=stop)
    (size,) = [path.stat().st_size for path in bench.partials.iterdir() if not path.name.endswith(".origin")]
    assert size >= 1 << 20
    assert bench.store.get_bytes(bench.fetch(url)) == body
    assert server.ranges() == [None, f"bytes={size}-"]


CHILD = textwrap.dedent("""
    import sys
    from pathlib import Path
    from lkbuild.fetch.fetcher import HttpFetcher
    from lkbuild.fetch.mirrors import Mirrors
    from lkbuild.fetch.transport import Transport, TransportSettings
    from lkbuild.store.disk import DiskStore
    store = DiskStore.open(Path(sys.argv[1]))
    fetcher = HttpFetcher(store.blobs, Mirrors(), Transport(TransportSettings()), Path(sys.argv[2]))
    fetcher.fetch((sys.argv[3],), sys.argv[4], int(sys.argv[5]), lambda done, total: print(done, flush=True))
""")


def test_a_killed_process_leaves_what_the_next_one_can_use(server, bench, answer, body, tmp_path):
    url = server.serve("/x", answer(stall=900_000), answer())
    arguments = [str(tmp_path / "store"), str(bench.partials), url, hashlib.sha256(body).hexdigest(), str(len(body))]
    child = subprocess.Popen([sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, text=True)
    done = 0
    while done < 900_000:
        done = int(child.stdout.readline())
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert bench.store.get_bytes(bench.fetch(url)) == body
    assert server.ranges() == [None, "bytes=900000-"]


def test_a_partial_that_rotted_on_disk_is_noticed(server, bench, answer, body):
    wanted = hashlib.sha256(body).hexdigest()
    bench.partials.mkdir()
    (bench.partials / wanted).write_bytes(b"x" * 1000)
    assert bench.store.get_bytes(bench.fetch(server.serve("/x"))) == body


def test_a_partial_that_is_longer_than_the_file_is_dropped(server, bench, body):
    bench.partials.mkdir()
    (bench.partials / hashlib.sha256(body).hexdigest()).write_bytes(body + b"x")
    assert bench.store.get_bytes(bench.fetch(server.serve("/x"))) == body


def test_a_partial_longer_than_a_file_of_unknown_size_is_dropped(server, bench, body):
    bench.partials.mkdir()
    (bench.partials / hashlib.sha256(body).hexdigest()).write_bytes(body + b"x")
    assert bench.store.get_bytes(bench.fetch(server.serve("/x"), size=None)) == body


def test_a_partial_that_is_whole_needs_no_network(server, bench, body):
    bench.partials.mkdir()
    (bench.partials / hashlib.sha256(body).hexdigest()).write_bytes(body)
    assert bench.fetch(server.serve("/x")) == Digest.of(body)
    assert server.requests == []


def test_a_stalled_transfer_is_broken_off_and_goes_on(server, bench, answer, body):
    url = server.serve("/x", answer(stall=300_000), answer())
    assert bench.store.get_bytes(bench.fetch(url, quiet_s=0.3)) == body
    assert server.ranges()[-1] == "bytes=300000-"


def test_two_at_once_fetch_a_file_once(server, bench, answer):
    go = threading.Event()
    url = server.serve("/x", answer(wait=go))
    results = []
    threads = [threading.Thread(target=lambda: results.append(bench.fetch(url))) for _ in range(4)]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join()
    assert len(set(results)) == 1
    assert len(results) == 4
    assert len(server.requests) == 1


def test_a_fetch_that_waits_for_another_can_be_stopped(server, bench, answer):
    go = threading.Event()
    url = server.serve("/x", answer(wait=go))
    first = threading.Thread(target=lambda: bench.fetch(url))
    first.start()
    while not server.requests:
        pass

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.fetch(url, progress=stop)
    go.set()
    first.join()


def test_a_full_disk_is_an_error_of_the_host_and_not_of_the_mirror(server, bench, monkeypatch):
    def full(handle, data):
        raise OSError(28, "No space left on device")

    url = server.serve("/x")
    monkeypatch.setattr("lkbuild.fetch.partial.os.write", full)
    with pytest.raises(HostError):
        bench.fetch(url)
    assert len(server.requests) == 1
