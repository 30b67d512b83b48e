package runtimejson

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"lkbuild/init/internal/link"
)

const dirMode = 0o755

// Prepare does what comes before the container is made, in LinuxKit's order:
// mounts, then directories (which may lie on them), then cgroups.
func (s Section) Prepare(rootfs string) error {
	for _, m := range s.Mounts {
		if err := m.apply(rootfs); err != nil {
			return fmt.Errorf("runtime mount %s: %w", m.Destination, err)
		}
	}
	for _, dir := range s.Mkdir {
		if err := os.MkdirAll(within(rootfs, dir), dirMode); err != nil {
			return err
		}
	}
	for _, group := range s.Cgroups {
		if err := os.MkdirAll(filepath.Join("/sys/fs/cgroup", group), dirMode); err != nil {
			return err
		}
	}
	return nil
}

func within(rootfs, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(rootfs, path)
}

func (m Mount) apply(rootfs string) error {
	target := within(rootfs, m.Destination)
	o := ParseOptions(m.Options)
	for _, dir := range append(o.Dirs, target) {
		if err := os.MkdirAll(dir, dirMode); err != nil {
			return err
		}
	}
	plain := o.Flags&syscall.MS_REMOUNT != 0 && o.Propagation != 0 // LinuxKit's "remount, private"
	if !plain {
		if err := syscall.Mount(m.Source, target, m.Type, o.Flags, o.Data); err != nil {
			return err
		}
	}
	const restrict = syscall.MS_RDONLY | syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC
	if o.Flags&syscall.MS_BIND != 0 && o.Flags&restrict != 0 {
		// A bind takes no other flags in its first call (mount(2)).
		if err := syscall.Mount("", target, "", o.Flags|syscall.MS_REMOUNT, ""); err != nil {
			return err
		}
	}
	if o.Propagation != 0 {
		return syscall.Mount("", target, "", o.Propagation, "")
	}
	return nil
}

// Attach does what needs the container's process: its interfaces and the
// binding of its namespaces.
func (s Section) Attach(pid int) error {
	for _, in := range s.Interfaces {
		if err := in.attach(pid); err != nil {
			return fmt.Errorf("interface %s: %w", in.Name, err)
		}
	}
	return s.BindNS.bind(pid)
}

func (in Interface) attach(pid int) error {
	if in.Add == "" {
		return link.Move(in.Name, pid)
	}
	spec := link.Spec{Name: in.Name, Kind: in.Add, Peer: in.Peer, Pid: pid}
	if !in.CreateInRoot {
		return link.Add(spec)
	}
	// A WireGuard interface keeps its socket in the namespace where it was made.
	spec.Pid = 0
	if err := link.Add(spec); err != nil {
		return err
	}
	return link.Move(in.Name, pid)
}

func (n Namespaces) bind(pid int) error {
	for _, b := range []struct{ kind, path string }{
		{"cgroup", n.Cgroup}, {"ipc", n.IPC}, {"mnt", n.Mnt}, {"net", n.Net},
		{"pid", n.Pid}, {"user", n.User}, {"uts", n.UTS},
	} {
		if b.path == "" {
			continue
		}
		if err := bindOne(filepath.Join("/proc", strconv.Itoa(pid), "ns", b.kind), b.path); err != nil {
			return fmt.Errorf("bind %s namespace on %s: %w", b.kind, b.path, err)
		}
	}
	return nil
}

func bindOne(source, target string) error {
	if err := os.MkdirAll(filepath.Dir(target), dirMode); err != nil {
		return err
	}
	for syscall.Unmount(target, syscall.MNT_DETACH) == nil {
		continue // of an earlier start
	}
	f, err := os.OpenFile(target, os.O_CREATE|os.O_RDONLY, 0o444)
	if err != nil {
		return err
	}
	f.Close()
	return syscall.Mount(source, target, "", syscall.MS_BIND, "")
}

// Undo takes back the mounts of Prepare, last first.
func (s Section) Undo(rootfs string) {
	for i := len(s.Mounts) - 1; i >= 0; i-- {
		if o := ParseOptions(s.Mounts[i].Options); o.Flags&syscall.MS_REMOUNT == 0 {
			syscall.Unmount(within(rootfs, s.Mounts[i].Destination), syscall.MNT_DETACH)
		}
	}
}
