// Package block finds disks and partitions by what they are called. It knows
// sysfs, not what is on them.
package block

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Class is where the kernel lists block devices.
const Class = "/sys/class/block"

// Find gives the paths of the devices that are wanted: /dev/NAME,
// PARTUUID=..., PARTLABEL=... . Several partitions may have one label.
func Find(wanted, class string) []string {
	key, value, named := strings.Cut(wanted, "=")
	var is func(name string) bool
	switch {
	case !named:
		wanted = strings.ReplaceAll(strings.TrimPrefix(wanted, "/dev/"), "/", "!")
		is = func(name string) bool { return name == wanted }
	case key == "PARTLABEL":
		is = func(name string) bool { return strings.EqualFold(label(class, name), value) }
	case key == "PARTUUID":
		is = func(name string) bool { return strings.EqualFold(uuid(class, name), value) }
	default:
		return nil
	}
	var found []string
	for _, name := range Names(class) {
		if is(name) {
			found = append(found, path(name))
		}
	}
	return found
}

func path(name string) string { return "/dev/" + strings.ReplaceAll(name, "!", "/") }

// label is what the partition table calls a partition.
func label(class, name string) string {
	text, _ := os.ReadFile(filepath.Join(class, name, "uevent"))
	for _, line := range strings.Split(string(text), "\n") {
		if found, ok := strings.CutPrefix(line, "PARTNAME="); ok {
			return found
		}
	}
	return ""
}

// uuid is the same by number: the kernel does not say it before 6.13, so it is
// read from the disk.
func uuid(class, name string) string {
	index := number(class, name, "partition")
	link, err := filepath.EvalSymlinks(filepath.Join(class, name))
	if index == 0 || err != nil {
		return ""
	}
	disk := filepath.Base(filepath.Dir(link))
	f, err := os.Open(path(disk))
	if err != nil {
		return ""
	}
	defer f.Close()
	return UniqueGUID(f, number(class, disk, "queue/logical_block_size"), index)
}

// Names are all that there are.
func Names(class string) []string {
	entries, _ := os.ReadDir(class)
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// number is one that sysfs says of a device; 0: none.
func number(class, name, file string) int64 {
	text, _ := os.ReadFile(filepath.Join(class, name, file))
	value, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return value
}
