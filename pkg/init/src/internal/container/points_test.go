package container

import (
	"os"
	"path/filepath"
	"testing"
)

func layers(t *testing.T) []string {
	t.Helper()
	top, low := t.TempDir(), t.TempDir()
	for _, dir := range []string{top + "/etc", low + "/run", low + "/var", low + "/usr/bin"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		low + "/var/run": "../run", low + "/bin": "usr/bin", top + "/abs": "/usr", low + "/loop": "loop", low + "/out": "../../../etc",
	} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	return []string{top, low}
}

func TestMountPointsAreResolvedInTheMergedLayers(t *testing.T) {
	all := layers(t)
	for name, want := range map[string]struct {
		path  string
		there bool
	}{
		"/etc":                 {"/etc", true},
		"/var/run/docker.sock": {"/run/docker.sock", false},
		"/var/run":             {"/run", true},
		"/abs/bin":             {"/usr/bin", true},
		"/bin/x/y":             {"/usr/bin/x/y", false},
		"/out":                 {"/etc", true},
		"/nowhere/at/all":      {"/nowhere/at/all", false},
	} {
		if path, there := resolve(all, name); path != want.path || there != want.there {
			t.Errorf("%s: %s, %v", name, path, there)
		}
	}
	resolve(all, "/loop/x") // must end
}

func TestWhatTheLayersLackIsMadeAsFileOrDirectory(t *testing.T) {
	all, bundle, dir := layers(t), t.TempDir(), t.TempDir()
	config := `{"mounts":[{"destination":"/etc","type":"bind","source":"/"},{"destination":"/proc","type":"proc","source":"proc"},
		{"destination":"/var/run/file","type":"bind","source":"` + bundle + `/config.json"}]}`
	if err := os.WriteFile(filepath.Join(bundle, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if made, err := makePoints(bundle, dir, all); err != nil || !made {
		t.Fatal(made, err)
	}
	if info, err := os.Stat(dir + "/proc"); err != nil || !info.IsDir() {
		t.Error("proc:", info, err)
	}
	if info, err := os.Stat(dir + "/run/file"); err != nil || info.IsDir() {
		t.Error("run/file:", info, err)
	}
	if _, err := os.Stat(dir + "/etc"); err == nil {
		t.Error("etc is there already in a layer")
	}
}
