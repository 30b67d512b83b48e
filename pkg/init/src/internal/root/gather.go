package root

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// gather moves all that lies in the initramfs beside the layers to one
// directory. overlayfs refuses a lower directory that contains another one
// ("overlapping lowerdir path"), so the initramfs itself can't be one. Moving
// is renaming: nothing is copied. Where that directory is there already (a
// root on a disk can't be changed), it is taken as it is.
func gather(layers []string) error {
	if err := os.Mkdir(files, 0o755); err != nil {
		if os.IsExist(err) {
			return nil
		}
		return err
	}
	entries, err := os.ReadDir("/")
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if name == "layers" || "/"+name == files {
			continue
		}
		to := filepath.Join(files, destination(name, layers))
		if err := place("/"+name, to); err != nil {
			return err
		}
		if err := os.RemoveAll("/" + name); err != nil { // what a merged directory leaves empty
			return err
		}
		if err := os.Symlink(to[1:], "/"+name); err != nil { // the old path holds below Base
			return err
		}
	}
	return nil
}

// destination is where a top-level directory of the image's files belongs:
// where a layer has a symbolic link of that name (/lib on Debian), at what it
// points to. Else the directory would hide the link and all behind it.
func destination(name string, layers []string) string {
	for _, layer := range layers {
		target, err := os.Readlink(filepath.Join(layer, name))
		switch {
		case err == nil:
			clean := strings.TrimPrefix(filepath.Clean("/"+target), "/")
			if clean == "" {
				return name
			}
			return clean
		case errors.Is(err, syscall.EINVAL):
			return name // there, but no link
		}
	}
	return name
}

// place renames from to to; where both are directories, their content is
// merged.
func place(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	info, err := os.Lstat(to)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return os.Rename(from, to)
	}
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := place(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
