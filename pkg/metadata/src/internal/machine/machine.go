// Package machine says what a platform may tell a machine about itself, and
// what tells it. It does not know any platform, nor where the data goes.
package machine

import (
	"context"
	"errors"
	"strings"
)

// ErrAbsent is what a provider says where the machine is not on its platform.
var ErrAbsent = errors.New("not on this machine")

// Data is what a platform told. Every part may be missing.
type Data struct {
	Hostname string
	Keys     []string          // public keys for root, a line of authorized_keys each
	Userdata []byte            // as it was given
	Facts    map[string]string // small values by file name: instance_id, public_ipv4
}

// Provider knows one place that such data comes from.
type Provider interface {
	// Name is what /run/config/provider says.
	Name() string
	// Fetch asks for all of it. ErrAbsent: there is no such platform here.
	Fetch(ctx context.Context) (*Data, error)
}

// Reporter is a provider whose platform waits to hear that the machine has
// taken its configuration.
type Reporter interface {
	Report(ctx context.Context) error
}

// Fact adds a value, unless there is none.
func (d *Data) Fact(name, value string) {
	if value = strings.TrimSpace(value); value == "" {
		return
	}
	if d.Facts == nil {
		d.Facts = map[string]string{}
	}
	d.Facts[name] = value
}

// Key adds a public key, unless it is empty or there already.
func (d *Data) Key(line string) {
	line = strings.TrimSpace(line)
	if line == "" || strings.HasPrefix(line, "#") || strings.ContainsAny(line, "\n\r") {
		return
	}
	for _, k := range d.Keys {
		if k == line {
			return
		}
	}
	d.Keys = append(d.Keys, line)
}
