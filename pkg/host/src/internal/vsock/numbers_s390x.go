package vsock

// Go's syscall package has socketcall alone there; Linux has these since 4.3.
const sysBind, sysConnect, sysAccept4 = 361, 362, 364
