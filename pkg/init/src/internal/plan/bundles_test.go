package plan

import (
	"reflect"
	"sort"
	"strings"
	"testing"
	"testing/fstest"
)

const note = `"annotations":{"org.lkbuild.supervision":"{\"restart\":\"always\",\"after\":[\"net\",\"absent\"],\"stop_signal\":\"SIGKILL\",\"timeout_s\":5}"}`

func overlay(dir, lower string) string {
	return `{"mounts":[{"destination":"/` + dir + `/tmp","type":"tmpfs"},
		{"destination":"/` + dir + `/rootfs","type":"overlay","options":["lowerdir=/` + lower + `","upperdir=/u","workdir=/w"]}]}`
}

func linuxkit(more map[string]string) fstest.MapFS {
	files := map[string]string{
		"etc/lkbuild/image.json":                    `{"version":1,"runtime":"/r","bundles":"/containers"}`,
		"containers/onboot/001-b/config.json":       `{"root":{"path":"rootfs"}}`,
		"containers/onboot/001-b/runtime.json":      overlay("containers/onboot/001-b", "containers/onboot/000-a/lower"),
		"containers/onboot/000-a/config.json":       `{"root":{"path":"rootfs","readonly":true}}`,
		"containers/onboot/000-a/runtime.json":      `{"mounts":[{"destination":"/containers/onboot/000-a/rootfs","source":"/containers/onboot/000-a/rootfs","options":["bind"]}]}`,
		"containers/services/net/config.json":       `{"root":{"path":"rootfs"}}`,
		"containers/services/net/runtime.json":      overlay("containers/services/net", "containers/services/net/lower"),
		"containers/services/web/config.json":       `{"root":{"path":"rootfs"},` + note + `}`,
		"containers/services/web/runtime.json":      overlay("containers/services/web", "containers/services/web/lower"),
		"containers/volumes/data/lower/x":           "",
		"containers/volumes/data/tmp/x":             "",
		"containers/volumes/fixed/lower/x":          "",
		"etc/lkbuild/image.d/90-test.json":          `{"version":1,"host_services":[{"name":"agent","command":["/a"]}]}`,
		"containers/onboot/000-a/rootfs/etc/passwd": "",
	}
	for name, text := range more {
		files[name] = text
	}
	root := fstest.MapFS{}
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

func TestContainersThatLieAsLinuxKitLaysThemOutAreThePlan(t *testing.T) {
	p, err := Load(linuxkit(nil))
	if err != nil {
		t.Fatal(err)
	}
	want := []Container{
		{Name: "a", Bundle: "/containers/onboot/000-a", Layers: []string{"/containers/onboot/000-a/rootfs"}, ReadOnly: true, OnFailure: "continue"},
		{Name: "b", Bundle: "/containers/onboot/001-b", Layers: []string{"/containers/onboot/000-a/lower"}, OnFailure: "continue"},
	}
	if !reflect.DeepEqual(p.Onboot, want) {
		t.Errorf("onboot: %+v", p.Onboot)
	}
	volumes := []Volume{{Name: "data", Layers: []string{"/containers/volumes/data/lower"}}, {Name: "fixed", Layers: []string{"/containers/volumes/fixed/lower"}, ReadOnly: true}}
	if !reflect.DeepEqual(p.Volumes, volumes) || len(p.HostServices) != 1 {
		t.Errorf("%+v, %+v", p.Volumes, p.HostServices)
	}
}

func TestAServiceStaysEndedUnlessItsNoteSaysHowItIsKept(t *testing.T) {
	p, err := Load(linuxkit(nil))
	if err != nil || len(p.Services) != 2 {
		t.Fatal(p.Services, err)
	}
	net, web := p.Services[0], p.Services[1]
	if net.Restart != "never" || net.StopSignal != "SIGTERM" || net.After != nil {
		t.Errorf("net: %+v", net)
	}
	if web.Restart != "always" || web.StopSignal != "SIGKILL" || !reflect.DeepEqual(web.After, []string{"net"}) {
		t.Errorf("web: %+v", web)
	}
}

func TestABundleThatCanNotBeReadEndsTheBootAndIsNamed(t *testing.T) {
	for path, text := range map[string]string{
		"containers/services/web/runtime.json": "{",
		"containers/services/web/config.json":  `{"annotations":{"org.lkbuild.supervision":"x"}}`,
	} {
		if _, err := Load(linuxkit(map[string]string{path: text})); err == nil || !strings.Contains(err.Error(), "web") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestAFolderWithoutAContainerStartsNothingAndIsNamed(t *testing.T) {
	p, err := Load(linuxkit(map[string]string{
		"containers/services/a/b/config.json": `{"root":{"path":"rootfs"}}`, // a service "a/b"
		"containers/onboot/002-c/d/x":         "",
	}))
	if err != nil || len(p.Services) != 2 || len(p.Onboot) != 2 {
		t.Fatal(p.Services, p.Onboot, err)
	}
	sort.Strings(p.Empty)
	if want := []string{"/containers/onboot/002-c", "/containers/services/a"}; !reflect.DeepEqual(p.Empty, want) {
		t.Errorf("got %v", p.Empty)
	}
}
