// Package sys holds the Linux system calls that the standard library's
// syscall package lacks: the mount API of Linux 5.2, module loading and the
// boot-time clock. It knows nothing of images, plans or containers.
package sys
