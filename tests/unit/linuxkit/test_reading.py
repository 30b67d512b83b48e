"""What a linuxkit.yml may hold, as Go's yaml.v3 and LinuxKit's schema see it, and where a mistake is."""

import math

import pytest

from lkbuild.base.errors import LoadError
from lkbuild.linuxkit.config import read
from lkbuild.linuxkit.files import entries
from lkbuild.linuxkit.scalars import resolve
from lkbuild.model.references import digest_of, expand, with_tag
from lkbuild.syntax.general import MAX_NODES

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("off", "off"),
        ("~", None),
        ("", None),
        ("12", 12),
        ("+12", 12),
        ("-0x1f", -31),
        ("0b101", 5),
        ("0o17", 15),
        ("0666", 438),
        ("1_000", 1000),
        ("0", 0),
        ("08", 8.0),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("-.inf", -math.inf),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", float(2**64)),
        ("-9223372036854775809", float(-(2**63))),
        ("2020-01-01", "2020-01-01"),
        ("1.2.3", "1.2.3"),
        ("-", "-"),
        ("0x", "0x"),
        ("+_", "+_"),
        (".", "."),
        ("1e999", "1e999"),
    ],
)
def test_plain_scalars_are_what_yaml_v3_makes_of_them(text, value):
    found = resolve(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("kernle: {}", (1, 1)),
        ("kernel: {cmdline: 5}", (1, 19)),
        ("kernel:", (1, 8)),
        ("init: linuxkit/init:x", (1, 7)),
        ("init: [1]", (1, 8)),
        ("services:\n  - name: a\n", (2, 5)),
        ("services:\n  - name: a\n    image: Bad/Name\n", (3, 12)),
        ("services: [{name: a, image: b, readonly: yes}]", (1, 42)),
        ("services: [{name: a, image: b, oomScoreAdj: 1.5}]", (1, 45)),
        ('services: [{name: a, image: b, oomScoreAdj: "1"}]', (1, 45)),
        ("services: [{name: a, image: b, uid: 1e3x, gid: 1.5}]", (1, 48)),
        ("services: [{name: a, image: b, sysctl: {x: 1}}]", (1, 44)),
        ("services: [{name: a, image: b, sysctl: {1: x}}]", (1, 41)),
        ("services: [{name: a, image: b}, {name: a, image: c}]", (1, 40)),
        ("services: [{name: a, name: b, image: c}]", (1, 22)),
        ("volumes: [{name: A}]", (1, 18)),
        ("volumes: [{name: a}, {name: a}]", (1, 29)),
        ("volumes: [{name: a, format: tar}]", (1, 29)),
        ("- a", (1, 1)),
        ("a: b: c", (1, 5)),
        ("init: [*x]", (1, 8)),
        ("init: [!secret x]", (1, 8)),
        ("<<: 5", (1, 1)),
        ("? [a]\n: b", (1, 3)),
        ("services: [{name: a, image: b, sysctl: {<<: {a: b}, <<: {c: d}}}]", (1, 53)),
        ("onboot: &x [{name: a, image: b}]\nservices: [{<<: *x}]", (2, 17)),
        ("init: &x a\nkernel: {<<: *x}", (2, 14)),
        ("services: [{name: a, image: b, sysctl: {: x}}]", (1, 41)),
        ('services: [{name: a, image: b, sysctl: {"": x, "": y}}]', (1, 48)),
    ],
)
def test_a_mistake_is_told_at_its_place(text, place):
    with pytest.raises(LoadError) as caught:
        read(text.encode(), "a.yml")
    assert (caught.value.position.file, caught.value.position.line, caught.value.position.column) == ("a.yml", *place)


def test_the_nearest_name_is_the_hint():
    for text, near in (("kernle: {}", "kernel"), ("services: [{name: a, image: b, capabilites: []}]", "capabilities")):
        with pytest.raises(LoadError) as caught:
            read(text.encode(), "a.yml")
        assert f"'{near}'" in caught.value.hint


def test_anchors_aliases_merge_keys_and_tags_mean_what_they_mean_to_yaml_v3():
    text = b"""
    services:
      - &base {name: a, image: &image alpine, env: [A=1], net: host}
      - {<<: *base, name: b, net: new}
      - {<<: [{name: c, image: x}, *base], hostname: !!str 5, oomScoreAdj: !!int "7"}
      - {name: d, image: *image}
    """
    services = read(text, "a.yml").containers["services"]
    assert [(service.name, service.reference.rpartition("/")[2]) for service in services] == [
        ("a", "alpine"),
        ("b", "alpine"),
        ("c", "x"),
        ("d", "alpine"),
    ]
    assert dict(services[1].values) == {"env": ("A=1",), "net": "new"}
    assert (services[2].get("hostname"), services[2].get("oomScoreAdj")) == ("5", 7)


def test_a_tag_without_a_name_says_nothing():
    text = b'services: ! [! {! name: ! a, image: b, oomScoreAdj: ! 5, hostname: ! "5", cwd: &x ! /x, env: [*x]}]'
    (service,) = read(text, "a.yml").containers["services"]
    assert (service.name, dict(service.values)) == ("a", {"oomScoreAdj": 5, "hostname": "5", "cwd": "/x", "env": ("/x",)})
    for value in ("! 5", "! ~", "! "):
        with pytest.raises(LoadError):
            read(f"services: [{{name: a, image: b, hostname: {value}}}]".encode(), "a.yml")


def test_a_name_in_a_table_may_be_empty():
    (service,) = read(b'services: [{name: a, image: b, annotations: {"": x}}]', "a.yml").containers["services"]
    assert service.get("annotations") == {"": "x"}


def test_a_mistake_behind_an_alias_is_where_it_is_written():
    with pytest.raises(LoadError) as caught:
        read(b"init: &x [linuxkit/init, 5]\nservices: [{name: a, image: b, command: *x}]", "a.yml")
    assert caught.value.position.line == 1


def test_aliases_of_aliases_have_a_bound():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 12)]
    with pytest.raises(LoadError) as caught:
        read("\n".join(lines).encode(), "a.yml")
    assert caught.value.position.line > 1
    assert f"{MAX_NODES:,}" in caught.value.message


@pytest.mark.parametrize("rest", ["---\nservices: [\n", "...\nfoo: [\n", "...\n}\n"])
def test_what_follows_the_first_document_is_not_read(rest):
    found = read(f"init: [a]\n{rest}".encode(), "a.yml")
    assert [name for name, _ in found.init] == ["docker.io/library/a"]
    assert [warning.position.line for warning in found.warnings] in ([2], [3])


@pytest.mark.parametrize(
    "text",
    [
        "kernel: ~",
        "kernel: []",
        "init: {}",
        "init: a",
        "init: [~]",
        "init: [[a]]",
        "services: x",
        "services: [x]",
        "files: [{path: 5}]",
        "files: [{directory: 'true'}]",
        "files: [{directory: yes}]",
        "services: [{name: s, image: i, oomScoreAdj: high}]",
        "services: [{name: s, image: i, sysctl: []}]",
        "services: [{name: , image: i}]",
    ],
)
def test_a_value_of_another_kind_says_what_to_write(text):
    with pytest.raises(LoadError) as caught:
        read(text.encode(), "a.yml")
    assert caught.value.hint


def test_a_byte_order_mark_is_no_mistake():
    assert read(b"\xef\xbb\xbfinit: [x]", "a.yml").init


def test_references_are_expanded_as_linuxkit_does():
    assert [expand(text) for text in ("redis", "a/b:1", "localhost/x", "h:5000/x", "gcr.io/a/b")] == [
        "docker.io/library/redis",
        "docker.io/a/b:1",
        "localhost/x",
        "h:5000/x",
        "gcr.io/a/b",
    ]
    assert with_tag("h:5000/x") == "h:5000/x:latest"
    assert with_tag(f"h/x@{DIGEST}") == f"h/x@{DIGEST}"
    assert (digest_of(f"h/x:1@{DIGEST}"), digest_of("h/x:1")) == (DIGEST, None)


def files(text, there=()):
    config = read(text.encode(), "a.yml")
    return [
        (item.path, item.kind, item.value, oct(item.mode), item.uid) for item in entries(config, lambda part: part.get("source") in there)
    ]


def test_files_of_all_kinds():
    text = """
    services: [{name: web, image: i}]
    files:
      - {path: /etc/a, contents: "x"}
      - {path: etc/b, contents: "", mode: "0644", uid: web}
      - {path: d, directory: true}
      - {path: l, symlink: /etc/a, mode: "0777"}
      - {path: s, source: here}
      - {path: o, source: nowhere, optional: true}
      - {path: m, metadata: yaml}
      - {path: .//x/../d/, directory: true, mode: "7777777"}
    """
    assert files(text, there=("here",)) == [
        ("etc/a", "contents", "x", "0o600", 0),
        ("etc/b", "contents", "", "0o644", 100),
        ("d", "directory", "", "0o700", 0),
        ("l", "symlink", "/etc/a", "0o777", 0),
        ("s", "source", "here", "0o600", 0),
        ("m", "metadata", "yaml", "0o600", 0),
        ("d", "directory", "", "0o7777777", 0),
    ]


@pytest.mark.parametrize(
    "entry",
    [
        "{contents: x}",
        "{path: /, contents: x}",
        "{path: a}",
        "{path: a, source: nowhere}",
        "{path: a, source: x, metadata: yaml}",
        "{path: a, contents: x, source: x}",
        "{path: a, contents: x, metadata: yaml}",
        '{path: a, directory: true, contents: ""}',
        "{path: a, symlink: b, source: x}",
        "{path: a, metadata: toml}",
        '{path: a, contents: x, mode: "0888"}',
        '{path: a, source: nowhere, optional: true, mode: "0888"}',
        "{path: a, source: nowhere, optional: true, gid: nobody}",
        "{path: a, contents: x, uid: nobody}",
        "{path: a/, contents: x}",
        "{path: a/, source: x}",
        '{path: a, contents: x, mode: "10000000"}',
        '{path: a, contents: x, mode: "-1"}',
        '{path: "a\\0", contents: x}',
        '{path: a, symlink: "a\\0"}',
    ],
)
def test_a_file_that_linuxkit_refuses_is_refused(entry):
    with pytest.raises(LoadError) as caught:
        files(f"files:\n  - {entry}", there=("x",))
    assert caught.value.position.line == 2
    assert caught.value.hint
