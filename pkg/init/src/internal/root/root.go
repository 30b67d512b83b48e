// Package root makes init's root: a read-only overlay of the image's files and
// the root layers, moved over the initramfs. It knows the initrd's layout
// (docs/format/image.md), not what is in it.
package root

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"lkbuild/init/internal/mounts"
	"lkbuild/init/internal/sys"
)

const (
	// Base is where the initramfs can be reached in the new root.
	Base = "/.base"
	// Layers is where a container's layers are, in the new root.
	Layers = Base + "/layers"
	// Early is where a root on a disk has what the initramfs still holds.
	Early = "/.early"

	files  = "/.files"
	newDir = "/.new"
)

// Make builds the root from the layers (topmost first) and makes it "/" of
// this process. "/" must be the initramfs, or a disk laid out as Make leaves it.
func Make(layers []string) error {
	lower := []string{files}
	for _, id := range layers {
		lower = append(lower, "/layers/"+id)
	}
	if err := gather(lower[1:]); err != nil {
		return fmt.Errorf("gather the image's files: %w", err)
	}
	for _, dir := range append(mounts.Points(), Base[1:]) {
		if err := os.Mkdir(filepath.Join(files, dir), 0o755); err != nil && !os.IsExist(err) {
			return err
		}
	}
	if err := os.Mkdir(newDir, 0o755); err != nil && !os.IsExist(err) {
		return err
	}
	if err := (mounts.Overlay{Lower: lower}).Mount(newDir); err != nil {
		return err
	}
	if err := sys.Bind("/", newDir+Base, sys.AttrReadOnly, false); err != nil {
		return err
	}
	if _, err := os.Stat(Early); err == nil {
		if err := sys.Bind(Early, newDir+Early, sys.AttrReadOnly, false); err != nil {
			return err
		}
	}
	return Enter(newDir)
}

// Enter moves the mount at dir over / and makes it the root directory. The
// kernel's own threads share it (kernel_init is made with CLONE_FS), so what
// the kernel starts finds it too.
func Enter(dir string) error {
	if err := os.Chdir(dir); err != nil {
		return err
	}
	if err := syscall.Mount(".", "/", "", syscall.MS_MOVE, ""); err != nil {
		return os.NewSyscallError("move the root", err)
	}
	if err := syscall.Chroot("."); err != nil {
		return os.NewSyscallError("chroot", err)
	}
	return os.Chdir("/")
}
