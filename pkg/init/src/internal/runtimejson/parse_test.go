package runtimejson

import (
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"
)

func TestLinuxKitsRuntimeSectionIsRead(t *testing.T) {
	got, err := Parse([]byte(`{"cgroups":["new"],"mounts":[{"type":"bind","source":"/a","destination":"b","options":["rw","rbind"]}],
		"mkdir":["/var/lib/docker"],"interfaces":[{"name":"wg0","add":"wireguard","createInRoot":true},{"name":"e0","peer":"e1"}],
		"bindNS":{"cgroup":"","net":"/run/netns/wg0"},"namespace":"services.linuxkit"}`))
	want := Section{
		Cgroups: []string{"new"}, Mkdir: []string{"/var/lib/docker"},
		Mounts:     []Mount{{Type: "bind", Source: "/a", Destination: "b", Options: []string{"rw", "rbind"}}},
		Interfaces: []Interface{{Name: "wg0", Add: "wireguard", CreateInRoot: true}, {Name: "e0", Add: "veth", Peer: "e1"}},
		BindNS:     Namespaces{Net: "/run/netns/wg0"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAnInterfaceWithoutNameIsRefused(t *testing.T) {
	if _, err := Parse([]byte(`{"interfaces":[{"add":"dummy"}]}`)); err == nil {
		t.Error("no error")
	}
}

func TestMountOptionsAreSortedIntoFlagsPropagationAndData(t *testing.T) {
	got := ParseOptions([]string{"ro", "rw", "nosuid", "rshared", "lowerdir=/l", "upperdir=/u", "workdir=/w"})
	want := Options{
		Flags: syscall.MS_NOSUID, Propagation: syscall.MS_SHARED | syscall.MS_REC,
		Data: "lowerdir=/l,upperdir=/u,workdir=/w", Dirs: []string{"/u", "/w"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestTheMountsThatMakeTheRootAreLeftToInit(t *testing.T) {
	bundle := t.TempDir()
	text := `{"mounts":[{"destination":"` + bundle + `/tmp","type":"tmpfs"},{"destination":"` + bundle + `/tmp","options":["remount","private"]},
		{"destination":"` + bundle + `/rootfs","type":"overlay"},{"destination":"/var/own","type":"tmpfs"}]}`
	os.WriteFile(filepath.Join(bundle, "runtime.json"), []byte(text), 0o600)
	got, err := Load(bundle)
	if want := []Mount{{Destination: "/var/own", Type: "tmpfs"}}; err != nil || !reflect.DeepEqual(got.Mounts, want) {
		t.Errorf("got %+v, %v", got.Mounts, err)
	}
}
