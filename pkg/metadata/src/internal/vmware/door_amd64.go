package vmware

// Port is the hypervisor's: outside of VMware it ends the process.
var Port Door = in

//go:noescape
func in(r *Registers)
