package provider

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"testing"

	"lkbuild/metadata/internal/machine"
	"lkbuild/metadata/internal/vmware/vmwaretest"
)

func packed(text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write([]byte(text))
	w.Close()
	return base64.StdEncoding.EncodeToString(out.Bytes())
}

func TestVMwaresValuesAreDecodedAsTheySayTheyAre(t *testing.T) {
	h := vmwaretest.Hypervisor{Values: map[string]string{
		"guestinfo.metadata":          base64.StdEncoding.EncodeToString([]byte("local-hostname: box\n")),
		"guestinfo.metadata.encoding": "base64",
		"guestinfo.userdata":          packed("ud"),
		"guestinfo.userdata.encoding": "gzip+base64",
	}}
	told(t, VMware{Door: h.Door}, machine.Data{Hostname: "box", Userdata: []byte("ud")})
	plain := vmwaretest.Hypervisor{Values: map[string]string{"guestinfo.userdata": "plain", "guestinfo.metadata": "---"}}
	told(t, VMware{Door: plain.Door}, machine.Data{Userdata: []byte("plain")})
}

func TestAVMwareMachineWithoutValuesAndAnyOtherHaveNone(t *testing.T) {
	for _, p := range []VMware{{Door: (&vmwaretest.Hypervisor{}).Door}, {}} {
		if _, err := p.Fetch(t.Context()); !errors.Is(err, machine.ErrAbsent) {
			t.Error(err)
		}
	}
	odd := vmwaretest.Hypervisor{Values: map[string]string{"guestinfo.userdata": "x", "guestinfo.userdata.encoding": "rot13"}}
	if _, err := (VMware{Door: odd.Door}).Fetch(t.Context()); err == nil || errors.Is(err, machine.ErrAbsent) {
		t.Error(err)
	}
}
