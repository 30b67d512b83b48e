package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// SupervisionNote is the annotation of config.json that holds a Supervision,
// and the time limit and the on_failure of an onboot container, as JSON: what
// LinuxKit's own fields have no place for.
const SupervisionNote = "org.lkbuild.supervision"

var numbered = regexp.MustCompile(`^\d{3}-`)

// supervised is what the note may say.
type supervised struct {
	Supervision
	Timeout   float64 `json:"timeout_s"`
	OnFailure string  `json:"on_failure"`
}

// addBundles adds the containers and volumes that lie as LinuxKit lays them
// out in a folder of root. What no note says is as LinuxKit has it: onboot
// goes on after a failure, and a service that has ended stays so.
func (p *Plan) addBundles(root fs.FS, folder string) error {
	for section, into := range map[string]*[]Container{"onboot": &p.Onboot, "onshutdown": &p.Onshutdown} {
		all, err := p.bundlesOf(root, path.Join(folder, section))
		if err != nil {
			return err
		}
		for _, b := range all {
			*into = append(*into, b.Container)
		}
	}
	services, err := p.bundlesOf(root, path.Join(folder, "services"))
	if err != nil {
		return err
	}
	for _, s := range services {
		s.After = only(s.After, services)
		p.Services = append(p.Services, s)
	}
	volumes, err := names(root, path.Join(folder, "volumes"))
	for _, name := range volumes {
		dir := path.Join(folder, "volumes", name)
		_, noTmp := fs.Stat(root, dir+"/tmp")
		p.Volumes = append(p.Volumes, Volume{Name: name, Layers: []string{"/" + dir + "/lower"}, ReadOnly: noTmp != nil})
	}
	return err
}

// bundlesOf are those of a section. Of a container whose name has a slash in
// it LinuxKit finds the first folder, which has none, says so and goes on.
func (p *Plan) bundlesOf(root fs.FS, section string) ([]Service, error) {
	all, err := names(root, section)
	if err != nil {
		return nil, err
	}
	var out []Service
	for _, name := range all {
		if _, err := fs.Stat(root, path.Join(section, name, "config.json")); errors.Is(err, fs.ErrNotExist) {
			p.Empty = append(p.Empty, "/"+path.Join(section, name))
			continue
		}
		s, err := bundle(root, path.Join(section, name))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, s)
	}
	return out, nil
}

// bundle reads config.json, and of runtime.json what the root is made of.
func bundle(root fs.FS, dir string) (Service, error) {
	var config struct {
		Root        struct{ ReadOnly bool }
		Annotations map[string]string
	}
	var runtime struct {
		Mounts []struct {
			Destination, Source string
			Options             []string
		}
	}
	for name, into := range map[string]any{"config.json": &config, "runtime.json": &runtime} {
		data, err := fs.ReadFile(root, dir+"/"+name)
		if err == nil {
			err = json.Unmarshal(data, into)
		}
		if err != nil {
			return Service{}, err
		}
	}
	note := supervised{OnFailure: "continue"}
	note.Restart = "never"
	if text := config.Annotations[SupervisionNote]; text != "" {
		if err := json.Unmarshal([]byte(text), &note); err != nil {
			return Service{}, fmt.Errorf("annotation %s: %w", SupervisionNote, err)
		}
	}
	c := Container{
		Name: numbered.ReplaceAllString(path.Base(dir), ""), Bundle: "/" + dir, ReadOnly: config.Root.ReadOnly,
		Timeout: note.Timeout, OnFailure: note.OnFailure,
	}
	for _, m := range runtime.Mounts {
		if m.Destination != c.Bundle+"/rootfs" {
			continue
		}
		c.Layers = []string{m.Source} // a root that can't be written is a bind
		for _, o := range m.Options {
			if lower, ok := strings.CutPrefix(o, "lowerdir="); ok {
				c.Layers = []string{lower}
			}
		}
	}
	return Service{Container: c, Supervision: note.Supervision}, nil
}

// names of a folder, in order; none where there is no such folder.
func names(root fs.FS, dir string) ([]string, error) {
	entries, err := fs.ReadDir(root, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out, err
}

// only are those of the names that a service has: a package's note may name
// one that this image does not have.
func only(wanted []string, services []Service) []string {
	var out []string
	for _, name := range wanted {
		for _, s := range services {
			if s.Name == name {
				out = append(out, name)
			}
		}
	}
	return out
}
