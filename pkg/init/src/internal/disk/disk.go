// Package disk makes a root that lies on a disk, or packed in the initramfs,
// the root of this process, where the initramfs holds no system but only init
// and the modules that find it. It knows the command line's root= and the
// layout of such a root (docs/format/image.md), not what is in it.
package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"lkbuild/init/internal/block"
	"lkbuild/init/internal/machine"
	"lkbuild/init/internal/modules"
	"lkbuild/init/internal/mounts"
	"lkbuild/init/internal/root"
	"lkbuild/init/internal/sys"
	"lkbuild/init/internal/trial"
	"lkbuild/init/internal/verity"
	"lkbuild/init/internal/watchdog"
)

const (
	target = "/.disk"
	medium = "/.medium"
	packed = "/root.squashfs"

	patience = 30 * time.Second      // a disk behind a slow bus
	tried    = 2 * time.Minute       // for all of it, where another image is to be tried if this one hangs
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
	Verity string // what every block is checked against; none: nothing
}

// Parse reads root= and rootfstype= (kernel-parameters.txt), lkbuild.root= and
// lkbuild.verity=; the last of each counts.
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
		if root, ok := strings.CutPrefix(word, "lkbuild.verity="); ok {
			r.Verity = root
		}
	}
	return r
}

// Enter finds the root, mounts it, and starts its init in this one's place. It
// returns only with an error.
func Enter() error {
	if err := kernelFileSystems(); err != nil {
		return err
	}
	tree := modules.Open("/")
	trial.Mount(tree) // who fails here asks whether another image is to be tried
	if trial.Find() != nil {
		tree.Coldplug("/sys/devices") // a driver for what the machine lacks fails: no news
		watchdog.Arm(tried)
	}
	find := findDisk
	if _, err := os.Stat(packed); err == nil {
		find = unpack
	}
	if err := find(tree); err != nil {
		return err
	}
	if err := sys.Bind("/", target+root.Early, sys.AttrReadOnly, false); err != nil {
		return err
	}
	if err := root.Enter(target); err != nil {
		return err
	}
	return os.NewSyscallError("start the root's init", syscall.Exec("/init", []string{"/init"}, os.Environ()))
}

// unpack mounts the file system that lies in the initramfs. It has links to
// where init and the modules can be reached there, and not them once more.
func unpack(tree *modules.Tree) error {
	if err := mountByLoop(packed, "squashfs", tree); err != nil {
		return err
	}
	leave()
	return nil
}

// mountByLoop mounts the file system that is in a file.
func mountByLoop(path, kind string, tree *modules.Tree) error {
	loadErr := tree.Load("loop")
	device, err := attach(path)
	if err != nil {
		return errors.Join(err, loadErr)
	}
	defer device.Close()
	return mount(device.Name(), target, []string{kind}, tree)
}

// mountFile mounts an EROFS from a file as it is, where the kernel can: since
// Linux 6.12, if it was configured so.
func mountFile(path string, tree *modules.Tree) error {
	err := mount(path, target, []string{"erofs"}, tree)
	if errors.Is(err, syscall.ENOTBLK) {
		return mountByLoop(path, "erofs", tree)
	}
	return err
}

// findDisk finds the disk that the command line names, mounts it, and lets go
// of what the initramfs held for that.
func findDisk(tree *modules.Tree) error {
	r := Parse(machine.Cmdline())
	if r.Device == "" {
		return errors.New("the initramfs has no boot plan, and the command line no root=")
	}
	device, err := open(r, tree)
	if err != nil {
		return err
	}
	if r.File == "" {
		err = mount(device, target, r.Kinds, tree)
	} else if err = mount(device, medium, r.Kinds, tree); err == nil {
		err = mountFile(filepath.Join(medium, r.File), tree)
	}
	if err != nil {
		return err
	}
	leave()
	for _, name := range []string{"/init", "/lib", "/usr"} {
		if err := os.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}

// leave unmounts the kernel's file systems: the root's init mounts its own.
func leave() {
	for _, dir := range []string{"/proc", "/sys", "/dev"} {
		mounts.Detach(dir)
	}
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

// open finds the device. Where its blocks are checked it is the one with the
// right content, whatever its place, and the checked device is returned.
func open(r Root, tree *modules.Tree) (string, error) {
	if r.Verity == "" {
		return await(r.Device, tree, func(string) bool { return true })
	}
	checked, err := verity.Parse(r.Verity)
	if err != nil {
		return "", err
	}
	device, err := await(r.Device, tree, checked.IsOn)
	if err != nil {
		return "", fmt.Errorf("%w; with the content %s", err, r.Verity)
	}
	loadErr := tree.Load("dm_verity")
	opened, err := checked.Open(device)
	if err != nil {
		return "", errors.Join(err, loadErr)
	}
	return opened, nil
}

// await loads the drivers of what there is until the device appears.
func await(wanted string, tree *modules.Tree, right func(string) bool) (string, error) {
	for began := sys.SinceBoot(); ; time.Sleep(pause) {
		tree.Coldplug("/sys/devices") // a driver for what the machine lacks fails: no news
		for _, device := range block.Find(wanted, block.Class) {
			if right(device) {
				return device, nil
			}
		}
		if sys.SinceBoot()-began > patience {
			there := strings.Join(block.Names(block.Class), " ")
			return "", fmt.Errorf("root=%s: no such disk after %s; there are: %s", wanted, patience, there)
		}
	}
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
