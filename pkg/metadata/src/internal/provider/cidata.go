package provider

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"lkbuild/metadata/internal/machine"
	"lkbuild/metadata/internal/source"
	"lkbuild/metadata/internal/volume"
)

// CIData reads a disk or CD-ROM that is labelled cidata, with meta-data and
// user-data (cloud-init's NoCloud), or a CD-ROM with LinuxKit's file config.
type CIData struct{ Shelf volume.Shelf }

// Name implements machine.Provider.
func (CIData) Name() string { return "cidata" }

// Fetch implements machine.Provider.
func (p CIData) Fetch(ctx context.Context) (*machine.Data, error) {
	volumes := p.Shelf.List()
	for _, labelled := range []bool{true, false} {
		for _, v := range volumes {
			if strings.EqualFold(v.Label, "cidata") != labelled || !labelled && !v.CDROM() {
				continue
			}
			var data *machine.Data
			err := p.Shelf.With(v, func(files fs.FS) (err error) {
				data, err = cidata(ctx, source.Disk{FS: files})
				return err
			})
			// A CD-ROM of something else is none of ours.
			if err == nil || labelled || !errors.Is(err, machine.ErrAbsent) {
				return data, err
			}
		}
	}
	return nil, machine.ErrAbsent
}

func cidata(ctx context.Context, from source.Source) (*machine.Data, error) {
	q := query{ctx: ctx, from: from}
	meta := q.bytes("meta-data")
	userdata := q.bytes("user-data")
	if userdata == nil {
		userdata = q.bytes("config")
	}
	if q.err != nil {
		return nil, q.err
	}
	if meta == nil && userdata == nil {
		return nil, fmt.Errorf("neither meta-data, user-data nor config is there: %w", machine.ErrAbsent)
	}
	data, err := fromMeta(meta)
	if err != nil {
		return nil, fmt.Errorf("meta-data: %w", err)
	}
	data.Userdata = userdata
	return data, nil
}

// fromMeta takes from cloud-init's meta-data what it says of the machine.
func fromMeta(meta []byte) (*machine.Data, error) {
	values, err := parseMeta(meta)
	if err != nil {
		return nil, err
	}
	data := &machine.Data{}
	for _, name := range []string{"local-hostname", "hostname"} {
		if data.Hostname == "" && len(values[name]) == 1 {
			data.Hostname = values[name][0]
		}
	}
	if id := values["instance-id"]; len(id) == 1 {
		data.Fact("instance_id", id[0])
	}
	for _, key := range values["public-keys"] {
		data.Key(key)
	}
	return data, nil
}
