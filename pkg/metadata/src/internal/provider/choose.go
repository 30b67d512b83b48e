package provider

import (
	"fmt"
	"strings"

	"lkbuild/metadata/internal/machine"
	"lkbuild/metadata/internal/vmware"
	"lkbuild/metadata/internal/volume"
)

// Addresses that are the same in every network of a platform.
const (
	linkLocal = "http://169.254.169.254/"
	wire      = "http://168.63.129.16/"
)

// Names are those that Named takes.
const Names = "aws, azure, cidata, gcp, hetzner, openstack, vmware, file=PATH"

// Named gives the provider of a name.
func Named(name string, f Firmware, shelf volume.Shelf) (machine.Provider, error) {
	switch name {
	case "aws":
		return AWS{Base: linkLocal}, nil
	case "azure":
		return Azure{Base: linkLocal, Wire: wire, Shelf: shelf}, nil
	case "cidata", "cdrom": // the second is LinuxKit's name
		return CIData{Shelf: shelf}, nil
	case "gcp":
		return GCP{Base: linkLocal}, nil
	case "hetzner":
		return Hetzner{Base: linkLocal}, nil
	case "openstack":
		return OpenStack{Base: linkLocal, Shelf: shelf}, nil
	case "vmware":
		return VMware{Door: door(f)}, nil
	}
	if path, ok := strings.CutPrefix(name, "file="); ok && path != "" {
		return File{Path: path}, nil
	}
	return nil, fmt.Errorf("no provider is called %q; there are: %s", name, Names)
}

// Firmware is what DMI says of who made the machine.
type Firmware struct{ Vendor, Product, AssetTag string }

// azureTag is the chassis' asset tag of every Azure machine; Hyper-V's own
// have the same vendor without it.
const azureTag = "7783-7084-3265-9085-8269-3286-77"

// Detect gives the providers to ask on a machine, in order: what was attached
// to it by hand first, then the platform that its firmware names. So a machine
// at home asks no network for what is not there.
func Detect(f Firmware, shelf volume.Shelf) []machine.Provider {
	found := []machine.Provider{CIData{Shelf: shelf}}
	base := ""
	if strings.HasPrefix(f.Vendor, "OpenStack") || strings.HasPrefix(f.Product, "OpenStack") {
		base = linkLocal
	}
	found = append(found, OpenStack{Base: base, Shelf: shelf})
	switch {
	case f.Vendor == "Amazon EC2":
		found = append(found, AWS{Base: linkLocal})
	case f.Vendor == "Google":
		found = append(found, GCP{Base: linkLocal})
	case f.Vendor == "Hetzner":
		found = append(found, Hetzner{Base: linkLocal})
	case f.Vendor == "Microsoft Corporation" && f.AssetTag == azureTag:
		found = append(found, Azure{Base: linkLocal, Wire: wire, Shelf: shelf})
	case door(f) != nil:
		found = append(found, VMware{Door: door(f)})
	}
	return found
}

// door is nil outside of VMware, where its instruction would end the process.
func door(f Firmware) vmware.Door {
	if !strings.HasPrefix(f.Vendor, "VMware") {
		return nil
	}
	return vmware.Port
}
