package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sort"

	"lkbuild/metadata/internal/machine"
	"lkbuild/metadata/internal/source"
	"lkbuild/metadata/internal/volume"
)

// OpenStack reads the config drive, and asks the metadata service where there
// is none: both have the same documents (docs.openstack.org/nova, "Metadata").
type OpenStack struct {
	Base  string // empty: the drive only
	Shelf volume.Shelf
}

type openstackMetadata struct {
	UUID       string            `json:"uuid"`
	Hostname   string            `json:"hostname"`
	Zone       string            `json:"availability_zone"`
	PublicKeys map[string]string `json:"public_keys"`
}

// Name implements machine.Provider.
func (OpenStack) Name() string { return "openstack" }

// Fetch implements machine.Provider.
func (p OpenStack) Fetch(ctx context.Context) (*machine.Data, error) {
	for _, v := range p.Shelf.List() {
		if v.Label != "config-2" && v.Label != "CONFIG-2" {
			continue
		}
		var data *machine.Data
		err := p.Shelf.With(v, func(files fs.FS) (err error) {
			data, err = openstack(ctx, source.Disk{FS: files})
			return err
		})
		return data, err
	}
	if p.Base == "" {
		return nil, machine.ErrAbsent
	}
	return openstack(ctx, source.Web{Base: p.Base})
}

func openstack(ctx context.Context, from source.Source) (*machine.Data, error) {
	text, err := from.Read(ctx, "openstack/latest/meta_data.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", machine.ErrAbsent, err)
	}
	if err != nil {
		return nil, err
	}
	var m openstackMetadata
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("meta_data.json: %w", err)
	}
	data := &machine.Data{Hostname: m.Hostname}
	data.Fact("instance_id", m.UUID)
	data.Fact("availability_zone", m.Zone)
	names := make([]string, 0, len(m.PublicKeys))
	for name := range m.PublicKeys {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		data.Key(m.PublicKeys[name])
	}
	q := query{ctx: ctx, from: from}
	data.Userdata = q.bytes("openstack/latest/user_data")
	return data, q.err
}
