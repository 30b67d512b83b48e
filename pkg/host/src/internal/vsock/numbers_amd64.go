package vsock

const sysBind, sysConnect, sysAccept4 = 49, 42, 288
