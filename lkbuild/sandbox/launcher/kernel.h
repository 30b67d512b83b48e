/* System calls that a C library may not know yet: numbers are the same on every architecture (Linux 5.2 to 5.12). */
#ifndef LKBUILD_KERNEL_H
#define LKBUILD_KERNEL_H

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	NR_open_tree = 428,
	NR_move_mount = 429,
	NR_fsopen = 430,
	NR_fsconfig = 431,
	NR_fsmount = 432,
	NR_clone3 = 435,
	NR_close_range = 436,
	NR_openat2 = 437,
	NR_mount_setattr = 442,
};

/* linux/mount.h */
enum {
	K_OPEN_TREE_CLONE = 1,
	K_MOVE_MOUNT_F_EMPTY_PATH = 0x4,
	K_MOVE_MOUNT_T_EMPTY_PATH = 0x40,
	K_FSCONFIG_SET_STRING = 1,
	K_FSCONFIG_CMD_CREATE = 6,
	K_ATTR_RDONLY = 0x1,
	K_ATTR_NOSUID = 0x2,
	K_ATTR_NODEV = 0x4,
	K_ATTR_NOEXEC = 0x8,
	K_AT_RECURSIVE = 0x8000,
};

struct k_mount_attr { /* struct mount_attr */
	uint64_t set, clear, propagation, userns;
};

struct k_open_how { /* struct open_how, linux/openat2.h */
	uint64_t flags, mode, resolve;
};
enum { K_RESOLVE_NO_MAGICLINKS = 0x02, K_RESOLVE_IN_ROOT = 0x10 };

struct k_clone_args { /* struct clone_args, linux/sched.h: version 0 */
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
};

enum { K_CLOSE_RANGE_CLOEXEC = 4 };

#endif
