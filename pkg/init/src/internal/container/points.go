package container

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// A path with more links than this is a circle: the kernel's own limit
// (path_resolution(7)).
const maxLinks = 40

type ociMount struct {
	Destination string `json:"destination"`
	Source      string `json:"source"`
	Type        string `json:"type"`
}

// makePoints makes, in dir, what the layers lack to mount on: an OCI runtime
// makes missing mount points, but can't in a read-only root. As the lowest
// layer, dir hides nothing. It tells whether anything is in it.
func makePoints(bundle, dir string, layers []string) (bool, error) {
	data, err := os.ReadFile(filepath.Join(bundle, "config.json"))
	if err != nil {
		return false, err
	}
	var config struct {
		Mounts []ociMount `json:"mounts"`
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return false, err
	}
	made := false
	for _, m := range config.Mounts {
		point, there := resolve(layers, m.Destination)
		if there {
			continue
		}
		made = true
		if err := makePoint(filepath.Join(dir, point), m); err != nil {
			return false, err
		}
	}
	return made, nil
}

func makePoint(point string, m ociMount) error {
	info, err := os.Stat(m.Source)
	if m.Type == "tmpfs" || err != nil || info.IsDir() {
		return os.MkdirAll(point, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(point), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(point, os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

// resolve follows the symbolic links of name in the merged layers (topmost
// first), none of which leads out of them. It tells whether name is there.
func resolve(layers []string, name string) (resolved string, there bool) {
	rest := strings.Split(strings.Trim(path.Clean("/"+name), "/"), "/")
	resolved, there = "/", true
	for links := 0; len(rest) > 0 && links < maxLinks; {
		next := path.Join(resolved, rest[0])
		rest = rest[1:]
		target, err := lookup(layers, next)
		switch {
		case err != nil:
			resolved, there = next, false
		case target == "":
			resolved = next
		default:
			links++
			if path.IsAbs(target) {
				resolved = "/"
			}
			rest = append(strings.Split(strings.Trim(path.Clean(target), "/"), "/"), rest...)
		}
	}
	return resolved, there
}

// lookup finds name in the topmost layer that has it: the target of a link,
// or nothing for everything else.
func lookup(layers []string, name string) (target string, err error) {
	for _, layer := range layers {
		target, err := os.Readlink(filepath.Join(layer, name))
		if err == nil {
			return target, nil
		}
		if errors.Is(err, syscall.EINVAL) {
			return "", nil
		}
	}
	return "", fs.ErrNotExist
}
