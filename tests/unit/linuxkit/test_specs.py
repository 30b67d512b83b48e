"""config.json and runtime.json as LinuxKit makes them: reference/linuxkit.md 1.6 to 1.10, field by field."""

import json

import pytest

from lkbuild.base.errors import LoadError

CHOWN, KILL = "CAP_CHOWN", "CAP_KILL"


def mount(spec, destination):
    return next(mount for mount in spec["mounts"] if mount["destination"] == destination)


def test_a_container_without_settings_has_what_its_image_says(one):
    assert one(entrypoint=("/bin/x",), cmd=("-v",), env=("A=1",), working_dir="/w")["process"] == {
        "user": {"uid": 0, "gid": 0},
        "args": ["/bin/x", "-v"],
        "env": ["A=1"],
        "cwd": "/w",
        "capabilities": {},
    }


def test_an_image_that_says_nothing_leaves_a_container_without_arguments(one):
    process = one()["process"]
    assert (process["cwd"], "args" in process, "env" in process) == ("/", False, False)


def test_the_entry_stands_before_the_label_and_that_before_the_image(one):
    label = json.dumps({"command": ["label"], "env": ["L=1"], "cwd": "/label", "hostname": "label"})
    spec = one("command: [entry]\ncwd: /entry", label=label, cmd=("image",), env=("I=1",), working_dir="/image")
    assert (spec["process"]["args"], spec["process"]["env"], spec["process"]["cwd"]) == (["entry"], ["L=1"], "/entry")
    assert spec["hostname"] == "label"


def test_an_empty_list_replaces_and_an_empty_text_does_not(one):
    label = json.dumps({"binds": ["/a:/a"], "net": "new", "capabilities": [KILL], "tmpfs": ["/t"]})
    spec = one('binds: []\nnet: ""\ncapabilities: []', label=label)
    assert [item["destination"] for item in spec["mounts"]] == ["/dev", "/dev/pts", "/proc", "/sys", "/sys/fs/cgroup", "/t"]
    assert {"type": "network"} in spec["linux"]["namespaces"]
    assert spec["process"]["capabilities"] == {}


def test_namespaces_are_in_linuxkits_order_with_their_paths(one):
    spec = one("net: /run/netns/a\nipc: new\nuts: new\nuserns: new\npid: host")
    assert spec["linux"]["namespaces"] == [
        {"type": "network", "path": "/run/netns/a"},
        {"type": "ipc"},
        {"type": "uts"},
        {"type": "user"},
        {"type": "mount"},
    ]
    assert one("net: none\npid: root")["linux"]["namespaces"] == [{"type": "network"}, {"type": "mount"}]
    assert one()["linux"]["namespaces"] == [{"type": "pid"}, {"type": "mount"}]


def test_capability_sets(one):
    found = one(f"capabilities: [{KILL}]\nambient: [{CHOWN}]")["process"]["capabilities"]
    both = [CHOWN, KILL]
    assert found == {"bounding": both, "effective": [KILL], "inheritable": both, "permitted": both, "ambient": [CHOWN]}
    everything = one("capabilities: [ALL]")["process"]["capabilities"]
    assert (everything["effective"][0], everything["bounding"][0], len(everything["effective"])) == (CHOWN, "CAP_AUDIT_CONTROL", 41)
    assert one("capabilities: [none]", label='{"capabilities": ["all"]}')["process"]["capabilities"] == {}
    assert one(f"capabilities: [{KILL}, {KILL}]")["process"]["capabilities"]["effective"] == [KILL, KILL]


def test_capabilities_of_the_entry_leave_no_room_for_added_ones(one):
    assert one(f"capabilities: [{KILL}]\ncapabilities.add: [{CHOWN}]")["process"]["capabilities"]["effective"] == [KILL]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("capabilities: [CAP_KIL]", (4, 20)),
        ("capabilities: [all, CAP_KILL]", (4, 20)),
        ("ambient: [kill]", (4, 15)),
        ('rlimits: ["nofile,1"]', (4, 15)),
        ('rlimits: ["files,1,2"]', (4, 15)),
        ('rlimits: ["nofile,1,-2"]', (4, 15)),
        ('rlimits: ["nofile,1,99999999999999999999"]', (4, 15)),
        ("binds: [a]", (4, 13)),
        ('binds: ["/a:/b:ro:x"]', (4, 13)),
        ('binds.add: ["v:/b"]', (4, 17)),
        ('tmpfs: ["/a:b:c"]', (4, 13)),
        ("mounts: [{destination: /x}]", (4, 14)),
        ("mounts: [{type: tmpfs}]", (4, 14)),
        ("mounts: [{type: bind, source: v, destination: /v}]", (4, 14)),
        ("devices: [{path: /dev/x, type: c, major: 1, minor: 2}]", (4, 15)),
        ('devices: [{path: /dev/x, mode: "0888"}]', (4, 15)),
        ("uid: nobody", (4, 10)),
        ("additionalGids: [0, nobody]", (4, 25)),
    ],
)
def test_a_value_that_linuxkit_refuses_is_refused_at_its_place(one, text, place):
    with pytest.raises(LoadError) as caught:
        one(text)
    assert (caught.value.position.line, caught.value.position.column) == place
    assert caught.value.hint
    assert caught.value.position.line_text


def test_a_mistake_in_a_label_names_the_image(one):
    for label in ('{"capabilities": ["CAP_X"]}', '{"name": "x"}', '{"bind": []}', "[]", " "):
        with pytest.raises(LoadError) as caught:
            one(label=label)
        assert caught.value.position.file == "docker.io/library/i (label org.mobyproject.config)"


def test_a_label_may_have_a_name_that_says_nothing(one):
    assert one(label='{"name": "", "image": "", "hostname": "h"}')["hostname"] == "h"
    assert one(label='{"name": null, "image": ~, "hostname": "h"}')["hostname"] == "h"
    with pytest.raises(LoadError):
        one(label='{"name": [], "hostname": "h"}')


def test_default_mounts_and_what_readonly_adds(one):
    writable, readonly = one(), one("readonly: true")
    assert mount(writable, "/dev")["options"] == ["nosuid", "strictatime", "mode=755", "size=65536k"]
    assert mount(readonly, "/dev")["options"][-1] == mount(readonly, "/sys")["options"][-1] == "ro"
    assert (writable["root"], readonly["root"]) == ({"path": "rootfs"}, {"path": "rootfs", "readonly": True})


def test_mounts_replace_binds_and_these_tmpfs_by_destination(one):
    spec = one('tmpfs: ["/x:size=1m", "/y", "/z"]\nbinds: ["/a:/x", "/a:/y:ro"]\nmounts: [{type: overlay, destination: /x}]')
    assert mount(spec, "/x") == {"destination": "/x", "type": "overlay", "source": "overlay"}
    assert mount(spec, "/y") == {"destination": "/y", "type": "bind", "source": "/a", "options": ["ro", "rbind"]}
    assert mount(spec, "/z") == {"destination": "/z", "type": "tmpfs", "source": "tmpfs"}


def test_what_a_mount_leaves_out_is_inferred(one):
    spec = one("mounts: [{source: mqueue}, {source: sysfs, options: [ro]}, {destination: /dev}, {type: devpts}, {type: cgroup}]")
    assert mount(spec, "/dev/mqueue") == {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue"}
    assert mount(spec, "/sys") == {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"]}
    assert mount(spec, "/dev") == {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}
    assert mount(spec, "/sys/fs/cgroup") == {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"}


def test_binds_are_added_to_those_of_the_label(one):
    label = '{"binds": ["/a:/a", "/b:/b"]}'
    spec = one('binds.add: ["/c:/c", "/d:/a"]', label=label)
    assert [mount(spec, name)["source"] for name in ("/a", "/b", "/c")] == ["/d", "/b", "/c"]
    assert all(item["destination"] != "/a" for item in one('binds: ["/c:/c"]', label=label)["mounts"])


@pytest.mark.parametrize(
    ("added", "place"),
    [('["nowhere:/x"]', (6, 17)), ('["/a:/a", "v:/x"]', (6, 26)), ('["v:/x:ro,nosuid", "nowhere:/x:ro"]', (6, 35))],
)
def test_volumes_of_binds_that_are_added_must_be_there_even_where_they_come_to_nothing(made, added, place):
    service = 'services:\n  - name: s\n    image: i\n    binds: ["/a:/b"]\n'
    with pytest.raises(LoadError) as caught:
        made(f"volumes: [{{name: v, readonly: true}}]\n{service}    binds.add: {added}\n")
    assert (caught.value.position.line, caught.value.position.column) == place
    assert len(made(f'{service}    binds.add: ["/c"]\n')["containers/services/s/config.json"]["mounts"]) == 6


def test_devices_are_nodes_and_rules(one):
    spec = one("""
        devices:
          - {path: all, type: b, major: 9}
          - {path: /dev/console, type: c, major: 5, minor: 1, mode: "0666"}
        resources: {devices: [{allow: false, access: rwm}, {allow: true, type: c, major: 0, minor: -1}]}
    """)["linux"]
    assert spec["devices"] == [{"path": "/dev/console", "type": "c", "major": 5, "minor": 1, "fileMode": 0o666}]
    assert spec["resources"]["devices"] == [
        {"allow": False, "access": "rwm"},
        {"allow": True, "type": "c", "major": 0, "minor": -1},
        {"allow": True, "type": "b", "access": "rwm"},
        {"allow": True, "type": "c", "major": 5, "minor": 1, "access": "rwm"},
    ]


def test_rlimits(one):
    assert one('rlimits: ["nofile, 1 , unlimited", "RLIMIT_CORE,0,0"]')["process"]["rlimits"] == [
        {"type": "RLIMIT_NOFILE", "hard": 2**64 - 1, "soft": 1},
        {"type": "RLIMIT_CORE", "hard": 0, "soft": 0},
    ]


def test_the_rest_goes_over_as_it_is(one):
    spec = one("""
        noNewPrivileges: true
        oomScoreAdj: 0
        hostname: h
        annotations: {a: b}
        sysctl: {net.ipv4.ip_forward: "1"}
        maskedPaths: [/proc/kcore]
        readonlyPaths: [/proc/sys]
        rootfsPropagation: shared
        cgroupsPath: /s
        resources: {pids: {limit: 5}, memory: {limit: 100}, cpu: {}}
    """)
    assert (spec["process"]["noNewPrivileges"], spec["process"]["oomScoreAdj"]) == (True, 0)
    assert (spec["hostname"], spec["annotations"]) == ("h", {"a": "b"})
    assert spec["linux"] == {
        "sysctl": {"net.ipv4.ip_forward": "1"},
        "resources": {"memory": {"limit": 100}, "cpu": {}, "pids": {"limit": 5}},
        "cgroupsPath": "/s",
        "namespaces": [{"type": "pid"}, {"type": "mount"}],
        "rootfsPropagation": "shared",
        "maskedPaths": ["/proc/kcore"],
        "readonlyPaths": ["/proc/sys"],
    }


def test_an_empty_text_of_resources_is_not_there(one):
    assert one('resources: {cpu: {cpus: "", mems: "", shares: 0}}')["linux"]["resources"] == {"cpu": {"shares": 0}}


def test_ids_by_name_count_from_100_and_the_last_of_a_name_counts(made):
    found = made("""
        onboot: [{name: a, image: i}, {name: a, image: i, uid: a}]
        onshutdown: [{name: c, image: i}]
        services: [{name: b, image: i, uid: root, gid: c, additionalGids: [b, 5, ""]}]
    """)
    assert found["containers/onboot/001-a/config.json"]["process"]["user"] == {"uid": 101, "gid": 0}
    user = {"uid": 0, "gid": 102, "additionalGids": [103, 5, 0]}
    assert found["containers/services/b/config.json"]["process"]["user"] == user


def test_a_second_container_of_an_image_uses_the_files_of_the_first(made):
    found = made("""
        onboot: [{name: a, image: x}, {name: b, image: docker.io/library/x, readonly: true}]
        services: [{name: c, image: "x:latest"}]
    """)
    lower = "/containers/onboot/000-a/lower"
    assert found["containers/onboot/001-b/runtime.json"]["mounts"] == [
        {"destination": "/containers/onboot/001-b/rootfs", "source": lower, "options": ["bind"]}
    ]
    assert f"lowerdir={lower}" in found["containers/onboot/000-a/runtime.json"]["mounts"][2]["options"]
    assert "lowerdir=/containers/services/c/lower" in found["containers/services/c/runtime.json"]["mounts"][2]["options"]


def test_the_runtime_section_is_merged_field_by_field(runtime):
    label = json.dumps({"runtime": {"mkdir": ["/l"], "namespace": "l", "bindNS": {"net": "/l", "pid": "/l"}}})
    found = runtime(
        'runtime: {mkdir: [/e], bindNS: {net: ""}, interfaces: [{name: wg0, add: wireguard}], mounts: [{type: tmpfs, destination: x}]}',
        label=label,
    )
    assert (found["mkdir"], found["namespace"], found["cgroups"]) == (["/e"], "l", [])
    assert found["bindNS"] == {"cgroup": "", "ipc": "", "mnt": "", "net": "", "pid": "/l", "user": "", "uts": ""}
    assert found["interfaces"] == [{"name": "wg0", "add": "wireguard", "createInRoot": False}]
    assert found["mounts"][3:] == [{"destination": "x", "type": "tmpfs"}]


def test_the_kernel_is_merged_by_field_and_the_rest_is_joined(config):
    found = config(
        "kernel: {image: a, cmdline: one, tar: none, ucode: u}\ninit: [x]\nservices: [{name: s, image: i}]\nfiles: [{path: a}]",
        'kernel: {image: "", cmdline: two, ucode: ""}\ninit: [y]\nservices: [{name: t, image: i}]\nfiles: [{path: b}]',
    )
    assert dict(found.kernel) == {"image": "docker.io/library/a", "cmdline": "two", "tar": "none", "ucode": ""}
    assert [name for name, _ in found.init] == ["docker.io/library/x", "docker.io/library/y"]
    assert [service.name for service in found.containers["services"]] == ["s", "t"]
    assert [part.get("path") for part in found.files] == ["a", "b"]


def test_an_empty_file_is_an_empty_configuration(made):
    assert made("", "# nothing\n", "~", "{}") == {}
