/* The init of a sandbox: makes it around itself, starts the command and reaps what is orphaned.
 *
 * When it ends, the kernel ends everything in its PID namespace (pid_namespaces(7)). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "kernel.h"
#include "launcher.h"

void write_file(int folder, const char *path, const char *text)
{
	int file = openat(folder, path, O_WRONLY | O_CLOEXEC);
	if (file < 0 || write(file, text, strlen(text)) != (ssize_t)strlen(text))
		fail("can't write", path);
	close(file);
}

void map(int proc, unsigned uid, unsigned user, unsigned gid, unsigned group)
{
	char text[64];
	snprintf(text, sizeof text, "%u %u 1\n", uid, user);
	write_file(proc, "self/uid_map", text);
	snprintf(text, sizeof text, "%u %u 1\n", gid, group);
	write_file(proc, "self/gid_map", text);
}

static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct none[2] = {{0}};
	/* EINVAL: beyond the last capability that this kernel has. */
	for (unsigned long capability = 0; !prctl(PR_CAPBSET_DROP, capability, 0, 0, 0); capability++)
		continue;
	if (errno != EINVAL)
		fail("can't drop", "the bounding set");
	if (syscall(SYS_capset, &header, none))
		fail("can't drop", "capabilities");
	/* So that /proc/self belongs to the user again, which a change of capabilities takes away. */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
		fail("can't be", "dumpable");
}

/* A second user namespace, below the one that owns the mounts: what runs in it has no right over those, and can make no third. */
static void second_user_namespace(const struct plan *plan, int proc)
{
	if (plan->no_userns)
		write_file(proc, "sys/user/max_user_namespaces", "1");
	if (unshare(CLONE_NEWUSER))
		fail("can't make", "the second user namespace");
	map(proc, plan->uid, 0, plan->gid, 0);
	if (plan->no_userns && !unshare(CLONE_NEWUSER))
		refuse("a further user namespace", "was not refused");
}

/* What reaches the init as SIGTERM is for the command: everything else is ended by the init's own end. */
static volatile pid_t running;

static void pass_on(int signal)
{
	if (running > 0)
		kill(running, signal);
}

/* `result`: a pipe that only the process that made this one reads. Where it has ended before it could be waited for, so does this. */
static void die_with_parent(int result)
{
	struct pollfd end = {.fd = result};
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		fail("can't be told of the end of", "its parent");
	if (poll(&end, 1, 0) > 0 && end.revents & POLLERR)
		_exit(1);
}

/* The init's part, up to the command's start. */
static void set_up(const struct plan *plan, unsigned user, unsigned group)
{
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		fail("can't open", "/proc");
	if (plan->nice && setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + plan->nice))
		fail("can't step back by", "--nice");
	write_file(proc, "self/setgroups", "deny"); /* else an ordinary user can't write the map of groups (user_namespaces(7)) */
	map(proc, 0, user, 0, group);
	if (!network_kept()) {
		loopback_up();
	} else if (!plan->no_userns) { /* in a user namespace of its own a command could change it */
		if (unshare(CLONE_NEWNET))
			fail("can't make", "a network");
		loopback_up();
	}
	if (plan->hostname && sethostname(plan->hostname, strlen(plan->hostname)))
		fail("can't set the host name", plan->hostname);
	mode_t before = umask(0);
	make_root(plan);
	umask(before);
	second_user_namespace(plan, proc);
	close(proc);
	drop_capabilities();
	if (chdir(plan->cwd))
		fail("can't go to", plan->cwd);
	if (plan->new_session && setsid() < 0)
		fail("can't make", "a session");
}

int code_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void init(int argc, char **argv, int result, unsigned user, unsigned group)
{
	struct plan given, *plan = &given;
	die_with_parent(result);
	read_options(plan, argc, argv);
	set_up(plan, user, group);
	volatile int error = 0;
	sigset_t none;
	sigemptyset(&none);
	pid_t command = vfork(); /* shares memory until it executes: so it says here why it could not */
	if (!command) {
		sigprocmask(SIG_SETMASK, &none, NULL);
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* with the init: the namespace's end does it too */
		execvpe(plan->command[0], plan->command, plan->environment);
		error = errno;
		_exit(1);
	}
	if (command < 0)
		fail("can't start", plan->command[0]);
	if (error) {
		errno = error;
		fail("execvp", plan->command[0]);
	}
	die_with_parent(result); /* a change of credentials may have cleared it */
	running = command;
	signal(SIGTERM, pass_on);
	sigprocmask(SIG_SETMASK, &none, NULL); /* and what came before is taken now */
	for (int status;;) {
		pid_t ended = wait(&status);
		if (ended == command) {
			int code = code_of(status);
			ssize_t written = write(result, &code, sizeof code);
			_exit(written == sizeof code ? code : 1);
		}
		if (ended < 0 && errno != EINTR)
			_exit(1);
	}
}
