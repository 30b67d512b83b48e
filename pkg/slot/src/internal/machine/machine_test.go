package machine

import (
	"os"
	"path/filepath"
	"testing"
	"unicode/utf16"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func set(t *testing.T, sys, name, text string) {
	t.Helper()
	data := []byte{6, 0, 0, 0}
	for _, word := range utf16.Encode([]rune(text + "\x00")) {
		data = append(data, byte(word), byte(word>>8))
	}
	write(t, filepath.Join(sys, "firmware/efi/efivars", name+vendor), string(data))
}

// booted is the sysfs of a machine with two disks, one of which it was started from.
func booted(t *testing.T) string {
	sys := t.TempDir()
	set(t, sys, "LoaderEntrySelected", "slot-2.efi")
	for disk, partitions := range map[string]map[string]string{
		"vda": {"vda1": "PARTNAME=EFI\n", "vda2": "PARTNAME=lkbuild-root\n", "vda3": "PARTNAME=lkbuild-root\n"},
		"vdb": {"vdb1": "PARTNAME=lkbuild-root\n", "vdb2": "PARTNAME=EFI\n"},
	} {
		for name, uevent := range partitions {
			folder := filepath.Join(sys, "devices", disk, name)
			write(t, filepath.Join(folder, "uevent"), uevent)
			write(t, filepath.Join(folder, "size"), "2048\n")
			link := filepath.Join(sys, "class/block", name)
			if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(folder, link); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(t, filepath.Join(sys, "class/block/dm-0/dm/name"), "lkbuild-root\n")
	write(t, filepath.Join(sys, "class/block/dm-0/slaves/vda3/size"), "2048\n")
	return sys
}

func TestTheOtherSlotIsTheRootOfTheSameDiskThatDoesNotRun(t *testing.T) {
	sys := booted(t)
	want := Machine{ESP: "/dev/vda1", Running: "slot-2.efi", Root: "/dev/vda3", Other: Device{"/dev/vda2", 1 << 20}}
	if got, err := Find(sys); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAMachineThatWasStartedOtherwiseHasNoSlots(t *testing.T) {
	for _, missing := range []string{"firmware", "class/block/vda1", "class/block/vda2", "class/block/dm-0"} {
		sys := booted(t)
		if err := os.RemoveAll(filepath.Join(sys, missing)); err != nil {
			t.Fatal(err)
		}
		if got, err := Find(sys); err == nil {
			t.Errorf("without %s: %+v", missing, got)
		}
	}
}
