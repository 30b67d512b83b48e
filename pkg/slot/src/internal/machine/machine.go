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
	rootLabel = "lkbuild-root" // of the partitions, and of the checked device
	sector    = 512            // bytes: sysfs's, whatever the disk's are
)

// Machine is the slots of this machine.
type Machine struct {
	ESP     string // device
	Running string // the boot loader's entry, without counters
	Counted bool   // it has not been found good yet
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
	esp, err := variable(variables, "LoaderDevicePartUUID")
	if err != nil {
		return Machine{}, err
	}
	_, err = variable(variables, "LoaderBootCountPath")
	m := Machine{Running: running, Counted: err == nil}
	class := filepath.Join(sys, "class/block")
	found := partitions(class, "PARTUUID", esp)
	if len(found) != 1 {
		return Machine{}, fmt.Errorf("there are %d EFI system partitions %s", len(found), esp)
	}
	m.ESP = "/dev/" + found[0]
	return m, m.findRoots(class, found[0])
}

func (m *Machine) findRoots(class, esp string) error {
	running, err := lower(class)
	if err != nil {
		return err
	}
	m.Root = "/dev/" + running
	for _, name := range partitions(class, "PARTNAME", rootLabel) {
		if name == running || disk(class, name) != disk(class, esp) {
			continue
		}
		size, err := sectors(class, name)
		if err != nil {
			return err
		}
		m.Other = Device{Path: "/dev/" + name, Size: size * sector}
	}
	if m.Other.Path == "" {
		return errors.New("this disk has no second slot")
	}
	return nil
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

// partitions are those whose uevent says so.
func partitions(class, key, value string) []string {
	var found []string
	events, _ := filepath.Glob(filepath.Join(class, "*/uevent"))
	for _, file := range events {
		text, _ := os.ReadFile(file)
		for _, line := range strings.Split(string(text), "\n") {
			if k, v, ok := strings.Cut(line, "="); ok && k == key && strings.EqualFold(v, value) {
				found = append(found, filepath.Base(filepath.Dir(file)))
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
