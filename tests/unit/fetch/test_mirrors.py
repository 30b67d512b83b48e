from pathlib import Path

import pytest

from lkbuild.base.errors import UsageError
from lkbuild.fetch.apt_sources import parse_sources
from lkbuild.fetch.configuration import load_mirrors, load_transport
from lkbuild.fetch.mirrors import PUBLIC_DEBIAN, SNAPSHOT, Mirrors, choose, parse_configured, parse_oci, redacted
from lkbuild.fetch.pip_config import PUBLIC_INDEX, PypiSources, parse_pip
from lkbuild.fetch.transport import bypassed

DEB822 = """\
# a comment
Types: deb deb-src
URIs: http://mirror.example/debian/ https://second.example/debian
Suites: trixie trixie-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: trixie-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: trixie
Components: main
"""


@pytest.mark.parametrize(
    ("name", "text", "bases"),
    [
        ("debian.sources", DEB822, ("http://mirror.example/debian", "https://second.example/debian")),
        ("sources.list", "deb http://m.example/debian trixie main contrib\n", ("http://m.example/debian",)),
        ("a.list", "deb [arch=amd64 signed-by=/k.gpg] http://m.example/debian/ trixie main # here\n", ("http://m.example/debian",)),
        ("a.list", "# deb http://m.example/debian trixie main\n", ()),
        ("a.list", "deb-src http://m.example/debian trixie main\n", ()),
        ("a.list", "deb http://m.example/debian-security trixie-security main\n", ()),
        ("a.list", "deb http://m.example/debian trixie-updates main\n", ()),
        ("a.list", "deb http://m.example/debian trixie non-free\n", ()),
        ("a.list", "deb http://m.example/ubuntu noble main\n", ()),
        ("a.list", "deb https://vendor.example/apt stable main\n", ()),
        ("a.list", "deb cdrom:[Debian]/ trixie main\n", ()),
        ("a.list", "nonsense\n\n", ()),
    ],
)
def test_only_bases_of_the_main_archive_are_taken_from_apt(name, text, bases):
    assert parse_sources([(name, text)]) == bases


@pytest.mark.parametrize(
    ("configured", "variable", "apt", "bases"),
    [
        ({"deb": ("https://own/debian",)}, None, ("http://host/debian",), ("https://own/debian",)),
        ({"deb": ("https://own/debian",)}, "http://now/debian/", ("http://host/debian",), ("http://now/debian",)),
        ({}, None, ("http://host/debian",), ("http://host/debian", PUBLIC_DEBIAN)),
        ({}, None, (), (PUBLIC_DEBIAN,)),
    ],
)
def test_the_users_mirror_goes_before_the_hosts_and_that_before_the_public_one(configured, variable, apt, bases):
    assert choose(configured=configured, variable=variable, apt=apt, pip=PypiSources()).deb == bases


def test_sources_become_urls_below_each_base():
    mirrors = Mirrors(deb=("http://a/debian", "http://b/debian"))
    assert mirrors.urls("deb:pool/main/g/g++/g++_1~2_all.deb") == (
        "http://a/debian/pool/main/g/g++/g++_1~2_all.deb",
        "http://b/debian/pool/main/g/g++/g++_1~2_all.deb",
    )
    assert mirrors.urls("deb-snapshot:20260912T195541Z/pool/x.deb") == (f"{SNAPSHOT}/20260912T195541Z/pool/x.deb",)
    assert mirrors.urls("https://e.example/x") == ("https://e.example/x",)


@pytest.mark.parametrize("source", ["ftp://e.example/x", "x", "rpm:x", ""])
def test_what_is_no_source_is_refused(source):
    with pytest.raises(ValueError, match="no source"):
        Mirrors().urls(source)


@pytest.mark.parametrize(
    "data", [[], {"mirrors": []}, {"mirrors": {"rpm": []}}, {"mirrors": {"deb": [1]}}, {"mirrors": {"deb": "ftp://x"}}]
)
def test_a_bad_configuration_names_its_file(data):
    with pytest.raises(UsageError) as caught:
        parse_configured(data, "/home/me/config.yaml")
    assert "/home/me/config.yaml" in caught.value.message


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("docker.io/linuxkit/init", "own.example/lk/init"),
        ("docker.io/linuxkit", "own.example/lk"),
        ("docker.io/linuxkit-ci/init", "localhost:5000/linuxkit-ci/init"),
        ("docker.io/library/redis", "localhost:5000/library/redis"),
        ("ghcr.io/a/b", "ghcr.io/a/b"),
    ],
)
def test_the_longest_beginning_of_an_images_name_says_where_it_is_pulled_from(name, place):
    mirrors = Mirrors(
        oci=parse_oci({"mirrors": {"oci": {"docker.io/linuxkit": "own.example/lk/", "docker.io": "localhost:5000"}}}, "f", None)
    )
    assert mirrors.repository(name) == place


def test_the_variable_goes_before_the_file():
    data = {"mirrors": {"oci": {"docker.io": "a.example", "ghcr.io": "b.example"}}}
    assert parse_oci(data, "f", "docker.io=c.example/x quay.io=localhost:1") == {
        "docker.io": "c.example/x",
        "ghcr.io": "b.example",
        "quay.io": "localhost:1",
    }
    assert parse_oci(None, "f", None) == {}


@pytest.mark.parametrize(
    ("data", "variable"),
    [
        ({"mirrors": {"oci": ["docker.io"]}}, None),
        ({"mirrors": {"oci": {"docker.io": 5000}}}, None),
        ({"mirrors": {"oci": {"docker.io": "https://a.example"}}}, None),
        ({"mirrors": {"oci": {"linuxkit": "a.example"}}}, None),
        (None, "docker.io"),
        (None, "docker.io=a.example:tag/x:1"),
    ],
)
def test_a_mirror_of_images_that_is_none_is_refused(data, variable):
    with pytest.raises(UsageError) as caught:
        parse_oci(data, "f", variable)
    assert caught.value.hint


def test_passwords_are_not_shown():
    assert redacted("https://me:secret@m.example:8/debian") == "https://m.example:8/debian"


def test_pips_later_settings_win():
    files = [
        "[global]\nindex-url = https://one/simple/\nextra-index-url =\n  https://two/simple\n  file:///three\n",
        "[global]\nfind-links=/w\n",
    ]
    assert parse_pip(files, {}) == PypiSources(indexes=("file:///three", "https://two/simple", "https://one/simple"), find_links=("/w",))
    assert parse_pip(files, {"PIP_INDEX_URL": "https://env/simple"}).indexes[-1] == "https://env/simple"
    assert parse_pip(files, {"PIP_NO_INDEX": "1"}).indexes == ()
    assert parse_pip(["%%% no configuration"], {}).indexes == (PUBLIC_INDEX,)


def test_the_hosts_files_are_read_below_a_root(tmp_path):
    apt = tmp_path / "root/etc/apt/sources.list.d"
    apt.mkdir(parents=True)
    (apt / "debian.sources").write_text(DEB822)
    (apt / "old.list.disabled").write_text("deb http://no.example/debian trixie main\n")
    (tmp_path / "root/etc/pip.conf").write_text("[global]\nindex-url = https://pip.example/simple\n")
    found = load_mirrors({}, tmp_path / "home", root=tmp_path / "root")
    assert found.deb == ("http://mirror.example/debian", "https://second.example/debian", PUBLIC_DEBIAN)
    assert found.pypi.indexes == ("https://pip.example/simple",)


def test_the_users_file_is_read_below_their_configuration_folder(tmp_path):
    config = tmp_path / "xdg/lkbuild/config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("mirrors:\n  deb: https://own.example/debian/\n  pypi: [https://own.example/simple]\n")
    found = load_mirrors({"XDG_CONFIG_HOME": str(tmp_path / "xdg")}, tmp_path, root=Path("/nonexistent"))
    assert found.deb == ("https://own.example/debian",)
    assert found.pypi.indexes == ("https://own.example/simple",)
    config.write_text("mirrors: [\n")
    with pytest.raises(UsageError):
        load_mirrors({"XDG_CONFIG_HOME": str(tmp_path / "xdg")}, tmp_path, root=Path("/nonexistent"))


def test_proxies_and_certificates_come_from_the_usual_variables():
    found = load_transport(
        {"HTTPS_PROXY": "http://p:3128", "HTTP_PROXY": "http://evil", "no_proxy": "a.example", "SSL_CERT_FILE": "/ca.pem"}
    )
    assert (found.https_proxy, found.http_proxy, found.no_proxy, found.ca_file) == ("http://p:3128", None, "a.example", "/ca.pem")


@pytest.mark.parametrize(
    ("host", "no_proxy", "direct"),
    [
        ("a.example", "a.example", True),
        ("b.a.example", ".a.example", True),
        ("ba.example", "a.example", False),
        ("x", "*", True),
        ("x", "", False),
    ],
)
def test_hosts_without_a_proxy(host, no_proxy, direct):
    assert bypassed(host, no_proxy) is direct
