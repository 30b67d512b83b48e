package volume

import (
	"bytes"
	"testing"
)

func disk(parts map[int]string) *bytes.Reader {
	image := make([]byte, 128<<10)
	for at, text := range parts {
		copy(image[at:], text)
	}
	return bytes.NewReader(image)
}

func TestFileSystemsAreToldByTheirMarks(t *testing.T) {
	for name, c := range map[string]struct {
		parts       map[int]string
		kind, label string
	}{
		"iso9660":                      {map[int]string{32768: "\x01CD001\x01", 32768 + 40: "cidata          ", 34816: "\xffCD001"}, "iso9660", "cidata"},
		"FAT16":                        {map[int]string{43: "CIDATA     FAT16   ", 510: "\x55\xaa"}, "vfat", "CIDATA"},
		"FAT32":                        {map[int]string{71: "config-2   FAT32   ", 510: "\x55\xaa"}, "vfat", "config-2"},
		"UDF":                          {map[int]string{32768: "\x00BEA01\x01", 34816: "\x00NSR03\x01", 36864: "\x00TEA01\x01"}, "udf", ""},
		"UDF with a bridge":            {map[int]string{32768: "\x01CD001\x01", 34816: "\xffCD001\x01", 36864: "\x00BEA01", 38912: "\x00NSR02"}, "udf", ""},
		"nothing":                      {nil, "", ""},
		"a boot sector that is no FAT": {map[int]string{0: "MZ", 510: "\x55\xaa"}, "", ""},
	} {
		if kind, label := identify(disk(c.parts)); kind != c.kind || label != c.label {
			t.Errorf("%s: %q %q", name, kind, label)
		}
	}
}

func TestADeviceThatEndsEarlyHasNoFileSystem(t *testing.T) {
	if kind, _ := identify(bytes.NewReader([]byte("short"))); kind != "" {
		t.Error(kind)
	}
}
