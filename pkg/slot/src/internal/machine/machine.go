// Package machine finds out what this machine was started from: the boot
// loader's entry, the EFI system partition, and the partition of the root that
// runs, by the firmware's variables (systemd.io/BOOT_LOADER_INTERFACE) and
// sysfs. It changes nothing.
package machine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf16"
)

const (
	vendor    = "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
	espLabel  = "EFI"
	rootLabel = "lkbuild-root" // of the partitions, and of the checked device
	sector    = 512            // bytes: sysfs's, whatever the disk's are
)

// Machine is the slots of this machine.
type Machine struct {
	ESP     string // device
	Running string // the boot loader's entry, without counters
	Root    string // device of the root that runs
	Other   Device // the root that may be written
}

// Device is a partition.
type Device struct {
	Path string
	Size int64
}

// Find looks below `sys` (/sys).
func Find(sys string) (Machine, error) {
	variables := filepath.Join(sys, "firmware/efi/efivars")
	running, err := variable(variables, "LoaderEntrySelected")
	if err != nil {
		return Machine{}, fmt.Errorf("this machine was not started by systemd-boot: %w", err)
	}
	m := Machine{Running: running}
	return m, m.findPartitions(filepath.Join(sys, "class/block"))
}

// findPartitions looks on the disk of the root that runs alone.
func (m *Machine) findPartitions(class string) error {
	running, err := lower(class)
	if err != nil {
		return err
	}
	esps, roots := partitions(class, running, espLabel), partitions(class, running, rootLabel)
	if len(esps) != 1 || len(roots) != 2 {
		return fmt.Errorf("the disk of %s has %d EFI system partitions and %d slots", running, len(esps), len(roots))
	}
	m.ESP, m.Root = "/dev/"+esps[0], "/dev/"+running
	other := roots[0]
	if other == running {
		other = roots[1]
	}
	size, err := sectors(class, other)
	m.Other = Device{Path: "/dev/" + other, Size: size * sector}
	return err
}

// lower is the partition below the checked device that is the root.
func lower(class string) (string, error) {
	names, _ := filepath.Glob(filepath.Join(class, "dm-*/dm/name"))
	for _, file := range names {
		text, err := os.ReadFile(file)
		if err != nil || strings.TrimSpace(string(text)) != rootLabel {
			continue
		}
		below, _ := filepath.Glob(filepath.Join(filepath.Dir(filepath.Dir(file)), "slaves/*"))
		if len(below) > 0 {
			return filepath.Base(below[0]), nil
		}
	}
	return "", errors.New("the root of this machine is on no slot")
}

// disk is the disk that a partition is on.
func disk(class, name string) string {
	path, err := filepath.EvalSymlinks(filepath.Join(class, name))
	if err != nil {
		return ""
	}
	return filepath.Dir(path)
}

func sectors(class, name string) (int64, error) {
	text, err := os.ReadFile(filepath.Join(class, name, "size"))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}

// partitions are those with a label on the disk of another one.
func partitions(class, beside, label string) []string {
	var found []string
	events, _ := filepath.Glob(filepath.Join(class, "*/uevent"))
	for _, file := range events {
		name := filepath.Base(filepath.Dir(file))
		text, _ := os.ReadFile(file)
		for _, line := range strings.Split(string(text), "\n") {
			if line == "PARTNAME="+label && disk(class, name) == disk(class, beside) {
				found = append(found, name)
			}
		}
	}
	return found
}

// variable is a text: 4 bytes of attributes, UTF-16 with a zero.
func variable(folder, name string) (string, error) {
	data, err := os.ReadFile(filepath.Join(folder, name+vendor))
	if err != nil {
		return "", err
	}
	var words []uint16
	for at := 4; at+1 < len(data); at += 2 {
		if word := binary.LittleEndian.Uint16(data[at:]); word != 0 {
			words = append(words, word)
		}
	}
	return string(utf16.Decode(words)), nil
}
