// Package config lays out what a platform told as files, in the form of
// LinuxKit's /run/config: provider, hostname, userdata, ssh/authorized_keys,
// facts, and the files that userdata in JSON describes. It does not know
// where the data came from.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sort"
	"strings"

	"lkbuild/metadata/internal/machine"
)

// Write puts all of it below root. What is wrong in the userdata does not keep
// the rest from being written, but is an error.
func Write(root *os.Root, provider string, data *machine.Data) error {
	errs := []error{put(root, "provider", []byte(provider), 0o644)}
	if data.Hostname != "" {
		errs = append(errs, put(root, "hostname", []byte(data.Hostname), 0o644))
	}
	for _, name := range sorted(data.Facts) {
		errs = append(errs, put(root, name, []byte(data.Facts[name]), 0o644))
	}
	if len(data.Keys) > 0 {
		errs = append(errs, keys(root, data.Keys))
	}
	if data.Userdata != nil {
		errs = append(errs, put(root, "userdata", data.Userdata, 0o644))
		errs = append(errs, userdata(root, data.Userdata)...)
	}
	return errors.Join(errs...)
}

func keys(root *os.Root, lines []string) error {
	dir, err := folder(root, "ssh", 0o755)
	if err != nil {
		return err
	}
	defer dir.Close()
	// sshd refuses a file that others may write, and who reads it learns who may log in.
	return put(dir, "authorized_keys", []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}

// put writes a file, whatever the umask is.
func put(root *os.Root, name string, content []byte, mode fs.FileMode) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Chmod(mode), f.Close())
}

// folder opens a directory, and makes it where there is none.
func folder(root *os.Root, name string, mode fs.FileMode) (*os.Root, error) {
	err := root.Mkdir(name, mode)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	made := err == nil
	dir, err := root.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if made {
		f, err := dir.Open(".")
		if err == nil {
			err = errors.Join(f.Chmod(mode), f.Close())
		}
		if err != nil {
			dir.Close()
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return dir, nil
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
