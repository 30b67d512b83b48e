// Package block finds disks and partitions by what they are called. It knows
// sysfs, not what is on them.
package block

import (
	"os"
	"path/filepath"
	"strings"
)

// Class is where the kernel lists block devices.
const Class = "/sys/class/block"

// Find gives the paths of the devices that are wanted: /dev/NAME,
// PARTUUID=..., PARTLABEL=... . Partitions say in their uevent what their
// table calls them, and several may have one label.
func Find(wanted, class string) []string {
	key, value, named := strings.Cut(wanted, "=")
	if !named {
		name := strings.TrimPrefix(wanted, "/dev/")
		if _, err := os.Stat(filepath.Join(class, strings.ReplaceAll(name, "/", "!"))); err != nil {
			return nil
		}
		return []string{"/dev/" + name}
	}
	key = map[string]string{"PARTUUID": "PARTUUID", "PARTLABEL": "PARTNAME"}[key]
	var found []string
	for _, name := range Names(class) {
		text, err := os.ReadFile(filepath.Join(class, name, "uevent"))
		if err != nil {
			continue
		}
		for _, line := range strings.Split(string(text), "\n") {
			if k, v, ok := strings.Cut(line, "="); ok && k == key && strings.EqualFold(v, value) {
				found = append(found, "/dev/"+name)
			}
		}
	}
	return found
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
