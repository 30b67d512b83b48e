package provider

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"testing/fstest"

	"lkbuild/metadata/internal/machine"
	"lkbuild/metadata/internal/volume"
)

func files(content map[string]string) fstest.MapFS {
	found := fstest.MapFS{}
	for name, text := range content {
		found[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return found
}

func TestADiskLabelledCidataIsTakenWhateverTheCase(t *testing.T) {
	content := files(map[string]string{
		"meta-data": "instance-id: iid-1\nlocal-hostname: box\npublic-keys:\n  - ssh-ed25519 AAAA a\n",
		"user-data": "#cloud-config\n",
	})
	for _, label := range []string{"cidata", "CIDATA"} {
		told(t, CIData{Shelf: shelf{{Device: "/dev/vdb", Kind: "vfat", Label: label}: content}}, machine.Data{
			Hostname: "box", Keys: []string{"ssh-ed25519 AAAA a"}, Userdata: []byte("#cloud-config\n"),
			Facts: map[string]string{"instance_id": "iid-1"},
		})
	}
}

func TestACdRomWithLinuxKitsFileIsTakenAndOthersAreNot(t *testing.T) {
	ours, music := volume.Volume{Device: "/dev/sr1", Kind: "iso9660", Label: "x"}, volume.Volume{Device: "/dev/sr0", Kind: "iso9660", Label: "MUSIC"}
	disk := volume.Volume{Device: "/dev/vda", Kind: "vfat", Label: "x"}
	config := files(map[string]string{"config": "{}"})
	told(t, CIData{Shelf: shelf{music: files(nil), ours: config}}, machine.Data{Userdata: []byte("{}")})
	if _, err := (CIData{Shelf: shelf{music: files(nil), disk: config}}).Fetch(t.Context()); !errors.Is(err, machine.ErrAbsent) {
		t.Error(err)
	}
}

func TestMetaDataIsReadAsYamlOrJson(t *testing.T) {
	for text, want := range map[string]map[string][]string{
		"":                                   {},
		"---\n# hello\nhostname: \"a b\"\n":  {"hostname": {"a b"}},
		"a: 'x' \nb:\nc: x # said\n":         {"a": {"x"}, "b": nil, "c": {"x"}},
		"k: [one, 'two']\n":                  {"k": {"one", "two"}},
		"k:\n- one\n- two\nl: x\n":           {"k": {"one", "two"}, "l": {"x"}},
		"k:\n  me: ssh-rsa AAAA\n  you: b\n": {"k": {"ssh-rsa AAAA", "b"}},
		"deep:\n  a:\n    - x\n":             {"deep": {"x"}},
		`{"hostname": "h", "k": ["a", 1], "n": {"m": "b"}, "o": 3}`: {"hostname": {"h"}, "k": {"a"}, "n": {"b"}},
	} {
		if got, err := parseMeta([]byte(text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"- item\n", "no colon\n", "  indented: x\n", "a:b\n", "k:\n  nonsense\n", "{"} {
		if got, err := parseMeta([]byte(text)); err == nil {
			t.Errorf("%q is taken: %v", text, got)
		}
	}
}

func TestAFileIsUserdataAndAMissingOneIsNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "userdata")
	if _, err := (File{Path: path}).Fetch(t.Context()); !errors.Is(err, machine.ErrAbsent) {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte("ud"), 0o600); err != nil {
		t.Fatal(err)
	}
	told(t, File{Path: path}, machine.Data{Userdata: []byte("ud")})
}
