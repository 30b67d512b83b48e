package container

import (
	"os"
	"path/filepath"
	"syscall"

	"lkbuild/init/internal/mounts"
)

// MountTmpfs mounts a fresh tmpfs on dir, which is made where it is missing.
func MountTmpfs(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	mounts.Detach(dir)
	return syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=0755")
}

func upperAndWork(dir string) (upper, work string, err error) {
	upper, work = filepath.Join(dir, "upper"), filepath.Join(dir, "work")
	for _, d := range []string{upper, work} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return "", "", err
		}
	}
	return upper, work, nil
}

// MountVolume mounts a volume where containers bind it from.
func MountVolume(name string, layers []string, readOnly bool) error {
	target := filepath.Join("/containers/volumes", name, "merged")
	if len(layers) == 0 {
		options := "mode=0755"
		if readOnly {
			options = "ro," + options
		}
		return syscall.Mount("tmpfs", target, "tmpfs", syscall.MS_NODEV|syscall.MS_NOSUID, options)
	}
	overlay := mounts.Overlay{}
	for _, id := range layers {
		overlay.Lower = append(overlay.Lower, layerDir(id))
	}
	if !readOnly {
		dir := filepath.Join("/run/lkbuild/volumes", name)
		if err := MountTmpfs(dir); err != nil {
			return err
		}
		var err error
		if overlay.Upper, overlay.Work, err = upperAndWork(dir); err != nil {
			return err
		}
	}
	return overlay.Mount(target)
}
