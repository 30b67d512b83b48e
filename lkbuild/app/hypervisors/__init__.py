"""Command lines of the hypervisors that are not lkbuild's own QEMU, by host. Pure: from a guest to what starts it."""
