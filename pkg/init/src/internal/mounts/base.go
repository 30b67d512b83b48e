// Package mounts knows how to mount what every image needs: the kernel's file
// systems, overlays, and how to get rid of mounts. It does not know which
// layers or containers there are.
package mounts

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

const (
	nosuid = syscall.MS_NOSUID
	nodev  = syscall.MS_NODEV
	noexec = syscall.MS_NOEXEC
	strict = nosuid | nodev | noexec
)

type entry struct {
	kind, target string
	flags        uintptr
	options      string
	optional     bool // the kernel may lack it
}

// /var can be executed from: where there is no disk, container engines keep
// volumes there. cgroup2 options: cgroup-v2.rst of the kernel.
var base = []entry{
	{"proc", "/proc", strict, "", false},
	{"sysfs", "/sys", strict, "", false},
	{"devtmpfs", "/dev", nosuid | noexec, "mode=0755", false},
	{"devpts", "/dev/pts", nosuid | noexec, "gid=5,mode=0620,ptmxmode=0666", true},
	{"tmpfs", "/dev/shm", strict, "mode=1777", false},
	{"mqueue", "/dev/mqueue", strict, "", true},
	{"tmpfs", "/run", strict, "mode=0755,size=20%", false},
	{"tmpfs", "/tmp", strict, "mode=1777,size=20%", false},
	{"tmpfs", "/var", nosuid | nodev, "mode=0755,size=50%", false},
	{"cgroup2", "/sys/fs/cgroup", strict, "nsdelegate,memory_recursiveprot", true},
	{"bpf", "/sys/fs/bpf", strict, "mode=0700", true},
}

// Points are the directories at the top of the root that Base mounts on.
func Points() []string { return []string{"proc", "sys", "dev", "run", "tmp", "var"} }

// Base mounts the kernel's file systems and the writable tmpfs. Optional ones
// that fail are returned beside the error of one that is needed.
func Base() (missing []string, err error) {
	for _, e := range base {
		if strings.HasPrefix(e.target, "/dev/") {
			os.Mkdir(e.target, 0o755)
		}
		mountErr := syscall.Mount(e.kind, e.target, e.kind, e.flags, e.options)
		switch {
		case mountErr == nil:
		case e.optional:
			missing = append(missing, fmt.Sprintf("%s on %s: %v", e.kind, e.target, mountErr))
		default:
			return missing, fmt.Errorf("mount %s on %s: %w", e.kind, e.target, mountErr)
		}
	}
	return missing, makeTree()
}

// makeTree makes the links and directories that programs expect.
func makeTree() error {
	links := [][2]string{
		{"/proc/self/fd", "/dev/fd"},
		{"/proc/self/fd/0", "/dev/stdin"},
		{"/proc/self/fd/1", "/dev/stdout"},
		{"/proc/self/fd/2", "/dev/stderr"},
		{"/run", "/var/run"},
		{"/run/lock", "/var/lock"},
	}
	for _, l := range links {
		os.Symlink(l[0], l[1])
	}
	for _, dir := range []string{"/run/lock", "/run/log", "/run/lkbuild/containers", "/run/lkbuild/runtime", "/var/lib", "/var/log", "/var/cache"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := os.MkdirAll("/var/tmp", 0o755); err != nil {
		return err
	}
	return os.Chmod("/var/tmp", 0o777|os.ModeSticky)
}

// MakeShared lets mounts propagate from and to containers that ask for it.
func MakeShared() error {
	return syscall.Mount("", "/", "", syscall.MS_SHARED|syscall.MS_REC, "")
}

// EnableControllers lets child cgroups use every controller there is.
func EnableControllers() error {
	const root = "/sys/fs/cgroup/"
	have, err := os.ReadFile(root + "cgroup.controllers")
	if err != nil {
		return err
	}
	for _, c := range strings.Fields(string(have)) {
		// One by one: some can't be enabled while real-time processes run (cgroup-v2.rst).
		if werr := os.WriteFile(root+"cgroup.subtree_control", []byte("+"+c), 0); werr != nil {
			err = fmt.Errorf("cgroup controller %s: %w", c, werr)
		}
	}
	return err
}
