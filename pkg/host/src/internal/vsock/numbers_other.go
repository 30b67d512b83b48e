//go:build arm64 || riscv64

package vsock

const sysBind, sysConnect, sysAccept4 = 200, 203, 242 // asm-generic/unistd.h
