/* What the parts of lkbuild-launcher share. main.c says what it is. */
#ifndef LKBUILD_LAUNCHER_H
#define LKBUILD_LAUNCHER_H

#include <stdbool.h>
#include <sys/types.h>

/* One thing to do in the new root, in the order of the options (bwrap(1)). */
enum op { OP_BIND, OP_RO_BIND, OP_DIR, OP_SYMLINK, OP_PROC, OP_DEV, OP_TMPFS, OP_REMOUNT_RO };

struct step {
	enum op op;
	int mode;           /* of --perms; -1: the default of the operation */
	const char *source; /* host path, or the target of a symbolic link */
	const char *path;   /* absolute, in the new root */
};

struct plan {
	bool no_userns, new_session;
	unsigned uid, gid;
	int nice; /* how far to step back */
	const char *hostname, *cwd;
	struct step *steps;
	int n_steps;
	char **environment, **command;
};

/* options.c. Ends the process with a message at what it does not know: nothing is left out in silence. */
void read_options(struct plan *plan, int argc, char **argv);

/* mounts.c: make the new root and go into it. */
void make_root(const struct plan *plan);

/* network.c: a network of this process's own, in a user namespace of its own, for all commands to come. None where that is refused. */
void keep_network(void);
bool network_kept(void);
/* After a command: another one, where it has left something in it. */
void renew_network(void);
/* Of the network namespace that this process has just made. */
void loopback_up(void);

/* seccomp.c: from now on neither this process nor what it starts makes the calls that a program refuses, which is read from `file`. */
void refuse_calls(int file);

/* init.c: a file of a folder of the kernel's. */
void write_file(int folder, const char *path, const char *text);
/* Who this process is in its new user namespace: `uid` and `gid` inside; outside, in the one above, `user` and `group`. */
void map(int proc, unsigned uid, unsigned user, unsigned gid, unsigned group);

/* init.c: in new namespaces, as their first process. Writes the command's exit code, an int, to `result`, and ends.
 * `user`, `group`: who started it, in the namespace above. */
_Noreturn void init(int argc, char **argv, int result, unsigned user, unsigned group);
/* A wait status as shells have it: 128 and the number of a signal. */
int code_of(int status);

/* main.c: "lkbuild-launcher: ...: <the error of errno>", and the end. */
_Noreturn void fail(const char *what, const char *name);
/* The same without an error of the kernel's. */
_Noreturn void refuse(const char *what, const char *name);

#endif
