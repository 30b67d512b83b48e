package block

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestADiskIsFoundByItsNameOrByWhatThePartitionTableCallsIt(t *testing.T) {
	class := t.TempDir()
	for name, uevent := range map[string]string{
		"vda":           "MAJOR=254\nDEVNAME=vda\nDEVTYPE=disk\n",
		"vda2":          "DEVNAME=vda2\nDEVTYPE=partition\nPARTN=2\nPARTNAME=root\nPARTUUID=4c4b4255-0000-5000-8000-0000000000ab\n",
		"vda3":          "DEVNAME=vda3\nDEVTYPE=partition\nPARTN=3\nPARTNAME=root\n",
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
	for wanted, devices := range map[string][]string{
		"/dev/vda":        {"/dev/vda"},
		"/dev/vdb":        nil,
		"/dev/cciss/c0d0": {"/dev/cciss/c0d0"},
		"PARTUUID=4C4B4255-0000-5000-8000-0000000000AB": {"/dev/vda2"},
		"PARTUUID=4c4b4255-0000-5000-8000-0000000000ac": nil,
		"PARTLABEL=root": {"/dev/vda2", "/dev/vda3"},
		"UUID=root":      nil,
	} {
		if got := Find(wanted, class); !reflect.DeepEqual(got, devices) {
			t.Errorf("%s: got %q, want %q", wanted, got, devices)
		}
	}
}
