/* The new root: what plan.py asks for, step by step, by file descriptors (mount_setattr(2), move_mount(2)).
 *
 * No path of the new root is ever looked up from outside of it: places are opened with RESOLVE_IN_ROOT, so that a symbolic link in a
 * tree leads nowhere else. Flags go to a whole tree of mounts at once, and nothing is read back from /proc/self/mountinfo. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "kernel.h"
#include "launcher.h"

/* Where the new root stands until it is pivoted into: there on every Linux, and no action has an input from below it. */
static const char STAGE[] = "/proc";

/* The new root, and the folder that the last place was in, which most have in common with the place before. It can't grow stale: to mount on it
 * or above it is to ask for another one first. */
static int root = -1, parent = -1;
static char parent_path[PATH_MAX];

static int open_in(int folder, const char *path, int flags)
{
	struct k_open_how how = {
		.flags = (uint64_t)flags | O_CLOEXEC,
		.resolve = K_RESOLVE_IN_ROOT | K_RESOLVE_NO_MAGICLINKS,
	};
	return (int)syscall(NR_openat2, folder, path, &how, sizeof how);
}

/* Opens the folder of that path, and makes what is not there of it. */
static int make_folders(const char *path)
{
	int at = open_in(root, path, O_PATH | O_DIRECTORY);
	if (at >= 0 || errno != ENOENT)
		return at;
	char copy[PATH_MAX], *end = copy;
	stpcpy(copy, path); /* its length was compared by `place` */
	while ((end = strchr(end + 1, '/'))) {
		*end = '\0';
		int made = open_in(root, copy, O_PATH | O_DIRECTORY);
		if (made < 0 && errno == ENOENT)
			goto missing;
		if (made < 0)
			return made;
		close(made);
		*end = '/';
		continue;
	missing:
		*end = '\0';
		char *name = strrchr(copy, '/');
		*name = '\0';
		int folder = open_in(root, *copy ? copy : "/", O_PATH | O_DIRECTORY);
		*name = '/';
		if (folder < 0 || mkdirat(folder, name + 1, 0755))
			return -1;
		close(folder);
		*end = '/';
	}
	char *name = strrchr(copy, '/');
	*name = '\0';
	int folder = open_in(root, *copy ? copy : "/", O_PATH | O_DIRECTORY);
	if (folder < 0 || mkdirat(folder, name + 1, 0755))
		return -1;
	close(folder);
	return open_in(root, path, O_PATH | O_DIRECTORY);
}

/* Opens the folder that `path` is in, into `parent`; the last part of it. */
static const char *place(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	size_t length = (size_t)(name - path);
	if (strlen(path) >= PATH_MAX)
		refuse("too long a path", path);
	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		refuse("not the name of a place", path);
	if (parent >= 0 && strlen(parent_path) == length && !strncmp(parent_path, path, length))
		return name;
	if (parent >= 0)
		close(parent);
	memcpy(parent_path, path, length);
	parent_path[length] = '\0';
	char folder[PATH_MAX];
	memcpy(folder, parent_path, length + 1);
	if (length > 1)
		folder[length - 1] = '\0'; /* the slash */
	parent = make_folders(folder);
	if (parent < 0)
		fail("can't make the folder of", path);
	return name;
}

/* Opens a place to mount on, and makes it where it is not there. Never a symbolic link. */
static int mount_point(int folder, const char *name, bool directory, int mode)
{
	int at = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (at < 0 && errno == ENOENT) {
		int made = directory ? mkdirat(folder, name, (mode_t)mode) : mknodat(folder, name, S_IFREG | (mode_t)mode, 0);
		if (made)
			fail("can't make", name);
		at = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	}
	struct stat status;
	if (at < 0 || fstat(at, &status))
		fail("can't open", name);
	if (S_ISLNK(status.st_mode))
		refuse("is a symbolic link, and nothing is mounted on one", name);
	if (directory != (bool)S_ISDIR(status.st_mode))
		refuse(directory ? "is no folder" : "is a folder", name);
	return at;
}

static void set(int mount, unsigned attributes, int recursive, const char *name)
{
	struct k_mount_attr attr = {.set = attributes};
	if (syscall(NR_mount_setattr, mount, "", AT_EMPTY_PATH | recursive, &attr, sizeof attr))
		fail("can't set the flags of", name);
}

static void attach(int mount, int at, const char *name)
{
	if (syscall(NR_move_mount, mount, "", at, "", K_MOVE_MOUNT_F_EMPTY_PATH | K_MOVE_MOUNT_T_EMPTY_PATH))
		fail("can't mount", name);
	close(mount);
	close(at);
}

/* A tree of mounts of the host, as it is at that path, with these flags more. */
static int tree_of(const char *source, unsigned attributes)
{
	int tree = (int)syscall(NR_open_tree, AT_FDCWD, source, K_OPEN_TREE_CLONE | O_CLOEXEC | K_AT_RECURSIVE);
	if (tree < 0)
		fail("can't find source path", source);
	set(tree, attributes, K_AT_RECURSIVE, source);
	return tree;
}

static void bind_to(int folder, const char *name, const char *source, unsigned attributes, int mode)
{
	struct stat status;
	int tree = tree_of(source, attributes);
	if (fstat(tree, &status))
		fail("can't look at", source);
	bool directory = S_ISDIR(status.st_mode);
	attach(tree, mount_point(folder, name, directory, directory ? 0755 : mode), name);
}

/* A file system of its own; `key` and `value`: one option, or NULL. */
static int file_system(const char *type, unsigned attributes, const char *const options[][2])
{
	int context = (int)syscall(NR_fsopen, type, 1 /* FSOPEN_CLOEXEC */);
	if (context < 0)
		fail("can't open the file system", type);
	if (syscall(NR_fsconfig, context, K_FSCONFIG_SET_STRING, "source", type, 0))
		fail("can't name the file system", type);
	for (; options && (*options)[0]; options++)
		if (syscall(NR_fsconfig, context, K_FSCONFIG_SET_STRING, (*options)[0], (*options)[1], 0))
			fail("can't set up the file system", type);
	if (syscall(NR_fsconfig, context, K_FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		fail("can't make the file system", type);
	int mount = (int)syscall(NR_fsmount, context, 1 /* FSMOUNT_CLOEXEC */, attributes);
	if (mount < 0)
		fail("can't mount", type);
	close(context);
	return mount;
}

static int memory(int mode)
{
	char text[8];
	const char *options[][2] = {{"mode", text}, {NULL, NULL}};
	text[0] = '0';
	for (int i = 0; i < 4; i++)
		text[i + 1] = (char)('0' + ((mode >> (9 - 3 * i)) & 7));
	text[5] = '\0';
	return file_system("tmpfs", K_ATTR_NOSUID | K_ATTR_NODEV, options);
}

static void make_proc(int at)
{
	static const char *const covered[] = {"sys", "sysrq-trigger", "irq", "bus"};
	int mount = file_system("proc", K_ATTR_NOSUID | K_ATTR_NODEV | K_ATTR_NOEXEC, NULL);
	int here = dup(mount);
	attach(mount, at, "proc");
	/* As bubblewrap has it: what a user could write to is covered by itself, read-only. */
	for (size_t i = 0; i < sizeof covered / sizeof *covered; i++) {
		if (faccessat(here, covered[i], W_OK, 0)) {
			if (errno == EACCES || errno == ENOENT || errno == EROFS)
				continue;
			fail("can't look at /proc/", covered[i]);
		}
		int tree = (int)syscall(NR_open_tree, here, covered[i], K_OPEN_TREE_CLONE | O_CLOEXEC);
		int over = openat(here, covered[i], O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (tree < 0 || over < 0)
			fail("can't cover /proc/", covered[i]);
		set(tree, K_ATTR_RDONLY | K_ATTR_NOSUID | K_ATTR_NODEV, 0, covered[i]);
		attach(tree, over, covered[i]);
	}
	close(here);
}

static void make_dev(int at)
{
	static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"};
	static const char *const links[][2] = {
		{"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"},
		{"/proc/self/fd", "fd"},      {"/proc/kcore", "core"},       {"pts/ptmx", "ptmx"},
	};
	static const char *const pts[][2] = {{"ptmxmode", "0666"}, {"mode", "620"}, {NULL, NULL}};
	int mount = memory(0755), here = dup(mount);
	attach(mount, at, "dev");
	for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
		bind_to(here, strrchr(devices[i], '/') + 1, devices[i], K_ATTR_NOSUID, 0444);
	for (size_t i = 0; i < sizeof links / sizeof *links; i++)
		if (symlinkat(links[i][0], here, links[i][1]))
			fail("can't link /dev/", links[i][1]);
	if (mkdirat(here, "shm", 0755))
		fail("can't make", "/dev/shm");
	int instance = file_system("devpts", K_ATTR_NOSUID | K_ATTR_NOEXEC, pts);
	attach(instance, mount_point(here, "pts", true, 0755), "/dev/pts");
	close(here);
}

static void remount(const char *path)
{
	int at = open_in(root, path, O_PATH | O_NOFOLLOW);
	if (at < 0)
		fail("can't open", path);
	set(at, K_ATTR_RDONLY, 0, path);
	close(at);
}

static void take(const struct step *step)
{
	if (step->op == OP_REMOUNT_RO) {
		remount(step->path);
		return;
	}
	const char *name = place(step->path);
	int mode = step->mode < 0 ? 0755 : step->mode;
	switch (step->op) {
	case OP_BIND:
		bind_to(parent, name, step->source, K_ATTR_NOSUID | K_ATTR_NODEV, 0666);
		break;
	case OP_RO_BIND:
		bind_to(parent, name, step->source, K_ATTR_NOSUID | K_ATTR_NODEV | K_ATTR_RDONLY, 0666);
		break;
	case OP_DIR:
		close(mount_point(parent, name, true, mode));
		break;
	case OP_SYMLINK:
		if (symlinkat(step->source, parent, name))
			fail("can't make the symbolic link", step->path);
		break;
	case OP_PROC:
		make_proc(mount_point(parent, name, true, 0755));
		break;
	case OP_DEV:
		make_dev(mount_point(parent, name, true, 0755));
		break;
	case OP_TMPFS:
		attach(memory(mode), mount_point(parent, name, true, 0755), name);
		break;
	case OP_REMOUNT_RO:
		break;
	}
}

void make_root(const struct plan *plan)
{
	/* What the host mounts later comes in; nothing goes out. */
	if (mount(NULL, "/", NULL, MS_SILENT | MS_SLAVE | MS_REC, NULL))
		fail("can't separate the mounts of", "/");
	int mount = memory(0755);
	root = dup(mount);
	int stage = open(STAGE, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || stage < 0)
		fail("can't open", STAGE);
	attach(mount, stage, STAGE);
	for (int i = 0; i < plan->n_steps; i++)
		take(&plan->steps[i]);
	/* The old root is stacked upon the new one and goes at once (pivot_root(2), NOTES). */
	if (fchdir(root) || syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH))
		fail("can't go into", "the new root");
	if (chdir("/"))
		fail("can't go to", "/");
	close(root);
	if (parent >= 0)
		close(parent);
}
