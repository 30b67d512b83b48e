"""The OCI specification of a container: least privilege unless it says otherwise."""

import pytest

from rules.oci_spec import CAPABILITIES, MASKED, READ_ONLY, ContainerError, runtime_json, runtime_spec
from rules.seccomp import profile


def spec(**fields):
    return runtime_spec({"command": ("/bin/x",), **fields}, arch="amd64")


def mounts(found):
    return {mount["destination"]: mount for mount in found["mounts"]}


def test_a_container_has_nothing_by_default():
    found = spec()
    assert all(found["process"]["capabilities"][kind] == [] for kind in ("bounding", "effective", "permitted", "inheritable", "ambient"))
    assert found["process"]["noNewPrivileges"] is True
    assert found["root"]["readonly"] is True
    assert found["linux"]["maskedPaths"] == list(MASKED)
    assert found["linux"]["readonlyPaths"] == list(READ_ONLY)
    assert found["linux"]["seccomp"]["defaultAction"] == "SCMP_ACT_ERRNO"
    kinds = {space["type"] for space in found["linux"]["namespaces"]}
    assert kinds == {"mount", "network", "ipc", "uts", "pid", "cgroup"}
    assert found["linux"]["resources"]["devices"] == [{"allow": False, "access": "rwm"}]


@pytest.mark.parametrize(("field", "kind"), [("net", "network"), ("ipc", "ipc"), ("uts", "uts"), ("pid", "pid"), ("cgroupns", "cgroup")])
def test_a_namespace_of_the_host_is_left_out_and_a_path_is_joined(field, kind):
    assert kind not in {space["type"] for space in spec(**{field: "host"})["linux"]["namespaces"]}
    joined = spec(**{field: "/run/ns/x"})["linux"]["namespaces"]
    assert {"type": kind, "path": "/run/ns/x"} in joined


def test_capabilities_are_sorted_and_all_means_all():
    assert spec(capabilities=("CAP_SYS_TIME", "CAP_KILL"))["process"]["capabilities"]["effective"] == ["CAP_KILL", "CAP_SYS_TIME"]
    assert spec(capabilities=("all",))["process"]["capabilities"]["bounding"] == sorted(CAPABILITIES)
    assert spec(capabilities=("none",))["process"]["capabilities"]["bounding"] == []


def test_ambient_capabilities_are_in_every_set():
    found = spec(ambient=("CAP_NET_RAW",))["process"]["capabilities"]
    assert all(found[kind] == ["CAP_NET_RAW"] for kind in found)


def test_an_unknown_capability_is_named():
    with pytest.raises(ContainerError) as caught:
        spec(capabilities=("CAP_NICE",))
    assert caught.value.field == "capabilities"


def test_mounts_are_sorted_so_that_each_comes_after_the_one_it_lies_in():
    found = spec(binds=("/var/run:/a/b", "/x:/a"), tmpfs=("/a/b/c",))
    places = [mount["destination"] for mount in found["mounts"]]
    assert places == sorted(places)
    assert places.index("/a") < places.index("/a/b") < places.index("/a/b/c")


def test_a_bind_is_recursive_and_shared_unless_it_says_otherwise():
    found = mounts(spec(binds=("/a:/b", "/c:/d:ro")))
    assert found["/b"]["options"] == ["rw", "rbind", "rshared"]
    assert found["/d"]["options"] == ["ro", "rbind"]


def test_a_mount_of_the_same_destination_replaces_the_default():
    found = mounts(spec(mounts=({"type": "sysfs", "source": None, "destination": "/sys", "options": ("rw",)},)))
    assert found["/sys"]["options"] == ["rw"]


@pytest.mark.parametrize("bind", ["/a", "/a:b", ":/b", "/a:/b:ro:x"])
def test_a_bind_that_is_none_is_refused(bind):
    with pytest.raises(ContainerError):
        spec(binds=(bind,))


def test_a_device_is_a_node_and_a_rule():
    found = spec(devices=({"path": "/dev/x", "type": "c", "major": 10, "minor": 183, "mode": "0640"},))["linux"]
    assert found["devices"] == [{"path": "/dev/x", "type": "c", "major": 10, "minor": 183, "fileMode": 0o640}]
    assert {"allow": True, "type": "c", "major": 10, "minor": 183, "access": "rwm"} in found["resources"]["devices"]


def test_all_devices_of_a_kind_are_a_rule_without_a_node():
    found = spec(devices=({"path": "all", "type": "b", "major": -1, "minor": -1, "mode": None},))["linux"]
    assert "devices" not in found
    assert found["resources"]["devices"][-1] == {"allow": True, "type": "b", "access": "rwm"}


def test_limits_of_processes():
    found = spec(rlimits=("nofile,1024,unlimited", "RLIMIT_core,0,0"))["process"]["rlimits"]
    assert found[0] == {"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 2**64 - 1}
    assert found[1]["type"] == "RLIMIT_CORE"


@pytest.mark.parametrize("limit", ["nofile", "rmlimit,1,2", "nofile,a,b", "nofile,1"])
def test_a_limit_that_is_none_is_refused(limit):
    with pytest.raises(ContainerError):
        spec(rlimits=(limit,))


def test_a_container_without_a_command_is_refused():
    with pytest.raises(ContainerError) as caught:
        runtime_spec({}, arch="amd64")
    assert caught.value.field == "command"


def test_unconfined_means_no_filter():
    assert "seccomp" not in spec(seccomp="unconfined")["linux"]


def test_an_empty_runtime_section_is_empty():
    assert runtime_json({}) == {}


def allowed(found):
    return {name for rule in found["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW" and "args" not in rule for name in rule["names"]}


def test_a_filter_opens_with_the_capability_that_needs_it():
    none, admin, time = profile((), "amd64"), profile(("CAP_SYS_ADMIN",), "amd64"), profile(("CAP_SYS_TIME",), "amd64")
    assert {"mount", "setns", "unshare", "clone3"} <= allowed(admin) - allowed(none)
    assert {"clock_settime"} <= allowed(time) - allowed(none)
    assert {"read", "write", "openat", "execve", "socket", "futex"} <= allowed(none)
    assert not {"kexec_load", "init_module", "reboot", "bdflush_x"} & allowed(none)


@pytest.mark.parametrize(("arch", "index"), [("amd64", 0), ("arm64", 0), ("riscv64", 0), ("s390x", 1)])
def test_clone_may_not_make_namespaces_wherever_its_flags_stand(arch, index):
    rule = next(rule for rule in profile((), arch)["syscalls"] if rule["names"] == ["clone"])
    assert rule["args"][0]["index"] == index
