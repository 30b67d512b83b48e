package provider

import (
	"reflect"
	"testing"

	"lkbuild/metadata/internal/machine"
)

func names(providers []machine.Provider) (found []string) {
	for _, p := range providers {
		found = append(found, p.Name())
	}
	return found
}

func TestTheFirmwareSaysWhichPlatformIsAsked(t *testing.T) {
	for firmware, want := range map[Firmware]string{
		{Vendor: "Amazon EC2"}: "aws",
		{Vendor: "Google"}:     "gcp",
		{Vendor: "Hetzner"}:    "hetzner",
		{Vendor: "Microsoft Corporation", AssetTag: azureTag}: "azure",
		{Vendor: "Microsoft Corporation"}:                     "", // Hyper-V at home
		{Vendor: "QEMU"}:                                      "",
		{}:                                                    "",
	} {
		all := []string{"cidata", "openstack"}
		if want != "" {
			all = append(all, want)
		}
		if got := names(Detect(firmware, shelf{})); !reflect.DeepEqual(got, all) {
			t.Errorf("%+v: %v", firmware, got)
		}
	}
}

func TestOpenStacksServerIsAskedOnlyWhereTheFirmwareNamesIt(t *testing.T) {
	for _, firmware := range []Firmware{{Vendor: "OpenStack Foundation"}, {Vendor: "RDO", Product: "OpenStack Compute"}, {Vendor: "QEMU"}} {
		asks := Detect(firmware, shelf{})[1].(OpenStack).Base != ""
		if asks == (firmware.Vendor == "QEMU") {
			t.Errorf("%+v: %v", firmware, asks)
		}
	}
}

func TestEveryNameThatIsListedHasAProvider(t *testing.T) {
	for _, name := range []string{"aws", "azure", "cidata", "gcp", "hetzner", "openstack", "vmware", "file=/x"} {
		p, err := Named(name, Firmware{}, shelf{})
		if err != nil || p.Name() != name {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
	for _, name := range []string{"", "file=", "nobody"} {
		if _, err := Named(name, Firmware{}, shelf{}); err == nil {
			t.Errorf("%q has a provider", name)
		}
	}
}
