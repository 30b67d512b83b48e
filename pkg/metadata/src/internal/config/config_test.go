package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lkbuild/metadata/internal/machine"
)

func write(t *testing.T, data *machine.Data) (string, error) {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	return dir, Write(root, "test", data)
}

func expect(t *testing.T, dir, name, content string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(dir, name)
	text, err := os.ReadFile(path)
	if err != nil || string(text) != content {
		t.Errorf("%s: %q, %v", name, text, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
		t.Errorf("%s: %v, %v", name, info, err)
	}
}

func TestAMachinesDataIsLaidOutAsLinuxKitDoes(t *testing.T) {
	data := &machine.Data{Hostname: "box", Userdata: []byte("#!/bin/sh\n")}
	data.Fact("instance_id", "i-1\n")
	data.Fact("public_ipv4", "")
	data.Key("ssh-ed25519 AAAA a\n")
	data.Key("ssh-ed25519 AAAA a")
	data.Key("ssh-ed25519 BBBB b")
	dir, err := write(t, data)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, dir, "provider", "test", 0o644)
	expect(t, dir, "hostname", "box", 0o644)
	expect(t, dir, "instance_id", "i-1", 0o644)
	expect(t, dir, "userdata", "#!/bin/sh\n", 0o644)
	expect(t, dir, "ssh/authorized_keys", "ssh-ed25519 AAAA a\nssh-ed25519 BBBB b\n", 0o600)
	if _, err := os.Stat(filepath.Join(dir, "public_ipv4")); !os.IsNotExist(err) {
		t.Error("a fact without a value is a file")
	}
}

func TestUserdataInJsonBecomesFiles(t *testing.T) {
	data := &machine.Data{Userdata: []byte(`{
		"ssh": {"entries": {"sshd_config": {"perm": "0600", "content": "PermitRootLogin yes"}}},
		"foo": {"entries": {"bar": {"content": "foobar"}, "deep": {"perm": "0700", "entries": {"x": {"content": ""}}}}},
		"top": {"content": "t"}
	}`)}
	data.Key("ssh-ed25519 AAAA a")
	dir, err := write(t, data)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, dir, "ssh/sshd_config", "PermitRootLogin yes", 0o600)
	expect(t, dir, "ssh/authorized_keys", "ssh-ed25519 AAAA a\n", 0o600)
	expect(t, dir, "foo/bar", "foobar", 0o644)
	expect(t, dir, "foo/deep/x", "", 0o644)
	expect(t, dir, "top", "t", 0o644)
	if info, err := os.Stat(filepath.Join(dir, "foo/deep")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestWhatIsWrongInUserdataIsSaidAndTheRestIsWritten(t *testing.T) {
	dir, err := write(t, &machine.Data{Userdata: []byte(`{
		"../escape": {"content": "x"},
		"both": {"content": "x", "entries": {}},
		"mode": {"content": "x", "perm": "rw-"},
		"neither": {},
		"right": {"content": "r"},
		"up": {"entries": {"..": {"content": "x"}}}
	}`)})
	if err == nil {
		t.Fatal("nothing was wrong")
	}
	for _, name := range []string{"escape", "both", "mode", "neither", "up/.."} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named in %q", name, err)
		}
	}
	expect(t, dir, "right", "r", 0o644)
	if _, err := os.Stat(filepath.Join(filepath.Dir(dir), "escape")); !os.IsNotExist(err) {
		t.Error("a file was written outside")
	}
}

func TestUserdataThatIsBrokenJsonIsKeptAndSaid(t *testing.T) {
	dir, err := write(t, &machine.Data{Userdata: []byte(`{"a": `)})
	if err == nil {
		t.Error("broken JSON is no error")
	}
	expect(t, dir, "userdata", `{"a": `, 0o644)
}

func TestALinkInTheFolderDoesNotLeadOut(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "ssh")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	data := &machine.Data{Userdata: []byte(`{"ssh": {"entries": {"x": {"content": "x"}}}}`)}
	if err := Write(root, "test", data); err == nil {
		t.Error("a link out of the folder was followed")
	}
}
