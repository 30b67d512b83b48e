package provider

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"lkbuild/metadata/internal/machine"
	"lkbuild/metadata/internal/vmware"
)

// VMware asks the hypervisor for guestinfo.metadata and guestinfo.userdata,
// with their encoding beside them (cloud-init's DataSourceVMware).
type VMware struct{ Door vmware.Door }

// Name implements machine.Provider.
func (VMware) Name() string { return "vmware" }

// Fetch implements machine.Provider.
func (p VMware) Fetch(context.Context) (*machine.Data, error) {
	if p.Door == nil {
		return nil, machine.ErrAbsent
	}
	meta, err := p.value("guestinfo.metadata")
	if err != nil {
		return nil, err
	}
	userdata, err := p.value("guestinfo.userdata")
	if err != nil {
		return nil, err
	}
	if meta == nil && userdata == nil {
		return nil, machine.ErrAbsent
	}
	data, err := fromMeta(meta)
	if err != nil {
		return nil, fmt.Errorf("guestinfo.metadata: %w", err)
	}
	data.Userdata = userdata
	return data, nil
}

// value is nil where it is not set, or blanked: vSphere can't delete one.
func (p VMware) value(name string) ([]byte, error) {
	text, err := vmware.Get(p.Door, name)
	if errors.Is(err, vmware.ErrUnset) || err == nil && (text == "" || text == " " || text == "---") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	encoding, err := vmware.Get(p.Door, name+".encoding")
	if err != nil && !errors.Is(err, vmware.ErrUnset) {
		return nil, err
	}
	switch encoding {
	case "", " ":
		return []byte(text), nil
	case "base64", "b64", "gzip+base64", "gz+b64":
	default:
		return nil, fmt.Errorf("%s: unknown encoding %q", name, encoding)
	}
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err == nil && encoding[0] == 'g' {
		var packed *gzip.Reader
		if packed, err = gzip.NewReader(bytes.NewReader(decoded)); err == nil {
			decoded, err = io.ReadAll(packed)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return decoded, nil
}
