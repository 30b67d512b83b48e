package block

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestADiskIsFoundByItsNameOrByWhatThePartitionTableCallsIt(t *testing.T) {
	class := t.TempDir()
	for name, uevent := range map[string]string{
		"vda":           "MAJOR=254\nDEVNAME=vda\nDEVTYPE=disk\n",
		"vda2":          "DEVNAME=vda2\nDEVTYPE=partition\nPARTN=2\nPARTNAME=root\n",
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
		"PARTLABEL=root":  {"/dev/vda2", "/dev/vda3"},
		"PARTUUID=4c4b4255-0000-5000-8000-0000000000ac": nil,
		"UUID=root": nil,
	} {
		if got := Find(wanted, class); !reflect.DeepEqual(got, devices) {
			t.Errorf("%s: got %q, want %q", wanted, got, devices)
		}
	}
}

func TestAPartitionSGUIDIsReadWhereverTheTableLies(t *testing.T) {
	const sector, table = 4096, 3
	disk := make([]byte, 16*sector)
	header := disk[sector:]
	copy(header, "EFI PART")
	binary.LittleEndian.PutUint64(header[72:], table)
	binary.LittleEndian.PutUint32(header[80:], 4)
	binary.LittleEndian.PutUint32(header[84:], 256)
	copy(disk[table*sector+256+16:], "\x55\x42\x4b\x4c\x01\x00\x02\x50\x80\x00\x00\x00\x00\x00\x00\xab")
	if got, want := UniqueGUID(bytes.NewReader(disk), sector, 2), "4c4b4255-0001-5002-8000-0000000000ab"; got != want {
		t.Errorf("got %s", got)
	}
	for _, wrong := range []struct{ sector, index int64 }{{512, 2}, {sector, 0}, {sector, 5}} {
		if got := UniqueGUID(bytes.NewReader(disk), wrong.sector, wrong.index); got != "" {
			t.Errorf("%v: got %s", wrong, got)
		}
	}
	if got := UniqueGUID(bytes.NewReader(disk[:table*sector+300]), sector, 2); got != "" {
		t.Errorf("got %s from half a table", got)
	}
}
