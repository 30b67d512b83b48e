package root

import (
	"os"
	"path/filepath"
	"testing"
)

func TestATopDirectoryGoesWhereALayersLinkPoints(t *testing.T) {
	layer := t.TempDir()
	os.Symlink("usr/lib", filepath.Join(layer, "lib"))
	os.Symlink("/", filepath.Join(layer, "self"))
	os.Mkdir(filepath.Join(layer, "etc"), 0o755)
	for name, want := range map[string]string{"lib": "usr/lib", "etc": "etc", "opt": "opt", "self": "self"} {
		if got := destination(name, []string{t.TempDir(), layer}); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestPlacingMergesDirectoriesAndReplacesFiles(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	for path, text := range map[string]string{from + "/a/x": "new", from + "/a/d/y": "y", to + "/a/x": "old", to + "/a/z": "z"} {
		os.MkdirAll(filepath.Dir(path), 0o755)
		os.WriteFile(path, []byte(text), 0o600)
	}
	if err := place(from+"/a", to+"/a"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/a/x": "new", "/a/d/y": "y", "/a/z": "z"} {
		if text, err := os.ReadFile(to + path); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
}
