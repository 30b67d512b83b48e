// Package volume finds disks by the file system on them and reads it. It does
// not know what the files say.
package volume

import (
	"encoding/binary"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Volume is a block device with a file system that platforms put data on.
type Volume struct {
	Device string // /dev/sr0
	Kind   string // as mount(2) calls it: iso9660, udf, vfat
	Label  string // as it is written; empty for udf
}

// CDROM tells whether it is in a drive for optical media.
func (v Volume) CDROM() bool { return strings.HasPrefix(filepath.Base(v.Device), "sr") }

// Shelf is where volumes are found.
type Shelf interface {
	// List names them, by device.
	List() []Volume
	// With mounts one, read-only, for as long as use runs.
	With(v Volume, use func(fs.FS) error) error
}

// Devices are those of the running kernel.
type Devices struct{}

// List implements Shelf.
func (Devices) List() []Volume {
	var found []Volume
	paths, _ := filepath.Glob("/sys/class/block/*")
	for _, path := range paths {
		name := filepath.Base(path)
		if strings.HasPrefix(name, "loop") || strings.HasPrefix(name, "ram") || strings.HasPrefix(name, "zram") {
			continue
		}
		device := "/dev/" + name
		f, err := os.Open(device)
		if err != nil {
			continue // no medium, or not ours
		}
		if kind, label := identify(f); kind != "" {
			found = append(found, Volume{Device: device, Kind: kind, Label: label})
		}
		f.Close()
	}
	return found
}

// With implements Shelf by mount(2).
func (Devices) With(v Volume, use func(fs.FS) error) error {
	dir, err := os.MkdirTemp("", "volume")
	if err != nil {
		return err
	}
	defer os.Remove(dir)
	options := ""
	if v.Kind == "vfat" {
		options = "iocharset=iso8859-1" // what a kernel has as its default is often in none of its modules
	}
	flags := uintptr(syscall.MS_RDONLY | syscall.MS_NODEV | syscall.MS_NOEXEC | syscall.MS_NOSUID)
	if err := syscall.Mount(v.Device, dir, v.Kind, flags, options); err != nil {
		return &os.PathError{Op: "mount as " + v.Kind, Path: v.Device, Err: err}
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	return use(os.DirFS(dir))
}

// identify tells what file system begins here, and its label. Kind is empty
// for all others.
func identify(r io.ReaderAt) (kind, label string) {
	// A volume recognition sequence begins at 32 KiB, in descriptors of 2 KiB (ECMA-167 2/8); ISO 9660's is one, too.
	iso := ""
	for sector := int64(16); sector < 32; sector++ {
		var descriptor [2048]byte
		if _, err := r.ReadAt(descriptor[:], sector*2048); err != nil {
			break
		}
		switch string(descriptor[1:6]) {
		case "NSR02", "NSR03":
			return "udf", ""
		case "CD001":
			if descriptor[0] == 1 { // the primary one has the label (ECMA-119 8.4)
				iso, label = "iso9660", trim(descriptor[40:72])
			}
		case "BEA01", "TEA01", "BOOT2", "CDW02":
		default:
			sector = 32
		}
	}
	if iso != "" {
		return iso, label
	}
	var boot [512]byte
	if _, err := r.ReadAt(boot[:], 0); err != nil || binary.LittleEndian.Uint16(boot[510:]) != 0xAA55 {
		return "", ""
	}
	switch {
	case string(boot[82:87]) == "FAT32":
		return "vfat", trim(boot[71:82])
	case string(boot[54:57]) == "FAT":
		return "vfat", trim(boot[43:54])
	}
	return "", ""
}

func trim(field []byte) string { return strings.TrimRight(string(field), " \x00") }
