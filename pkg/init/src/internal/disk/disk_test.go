package disk

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestTheLastRootOnTheCommandLineCounts(t *testing.T) {
	got := Parse([]string{"root=/dev/sda", "quiet", "rootfstype=squashfs,erofs", "root=/dev/vda"})
	if want := (Root{"/dev/vda", []string{"squashfs", "erofs"}, ""}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := Parse([]string{"lkbuild.root=/root.erofs"}); got.File != "root.erofs" {
		t.Errorf("got %v", got)
	}
	if got := Parse([]string{"console=ttyS0"}); got.Device != "" || len(got.Kinds) == 0 {
		t.Errorf("got %v", got)
	}
}

func TestADiskIsFoundByItsNameOrByWhatThePartitionTableCallsIt(t *testing.T) {
	class := t.TempDir()
	for name, uevent := range map[string]string{
		"vda":           "MAJOR=254\nDEVNAME=vda\nDEVTYPE=disk\n",
		"vda2":          "DEVNAME=vda2\nDEVTYPE=partition\nPARTN=2\nPARTNAME=root\nPARTUUID=4c4b4255-0000-5000-8000-0000000000ab\n",
		"cciss!c0d0":    "DEVNAME=cciss/c0d0\n",
		"without-event": "",
	} {
		if err := os.Mkdir(filepath.Join(class, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if uevent != "" {
			if err := os.WriteFile(filepath.Join(class, name, "uevent"), []byte(uevent), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for wanted, device := range map[string]string{
		"/dev/vda":        "/dev/vda",
		"/dev/vdb":        "",
		"/dev/cciss/c0d0": "/dev/cciss/c0d0",
		"PARTUUID=4C4B4255-0000-5000-8000-0000000000AB": "/dev/vda2",
		"PARTUUID=4c4b4255-0000-5000-8000-0000000000ac": "",
		"PARTLABEL=root": "/dev/vda2",
		"UUID=root":      "",
	} {
		if got := find(wanted, class); got != device {
			t.Errorf("%s: got %q, want %q", wanted, got, device)
		}
	}
}
