package mounts

import (
	"os"
	"strings"
	"syscall"
)

const detach = 2 // MNT_DETACH

// Detach unmounts target and everything mounted over it; it waits for nobody.
func Detach(target string) {
	for syscall.Unmount(target, detach) == nil {
		continue
	}
}

// Mount is one line of /proc/self/mountinfo.
type Mount struct{ Target, Kind string }

// ParseMountinfo reads mountinfo (proc_pid_mountinfo(5)), in its order: a
// mount comes after the one it lies on.
func ParseMountinfo(text string) []Mount {
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var out []Mount
	for _, line := range strings.Split(text, "\n") {
		before, after, ok := strings.Cut(line, " - ")
		fields, kinds := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(kinds) < 1 {
			continue
		}
		out = append(out, Mount{Target: unescape.Replace(fields[4]), Kind: kinds[0]})
	}
	return out
}

// kept are file systems of the kernel, without anything to write back.
var kept = map[string]bool{
	"proc": true, "sysfs": true, "devtmpfs": true, "devpts": true, "cgroup2": true, "mqueue": true, "bpf": true, "rootfs": true,
	"efivarfs": true,
}

// UnmountAll unmounts in reverse order, and makes read-only what is busy. It
// returns the targets that could be neither.
func UnmountAll() (busy []string) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if os.IsNotExist(err) {
		return nil // it ends before anything was mounted
	}
	if err != nil {
		return []string{err.Error()}
	}
	all := ParseMountinfo(string(text))
	for i := len(all) - 1; i >= 0; i-- {
		m := all[i]
		if kept[m.Kind] || m.Target == "/" || m.Target == "/.base" {
			continue
		}
		if syscall.Unmount(m.Target, 0) == nil || m.Kind == "tmpfs" || m.Kind == "overlay" {
			continue
		}
		if syscall.Mount("", m.Target, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "") != nil {
			busy = append(busy, m.Target)
		}
	}
	return busy
}
