// Package plan reads the boot plan, /etc/lkbuild/image.json and its additions
// in image.d. It knows the plan's form (docs/format/image.md) and its
// defaults, not how anything in it is done.
package plan

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"sort"
	"strings"
)

// Version is the format that this init understands.
const Version = 1

// Container is an entry of onboot and onshutdown, and the part of a service
// that says what runs.
type Container struct {
	Name      string   `json:"name"`
	Bundle    string   `json:"bundle"`
	Layers    []string `json:"layers"` // topmost first; ids, or absolute paths
	ReadOnly  bool     `json:"readonly"`
	Timeout   float64  `json:"timeout_s"`  // 0: none
	OnFailure string   `json:"on_failure"` // halt, continue
}

// Ready says how a service shows that it is ready. The zero value: once it
// is started.
type Ready struct {
	Path string   `json:"path"`
	Unix string   `json:"unix"`
	TCP  string   `json:"tcp"`
	Exec []string `json:"exec"`
	Exit bool     `json:"exit"`
}

// None tells whether there is nothing to probe.
func (r Ready) None() bool {
	return r.Path == "" && r.Unix == "" && r.TCP == "" && len(r.Exec) == 0 && !r.Exit
}

// Supervision is how a service is kept running.
type Supervision struct {
	After        []string `json:"after"`
	Restart      string   `json:"restart"`         // always, on-failure, never
	RestartDelay float64  `json:"restart_delay_s"` // of the first restart
	RestartLimit int      `json:"restart_limit"`   // 0: none
	Ready        Ready    `json:"ready"`
	ReadyTimeout float64  `json:"ready_timeout_s"` // 0: none
	StopSignal   string   `json:"stop_signal"`
	StopTimeout  float64  `json:"stop_timeout_s"`
}

// Service is a supervised container.
type Service struct {
	Container
	Supervision
}

// HostService is a supervised process in init's own root.
type HostService struct {
	Name    string   `json:"name"`
	Command []string `json:"command"`
	Supervision
}

// Volume is an overlay that several containers share.
type Volume struct {
	Name     string   `json:"name"`
	Layers   []string `json:"layers"`
	ReadOnly bool     `json:"readonly"`
}

// Plan is all that init does.
type Plan struct {
	Version      int           `json:"version"`
	Hostname     string        `json:"hostname"`
	Runtime      string        `json:"runtime"`
	RootLayers   []string      `json:"root_layers"`
	Onboot       []Container   `json:"onboot"`
	Services     []Service     `json:"services"`
	Onshutdown   []Container   `json:"onshutdown"`
	Volumes      []Volume      `json:"volumes"`
	HostServices []HostService `json:"host_services"`
	UpWithin     float64       `json:"up_within_s"` // of a boot that the boot loader counts; 0: the default
	// Bundles is a folder with more containers, laid out as LinuxKit does.
	Bundles string `json:"bundles"`
	// Empty are folders there in which there is no container.
	Empty []string `json:"-"`
}

// folders hold additions to the plan: the image's, and, where the image is on
// a disk, the initramfs'.
var folders = []string{"etc/lkbuild/image.d", ".early/etc/lkbuild/image.d"}

// Load reads and merges the plans of the root file system, fills in defaults
// and checks the result.
func Load(root fs.FS) (Plan, error) {
	var whole Plan
	paths := []string{"etc/lkbuild/image.json"}
	for _, folder := range folders {
		more, err := fs.Glob(root, folder+"/*.json")
		if err != nil {
			return whole, err
		}
		sort.Strings(more)
		paths = append(paths, more...)
	}
	for _, path := range paths {
		data, err := fs.ReadFile(root, path)
		if err != nil {
			return whole, err
		}
		var part Plan
		if err := json.Unmarshal(data, &part); err != nil {
			return whole, fmt.Errorf("%s: %w", path, err)
		}
		if part.Version != Version {
			return whole, fmt.Errorf("%s: version %d; this init understands %d", path, part.Version, Version)
		}
		whole = Merge(whole, part)
	}
	if whole.Bundles != "" {
		if err := whole.addBundles(root, strings.Trim(whole.Bundles, "/")); err != nil {
			return whole, err
		}
	}
	whole.unique()
	whole.setDefaults()
	return whole, whole.check()
}

// Merge appends the lists of b to those of a; single values of b win where
// they are set.
func Merge(a, b Plan) Plan {
	if b.Version != 0 {
		a.Version = b.Version
	}
	if b.Hostname != "" {
		a.Hostname = b.Hostname
	}
	if b.Runtime != "" {
		a.Runtime = b.Runtime
	}
	if b.Bundles != "" {
		a.Bundles = b.Bundles
	}
	if b.UpWithin != 0 {
		a.UpWithin = b.UpWithin
	}
	a.RootLayers = append(a.RootLayers, b.RootLayers...)
	a.Onboot = append(a.Onboot, b.Onboot...)
	a.Services = append(a.Services, b.Services...)
	a.Onshutdown = append(a.Onshutdown, b.Onshutdown...)
	a.Volumes = append(a.Volumes, b.Volumes...)
	a.HostServices = append(a.HostServices, b.HostServices...)
	return a
}

// unique leaves each layer once in every stack. Two packages that share a
// library both name its layer, and the kernel refuses the same lower
// directory twice. The lowest place is kept: a library stays below all that
// was made to lie over it.
func (p *Plan) unique() {
	p.RootLayers = once(p.RootLayers)
	for i := range p.Onboot {
		p.Onboot[i].Layers = once(p.Onboot[i].Layers)
	}
	for i := range p.Services {
		p.Services[i].Layers = once(p.Services[i].Layers)
	}
	for i := range p.Onshutdown {
		p.Onshutdown[i].Layers = once(p.Onshutdown[i].Layers)
	}
	for i := range p.Volumes {
		p.Volumes[i].Layers = once(p.Volumes[i].Layers)
	}
}

func once(ids []string) []string {
	last := make(map[string]int, len(ids))
	for i, id := range ids {
		last[id] = i
	}
	kept := ids[:0:0]
	for i, id := range ids {
		if last[id] == i {
			kept = append(kept, id)
		}
	}
	return kept
}
