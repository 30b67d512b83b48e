//go:build !amd64

package vmware

// Port is nil: only the PC has one. VMware's arm64 hypervisor has another door.
var Port Door
