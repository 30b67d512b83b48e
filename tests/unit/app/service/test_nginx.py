"""Who may do what, as nginx is told."""

import re

import pytest

from lkbuild.app.service.nginx import INSTALLED, METHODS, folder_of, nginx_configuration
from lkbuild.model.cache_policy import READ_BLOBS, READ_RESULTS, WRITE_BLOBS, WRITE_RESULTS
from lkbuild.model.serve_policy import Served, ServePolicy

EVERYTHING = frozenset((READ_BLOBS, READ_RESULTS, WRITE_BLOBS, WRITE_RESULTS))
POLICY = ServePolicy(
    listen="192.0.2.1",
    names=("cache.example.com",),
    namespaces=(
        Served(name="main", port=8980, clients=(("ci", EVERYTHING), ("team", frozenset((READ_BLOBS, READ_RESULTS))))),
        Served(
            name="partner/arm",
            port=8981,
            server="10.0.0.1:9092",
            clients=(("partner-arm", frozenset((READ_BLOBS,))), ("gone", frozenset())),
        ),
        Served(name="files.d", port=8982, protocol="http", clients=(("ci", EVERYTHING), ("team", frozenset((READ_RESULTS,))))),
    ),
)


def test_the_configuration_of_a_policy(golden):
    golden("serve/nginx.conf", nginx_configuration(POLICY, INSTALLED))


def maps(text):
    """Of each variable, the subjects that it is 1 for."""
    found = {}
    for name, body in re.findall(r"map [^$]*\$ssl_client_s_dn \$(\w+) \{([^}]*)\}", text):
        found[name] = set(re.findall(r'"CN=([^"]*)" 1;', body))
    return found


@pytest.mark.parametrize(("number", "served"), list(enumerate(POLICY.namespaces[:2])))
@pytest.mark.parametrize("method", METHODS)
def test_a_method_is_for_those_who_have_a_right_to_it(number, served, method):
    text = nginx_configuration(POLICY, INSTALLED)
    block = text.split(f":{served.port} ssl;")[1]
    location = block.split(f"location = /{method} {{")[1].partition("\n    }")[0]
    (variable,) = re.findall(r"if \(\$(\w+) = 0\) \{ return 403; \}", location)
    assert maps(text)[variable] == {name for name, rights in served.clients if rights & set(METHODS[method])}
    assert location.index("return 403") < location.index("grpc_pass")


def test_two_namespaces_share_no_folder():
    names = ("a", "a/b", "a+b".replace("+", "-"), "http", "a.b")
    served = [Served(name=name, port=1, protocol=protocol) for name in names for protocol in ("grpc", "http")]
    assert len({folder_of(item) for item in served}) == len(served)
