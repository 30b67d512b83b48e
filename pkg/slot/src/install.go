package main

import (
	"fmt"
	"os"
	"syscall"

	"lkbuild/slot/internal/entries"
	"lkbuild/slot/internal/format"
	"lkbuild/slot/internal/machine"
)

const mib = 1 << 20

// install writes an update to the slot that does not run. At every moment the
// boot loader has an entry for the running slot, and for the other one only
// where all of it was on the disk before.
func install(u *format.Update, m machine.Machine, esp string, tries int) error {
	root, err := u.Manifest.Part("root")
	if err != nil {
		return err
	}
	uki, err := u.Manifest.Part("uki")
	if err != nil {
		return err
	}
	running, err := entries.Find(esp, m.Running)
	if err != nil {
		return err
	}
	if running.Counted {
		return fmt.Errorf("%s has not come up yet: the other slot is what the machine would fall back to", m.Running)
	}
	if root.Size > m.Other.Size {
		return fmt.Errorf("the root has %d MiB, and a slot of this disk %d", root.Size/mib, m.Other.Size/mib)
	}
	if err := entries.Clear(esp, running.ID()); err != nil {
		return err
	}
	if free, err := available(esp); err != nil || free < uki.Size {
		return fmt.Errorf("the image has %d MiB, and the EFI system partition %d left (%v)", uki.Size/mib, free/mib, err)
	}
	if err := writeRoot(u, root, m.Other.Path); err != nil {
		return err
	}
	next := running.Number + 1
	if err := entries.Add(esp, next, tries, func(f *os.File) error { return u.Copy(uki, f, progress(uki)) }); err != nil {
		return err
	}
	fmt.Printf("slot-%d.efi is next, with %d tries\n", next, tries)
	return nil
}

func writeRoot(u *format.Update, root format.Part, device string) error {
	// On a block device O_EXCL means that nothing else has it: no root that runs.
	f, err := os.OpenFile(device, os.O_WRONLY|os.O_EXCL, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := u.Copy(root, f, progress(root)); err != nil {
		return err
	}
	return f.Sync()
}

func progress(p format.Part) func(int64) {
	return func(written int64) { fmt.Printf("%s %d of %d\n", p.Name, written, p.Size) }
}

func available(folder string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}
