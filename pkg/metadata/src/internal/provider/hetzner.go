package provider

import (
	"context"
	"encoding/json"
	"fmt"

	"lkbuild/metadata/internal/machine"
	"lkbuild/metadata/internal/source"
)

// Hetzner asks the metadata server of Hetzner Cloud (docs.hetzner.cloud,
// "Server metadata").
type Hetzner struct{ Base string }

// Name implements machine.Provider.
func (Hetzner) Name() string { return "hetzner" }

// Fetch implements machine.Provider.
func (p Hetzner) Fetch(ctx context.Context) (*machine.Data, error) {
	q := query{ctx: ctx, from: source.Web{Base: p.Base}}
	const at = "hetzner/v1/metadata/"
	data := &machine.Data{Hostname: q.text(at + "hostname")}
	for _, f := range []struct{ file, path string }{
		{"availability_zone", "availability-zone"},
		{"instance_id", "instance-id"},
		{"local_ipv4", "local-ipv4"},
		{"public_ipv4", "public-ipv4"},
	} {
		data.Fact(f.file, q.text(at+f.path))
	}
	if text := q.bytes(at + "public-keys"); len(text) > 0 {
		var keys []string
		if err := json.Unmarshal(text, &keys); err != nil {
			return nil, fmt.Errorf("public-keys: %w", err)
		}
		for _, key := range keys {
			data.Key(key)
		}
	}
	data.Userdata = q.bytes("hetzner/v1/userdata")
	if len(data.Userdata) == 0 {
		data.Userdata = nil // the server answers with nothing where there is none
	}
	if q.err == nil && data.Hostname == "" {
		return nil, fmt.Errorf("%s has no hostname: %w", p.Base, machine.ErrAbsent)
	}
	return data, q.err
}
