// Package disk makes a root that lies on a disk the root of this process,
// where the initramfs holds no system but only init and the modules that find
// the disk. It knows the command line's root= and the layout of such a disk
// (docs/format/image.md), not what is on it.
package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"lkbuild/init/internal/machine"
	"lkbuild/init/internal/modules"
	"lkbuild/init/internal/mounts"
	"lkbuild/init/internal/root"
	"lkbuild/init/internal/sys"
)

const (
	target = "/.disk"
	medium = "/.medium"

	patience = 30 * time.Second       // a disk behind a slow bus
	pause    = 50 * time.Millisecond // between two looks
)

// kinds are the file systems that a root can be, in the order in which they
// are tried where the command line names none.
var kinds = []string{"erofs", "squashfs"}

// Root is what the command line says of the root.
type Root struct {
	Device string // a path in /dev, PARTUUID=, PARTLABEL=
	Kinds  []string
	File   string // on the device, that is the root; none: the device is
}

// Parse reads root= and rootfstype= (kernel-parameters.txt), and lkbuild.root=;
// the last of each counts.
func Parse(cmdline []string) Root {
	r := Root{Kinds: kinds}
	for _, word := range cmdline {
		if device, ok := strings.CutPrefix(word, "root="); ok {
			r.Device = device
		}
		if kind, ok := strings.CutPrefix(word, "rootfstype="); ok {
			r.Kinds = strings.Split(kind, ",")
		}
		if file, ok := strings.CutPrefix(word, "lkbuild.root="); ok {
			r.File = strings.TrimPrefix(file, "/")
		}
	}
	return r
}

// Enter finds the disk, mounts it, lets go of what the initramfs held for
// that, and starts the disk's own init in this one's place. It returns only
// with an error.
func Enter() error {
	if err := kernelFileSystems(); err != nil {
		return err
	}
	r := Parse(machine.Cmdline())
	if r.Device == "" {
		return errors.New("the initramfs has no boot plan, and the command line no root=")
	}
	tree := modules.Open("/")
	device, err := await(r.Device, tree)
	if err != nil {
		return err
	}
	if r.File == "" {
		err = mount(device, target, r.Kinds, tree)
	} else if err = mount(device, medium, r.Kinds, tree); err == nil {
		// Linux mounts an EROFS from a file as it is, since 6.12.
		err = mount(filepath.Join(medium, r.File), target, []string{"erofs"}, tree)
	}
	if err != nil {
		return err
	}
	for _, dir := range []string{"/proc", "/sys", "/dev"} {
		mounts.Detach(dir)
	}
	for _, name := range []string{"/init", "/lib", "/usr"} {
		if err := os.RemoveAll(name); err != nil {
			return err
		}
	}
	if err := sys.Bind("/", target+root.Early, sys.AttrReadOnly, false); err != nil {
		return err
	}
	if err := root.Enter(target); err != nil {
		return err
	}
	return os.NewSyscallError("start the disk's init", syscall.Exec("/init", []string{"/init"}, os.Environ()))
}

func kernelFileSystems() error {
	for _, m := range [][2]string{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}} {
		if err := os.MkdirAll(m[1], 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(m[0], m[1], m[0], 0, ""); err != nil && !errors.Is(err, syscall.EBUSY) {
			return fmt.Errorf("mount %s: %w", m[1], err)
		}
	}
	return nil
}

// await loads the drivers of what there is until the device appears.
func await(wanted string, tree *modules.Tree) (string, error) {
	for began := sys.SinceBoot(); ; time.Sleep(pause) {
		tree.Coldplug("/sys/devices") // a driver for what the machine lacks fails: no news
		if device := find(wanted, "/sys/class/block"); device != "" {
			return device, nil
		}
		if sys.SinceBoot()-began > patience {
			return "", fmt.Errorf("root=%s: no such disk after %s; there are: %s", wanted, patience, strings.Join(names("/sys/class/block"), " "))
		}
	}
}

// find is the device's path, or nothing while it is not there. Partitions say
// in their uevent what their table calls them.
func find(wanted, class string) string {
	key, value, named := strings.Cut(wanted, "=")
	if !named {
		name := strings.TrimPrefix(wanted, "/dev/")
		if _, err := os.Stat(filepath.Join(class, strings.ReplaceAll(name, "/", "!"))); err != nil {
			return ""
		}
		return "/dev/" + name
	}
	key = map[string]string{"PARTUUID": "PARTUUID", "PARTLABEL": "PARTNAME"}[key]
	for _, name := range names(class) {
		text, err := os.ReadFile(filepath.Join(class, name, "uevent"))
		if err != nil {
			continue
		}
		for _, line := range strings.Split(string(text), "\n") {
			if k, v, ok := strings.Cut(line, "="); ok && k == key && strings.EqualFold(v, value) {
				return "/dev/" + name
			}
		}
	}
	return ""
}

func names(class string) []string {
	entries, _ := os.ReadDir(class)
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func mount(device, target string, kinds []string, tree *modules.Tree) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	var all []error
	for _, kind := range kinds {
		if err := tree.LoadAliases([]string{"fs-" + kind}); err != nil {
			all = append(all, err)
		}
		err := syscall.Mount(device, target, kind, syscall.MS_RDONLY, "")
		if err == nil {
			return nil
		}
		all = append(all, fmt.Errorf("mount %s as %s: %w", device, kind, err))
	}
	return errors.Join(all...)
}
