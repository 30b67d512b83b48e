"""A push to OpenStack: what its SDK says to Glance, recorded by a server that answers as the Image API v2 does."""

import http.server
import json
import threading

import openstack
import pytest

from lkbuild.base.errors import RemoteFailed
from lkbuild.clouds.destination import Disk
from lkbuild.clouds.openstack import OpenStack

# The SDK warns of its own parts that are to go, whether they are used or not.
pytestmark = pytest.mark.filterwarnings("ignore")


class Glance(http.server.BaseHTTPRequestHandler):
    """One image: made, filled, shown."""

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(self.chunks())
        self.server.asked.append((self.command, self.path))
        status, told = 200, {}
        match self.command, self.path.rstrip("/"):
            case "GET", "" | "/v2":
                links = [{"rel": "self", "href": f"http://127.0.0.1:{self.server.server_port}/v2/"}]
                told = {"versions": [{"id": "v2.15", "status": "CURRENT", "links": links}]}
            case "POST", "/v2/images":
                self.server.image |= json.loads(body) | {"id": "1", "status": "queued"}
                status, told = self.server.status, self.server.image
            case "PUT", "/v2/images/1/file":
                self.server.content, status = body, 204
                self.server.image |= {"status": "active"}
            case "GET", "/v2/images/1":
                told = self.server.image
            case "GET", _:
                status, told = (200, {"images": []}) if "?" in self.path or self.path.endswith("images") else (404, {})
        data = b"" if status == 204 else json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def chunks(self):
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    do_GET = do_POST = do_PUT = do_PATCH = answer  # noqa: N815 - http.server finds them by these names

    def log_message(self, *_):
        pass


@pytest.fixture
def glance():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Glance)
    server.asked, server.image, server.content, server.status = [], {}, b"", 201
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "box-efi.qcow2"
    path.write_bytes(b"QFI\xfb" + b"x" * 100_000)
    return Disk(path=path, name="box", arch="amd64", digest="0" * 64)


def place(glance):
    url = f"http://127.0.0.1:{glance.server_port}"
    return OpenStack(
        name="docker",
        connect=lambda: openstack.connection.Connection(auth_type="none", auth={"endpoint": url}, image_endpoint_override=f"{url}/v2"),
    )


def test_the_image_has_the_disk_and_says_how_it_starts(glance, disk):
    assert place(glance).send(disk, lambda _: None) == "1"
    assert glance.content == disk.path.read_bytes()
    told = {
        key: glance.image[key] for key in ("name", "disk_format", "container_format", "hw_firmware_type", "architecture", "lkbuild_digest")
    }
    assert told == {
        "name": "docker",
        "disk_format": "qcow2",
        "container_format": "bare",
        "hw_firmware_type": "uefi",
        "architecture": "x86_64",
        "lkbuild_digest": disk.digest,
    }


def test_a_cloud_that_refuses_is_an_error(glance, disk):
    glance.status = 403
    with pytest.raises(RemoteFailed):
        place(glance).send(disk, lambda _: None)
