"""Addresses of destinations, file servers and folders."""

import http.server
import threading
from contextlib import contextmanager

import pytest

from lkbuild.base.errors import HostError, RemoteFailed, UsageError
from lkbuild.clouds.aws import Aws
from lkbuild.clouds.azure import Azure
from lkbuild.clouds.choose import destination
from lkbuild.clouds.destination import Disk
from lkbuild.clouds.gcp import Gcp
from lkbuild.clouds.openstack import OpenStack
from lkbuild.clouds.server import Folder, Server


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "box-efi.img"
    path.write_bytes(b"x" * 3_000_000)
    return Disk(path=path, name="box", arch="amd64", digest="0" * 64)


class Storage(http.server.BaseHTTPRequestHandler):
    """Keeps what is PUT, where the server's status says so."""

    def do_PUT(self):
        self.server.kept[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def storage(status=201):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Storage)
    server.kept, server.status, server.url = {}, status, f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_address_says_which_destination_and_with_what():
    assert destination("aws://docker-1.0?region=eu-west-1") == Aws(name="docker-1.0", region="eu-west-1")
    azure = destination("azure://docker-1.0?subscription=s&group=g&location=westeurope")
    assert azure == Azure(name="docker-1.0", subscription="s", resources="g", location="westeurope")
    assert destination("gcp://docker?project=p&bucket=b&family=f") == Gcp(name="docker", project="p", bucket="b", family="f")
    assert destination("openstack://docker?cloud=mine") == OpenStack(name="docker", cloud="mine")
    assert destination("https://files.example/a/?signature=x") == Server(url="https://files.example/a/?signature=x")
    assert str(destination("file:///srv/images").folder) == "/srv/images"


@pytest.mark.parametrize("text", ["azure://x?group=g", "gcp://x?project=p", "gcp://x?project=p&bucket=b&zone=z"])
def test_an_address_without_what_it_needs_or_with_something_else_is_refused(text):
    with pytest.raises(UsageError) as caught:
        destination(text)
    assert caught.value.hint


@pytest.mark.parametrize("text", ["ftp://x/y", "aws://", "aws://x?regoin=a", "aws://x?nonsense", "file:///x?a=b", "openstack://x?region=a"])
def test_an_address_that_makes_no_sense_is_refused(text):
    with pytest.raises(UsageError) as caught:
        destination(text)
    assert caught.value.hint or "key=value" in str(caught.value)


@pytest.mark.parametrize(("path", "stored"), [("/images/", "/images/box-efi.img"), ("/images/other.img", "/images/other.img")])
def test_a_file_server_has_the_disk_under_its_name(disk, path, stored):
    with storage() as server:
        assert Server(url=server.url + path).send(disk, lambda _: None) == server.url + stored
        assert server.kept == {stored: disk.path.read_bytes()}


def test_a_server_that_refuses_or_is_not_there_is_an_error(disk):
    with storage(status=405) as server, pytest.raises(RemoteFailed):
        Server(url=server.url + "/x").send(disk, lambda _: None)
    with pytest.raises(RemoteFailed):
        Server(url=server.url + "/x").send(disk, lambda _: None)


def test_a_folder_has_the_disk_whole_or_not_at_all(disk, tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    target = Folder(folder=place).send(disk, lambda _: None)
    assert target == str(place / "box-efi.img")
    assert (place / "box-efi.img").read_bytes() == disk.path.read_bytes()
    with pytest.raises(HostError):
        Folder(folder=tmp_path / "missing").send(disk, lambda _: None)


def test_a_disk_is_cut_into_blocks_without_those_that_are_zeros(tmp_path):
    path = tmp_path / "disk"
    path.write_bytes(b"aa" + bytes(2) + b"b")
    assert list(Disk(path=path, name="d", arch="amd64", digest="").blocks(2)) == [(0, b"aa"), (2, b"b\0")]
