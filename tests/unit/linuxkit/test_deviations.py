"""Each deviation from LinuxKit that docs/reference/linuxkit.md tells of."""

from pathlib import Path

import pytest

from lkbuild.app.linuxkit.inputs import read_config, source_of
from lkbuild.base.errors import LoadError, UsageError
from lkbuild.linuxkit.config import read
from lkbuild.linuxkit.deviations import DEVIATIONS
from lkbuild.linuxkit.files import entries
from lkbuild.linuxkit.specs import warnings

VOLUME = "volumes: [{name: v}]\n"
MERGED = "/containers/volumes/v/merged"


def mount(spec, destination):
    (found,) = [mount for mount in spec["mounts"] if mount["destination"] == destination]
    return found


def test_a_folder_is_no_source(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.yml").write_text("files: [{path: a, source: folder, optional: true}]")
    (part,) = read_config(["a.yml"], tmp_path, {}).files
    with pytest.raises(LoadError) as caught:
        source_of(part, tmp_path)
    assert (caught.value.position.line, caught.value.position.column) == (1, 27)


def test_volume_as_a_mounts_source(made):
    service = "services: [{name: s, image: i, mounts: [{type: bind, source: v, destination: /v, options: [rw]}]}]\n"
    found = made(VOLUME + service)["containers/services/s/config.json"]
    assert mount(found, "/v")["source"] == MERGED
    labelled = made(VOLUME + "services: [{name: s, image: i}]", label='{"binds": ["v:/v", "etc:/etc"]}')[
        "containers/services/s/config.json"
    ]
    assert (mount(labelled, "/v")["source"], mount(labelled, "/etc")["source"]) == (MERGED, "etc")


def test_volumes_of_several_files(made):
    service = 'services: [{name: s, image: i, binds: ["v:/v"]}]\n'
    for files in ([VOLUME, service], [service, VOLUME], [VOLUME, service, VOLUME]):
        assert mount(made(*files)["containers/services/s/config.json"], "/v")["source"] == MERGED
    with pytest.raises(LoadError) as caught:
        made(VOLUME, "volumes: [{name: v, readonly: true}]")
    assert (caught.value.position.file, caught.value.related[0][0].file) == ("b.yml", "a.yml")


def test_fields_with_a_capital_letter(one):
    spec = one("""
        resources:
          memory: {kernelTCP: 5, disableOOMKiller: true, swappiness: 0}
          cpu: {realtimeRuntime: 1, realtimePeriod: 2}
          blockio: {leafWeight: 3, weightDevice: [{major: 8, minor: 1, leafWeight: 4}], throttleReadBpsDevice: [{major: 8, rate: 9}]}
          network: {classID: 7, priorities: [{name: eth0, priority: 1}]}
        uidMappings: [{hostID: 1000, containerID: 1, size: 2}]
    """)
    assert spec["linux"]["resources"] == {
        "memory": {"kernelTCP": 5, "disableOOMKiller": True, "swappiness": 0},
        "cpu": {"realtimeRuntime": 1, "realtimePeriod": 2},
        "blockIO": {
            "leafWeight": 3,
            "weightDevice": [{"major": 8, "minor": 1, "leafWeight": 4}],
            "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 9}],
        },
        "network": {"classID": 7, "priorities": [{"name": "eth0", "priority": 1}]},
    }
    assert spec["linux"]["uidMappings"] == [{"containerID": 1, "hostID": 1000, "size": 2}]
    with pytest.raises(LoadError):
        one("resources: {blockio: {leafWeight: 65536}}")


def test_page_sizes(one):
    sizes = "[{pageSize: 2097152, limit: 9}, {pageSize: 65536}, {pageSize: 1073741824}, {pageSize: 1000}]"
    found = one(f"resources: {{hugepageLimits: {sizes}}}")["linux"]["resources"]["hugepageLimits"]
    assert [item["pageSize"] for item in found] == ["2MB", "64KB", "1GB", "1000B"]
    assert [item["limit"] for item in found] == [9, 0, 0, 0]


def test_id_mappings_of_mounts(one):
    text = "mounts: [{type: tmpfs, destination: /t, uidmappings: [{hostID: 5, containerID: 0, size: 1}]}]"
    assert mount(one(text), "/t")["uidMappings"] == [{"containerID": 0, "hostID": 5, "size": 1}]


def test_capabilities_that_are_added(one):
    def effective(text, label):
        return one(text, label=label)["process"]["capabilities"].get("effective", [])

    twice = effective("capabilities.add: [CAP_KILL, CAP_CHOWN]", '{"capabilities": ["CAP_KILL"]}')
    assert twice == ["CAP_KILL", "CAP_CHOWN"]
    assert len(effective("capabilities.add: [CAP_KILL]", '{"capabilities": ["all"]}')) == 41
    assert effective("capabilities.add: [CAP_KILL]", '{"capabilities": ["none"]}') == ["CAP_KILL"]
    assert len(effective("capabilities.add: [all]", '{"capabilities": ["CAP_KILL"]}')) == 41


def test_texts_that_start_with_at(one):
    assert one('command: ["@DEVICE@", "@"]')["process"]["args"] == ["@DEVICE@", "@"]


def test_templates_that_cant_be_resolved(tmp_path):
    (tmp_path / "pkg" / "init").mkdir(parents=True)
    (tmp_path / "a.yml").write_text('init:\n  - "@pkg:pkg/inti"\n')
    with pytest.raises(LoadError) as caught:
        read_config(["a.yml"], tmp_path, {})
    assert (caught.value.position.line, caught.value.position.column) == (2, 5)
    assert "'init'" in caught.value.hint
    with pytest.raises(LoadError):
        read(b'init: ["@pkg:pkg/init"]', "-")


def test_ids_out_of_range(one):
    for text in ("uid: -1", "gid: 4294967296", "additionalGids: [0, -5]"):
        with pytest.raises(LoadError):
            one(text)
    assert one("uid: 4294967295")["process"]["user"]["uid"] == 4294967295


def test_read_only_binds_with_more_options(made):
    volume = "volumes: [{name: v, readonly: true}]\n"

    def bound(options):
        text = f'{volume}services: [{{name: s, image: i, binds: ["v:/v{options}"]}}]'
        return mount(made(text)["containers/services/s/config.json"], "/v")["options"]

    assert bound(":ro") == ["ro", "rbind"]
    assert bound(":ro,nosuid") == ["ro", "nosuid", "rbind"]
    for options in ("", ":rw", ":rw,ro", ":nosuid"):
        with pytest.raises(LoadError):
            bound(options)


def test_folded_text(one):
    assert one("hostname: |\n\n  a\n")["hostname"] == "\na\n"
    found = one("command:\n  - >\n    a\n     b\n    c\n  - >+\n    d\n\n  - |\n\n    e\n")
    assert found["process"]["args"] == ["a\n b\nc\n", "d\n\n", "\ne\n"]


@pytest.mark.parametrize("tag", ["!name", "!!binary", "!!timestamp"])
def test_tags(one, tag):
    with pytest.raises(LoadError) as caught:
        one(f"hostname: {tag} aGk=")
    assert (caught.value.position.line, caught.value.position.column) == (4, 15)


@pytest.mark.parametrize("collection", ["sysctl: !name {a: b}", "env: !name [a]"])
def test_tags_of_collections(one, collection):
    with pytest.raises(LoadError):
        one(collection)


@pytest.mark.parametrize("path", ["/", "etc/", ".", "./", "../x", "a/../../x", "/../x"])
def test_files_without_a_name(path):
    with pytest.raises(LoadError) as caught:
        list(entries(read(f'files: [{{contents: "", path: {path}}}]'.encode(), "a.yml"), lambda _: True))
    assert (caught.value.position.line, caught.value.position.column) == (1, 30)


@pytest.mark.parametrize("character", "\u0085\u2028\u2029")
def test_characters(character, one):
    with pytest.raises(LoadError) as caught:
        read(f'kernel: {{cmdline: "a{character}"}}'.encode(), "a.yml")
    assert (caught.value.position.line, caught.value.position.column) == (1, 21)
    assert one('hostname: "\\u2028\\/"')["hostname"] == "\u2028/"
    assert read(b"%YAML 1.2\n---\ninit: [a]", "a.yml").init


def test_sources(tmp_path):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "x").write_text("own")
    (tmp_path / "x").write_text("current")
    (tmp_path / "y").write_text("current")
    (tmp_path / "conf" / "a.yml").write_text("files: [{path: x, source: x}, {path: y, source: ./y}, {path: z, source: z}]")
    parts = read_config(["conf/a.yml"], tmp_path, {}).files
    assert [source_of(part, tmp_path) for part in parts] == [tmp_path / "conf" / "x", tmp_path / "y", None]


def test_what_is_not_read():
    text = b"trust: {org: [linuxkit]}\nservices: [{name: s, image: i, ipc: none, net: /run/netns/x}]\n---\nservices: []\n"
    assert sorted(warning.position.line for warning in warnings(read(text, "a.yml"))) == [1, 2, 3]


def test_a_container_that_linuxkit_s_init_does_not_find_is_warned_of():
    text = b"onboot: [{name: a, image: i}]\nservices:\n- name: a/b\n  image: i\n"
    (warning,) = warnings(read(text, "a.yml"))
    assert (warning.position.line, warning.position.column) == (3, 9)


def test_addresses(tmp_path):
    with pytest.raises(UsageError):
        read_config(["https://example.com/linuxkit.yml"], tmp_path, {})


#: Where a deviation is seen in what is built, and not in a specification.
BUILT = Path(__file__).parents[2] / "build" / "test_linuxkit_image.py"


def test_every_deviation_has_its_test():
    def plain(name):
        return name.replace("'", "").replace(" @", " at").replace("-", "_").replace(" ", "_")

    tests = Path(__file__).read_text(encoding="utf-8") + BUILT.read_text(encoding="utf-8")
    assert [item.name for item in DEVIATIONS if f"def test_{plain(item.name)}(" not in tests] == []
