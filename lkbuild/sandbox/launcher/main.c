/* lkbuild-launcher: starts a command in a sandbox, by the options of bubblewrap that lkbuild uses for actions.
 *
 * It is to bubblewrap what a sprinter is to a decathlete: the same namespaces, mounts, maps and capabilities, in a third of the processor
 * time, and nothing else. tests/conformance/test_launcher.py compares what a command sees in both. It needs no privilege, and no set-uid
 * bit may ever be given to it. Where it can't be compiled, or this kernel is too old for it (5.12), bubblewrap is taken.
 *
 * Three processes: this one, which waits and tells how it ended; the init of a PID namespace, which sets everything up; the command.
 * When the init ends, the kernel ends all in its namespace (pid_namespaces(7)), and only then does this one end. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "kernel.h"
#include "launcher.h"

static void say(const char *what, const char *name, const char *why)
{
	fprintf(stderr, "lkbuild-launcher: %s %s%s%s\n", what, name, why ? ": " : "", why ? why : "");
}

void fail(const char *what, const char *name)
{
	say(what, name, strerror(errno));
	_exit(1);
}

void refuse(const char *what, const char *name)
{
	say(what, name, NULL);
	_exit(1);
}

static void write_file(int folder, const char *path, const char *text)
{
	int file = openat(folder, path, O_WRONLY | O_CLOEXEC);
	if (file < 0 || write(file, text, strlen(text)) != (ssize_t)strlen(text))
		fail("can't write", path);
	close(file);
}

/* Inside: `uid` and `gid`; outside, in the namespace above: those of `user` and `group`. */
static void map(int proc, unsigned uid, unsigned user, unsigned gid, unsigned group)
{
	char text[64];
	snprintf(text, sizeof text, "%u %u 1\n", uid, user);
	write_file(proc, "self/uid_map", text);
	snprintf(text, sizeof text, "%u %u 1\n", gid, group);
	write_file(proc, "self/gid_map", text);
}

/* The kernel gives lo its address when it comes up (devinet.c). */
static void loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	int handle = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (handle < 0 || ioctl(handle, SIOCGIFFLAGS, &request))
		fail("can't find", "lo");
	request.ifr_flags |= IFF_UP;
	if (ioctl(handle, SIOCSIFFLAGS, &request))
		fail("can't bring up", "lo");
	close(handle);
}

static void die_with_parent(void)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		fail("can't be told of the end of", "its parent");
}

static void drop_capabilities(bool bounding)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct none[2] = {{0}};
	/* EINVAL: beyond the last capability that this kernel has. */
	for (unsigned long capability = 0; bounding && !prctl(PR_CAPBSET_DROP, capability, 0, 0, 0); capability++)
		continue;
	if (bounding && errno != EINVAL)
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

static sigset_t ours(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	return set;
}

/* Whether the process that started this one is gone: then nobody has the other end. */
static bool orphaned(int result)
{
	struct pollfd end = {.fd = result};
	return poll(&end, 1, 0) > 0 && end.revents & POLLERR;
}

/* The init's part, up to the command's start. */
static void set_up(const struct plan *plan, int result, unsigned user, unsigned group)
{
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		fail("can't open", "/proc");
	if (plan->die_with_parent) {
		die_with_parent();
		if (orphaned(result))
			_exit(1);
	}
	write_file(proc, "self/setgroups", "deny"); /* else an ordinary user can't write the map of groups (user_namespaces(7)) */
	map(proc, 0, user, 0, group);
	if (plan->net)
		loopback_up();
	if (plan->hostname && sethostname(plan->hostname, strlen(plan->hostname)))
		fail("can't set the host name", plan->hostname);
	mode_t before = umask(0);
	make_root(plan);
	umask(before);
	second_user_namespace(plan, proc);
	close(proc);
	drop_capabilities(true);
	if (chdir(plan->cwd))
		fail("can't go to", plan->cwd);
	if (plan->new_session && setsid() < 0)
		fail("can't make", "a session");
}

static int code_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static _Noreturn void init(const struct plan *plan, int result, unsigned user, unsigned group)
{
	set_up(plan, result, user, group);
	volatile int error = 0;
	sigset_t none;
	sigemptyset(&none);
	pid_t command = vfork(); /* shares memory until it executes: so it says here why it could not */
	if (!command) {
		sigprocmask(SIG_SETMASK, &none, NULL);
		if (plan->die_with_parent)
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
	if (plan->die_with_parent) {
		die_with_parent(); /* a change of credentials may have cleared it */
		if (orphaned(result))
			_exit(1);
	}
	running = command;
	signal(SIGTERM, pass_on);
	sigprocmask(SIG_SETMASK, &none, NULL);
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

static void tell(const struct plan *plan, const char *key, int value)
{
	char text[64];
	int length = snprintf(text, sizeof text, "{\"%s\":%d}\n", key, value);
	if (plan->status >= 0 && write(plan->status, text, (size_t)length) != length && errno != EPIPE)
		fail("can't write to", "--json-status-fd");
}

/* Until the init, and with it all in its namespace, has ended. SIGTERM asks the command to end; SIGUSR1 ends everything. */
static int supervise(pid_t init, const sigset_t *signals)
{
	for (int status;;) {
		switch (sigwaitinfo(signals, NULL)) {
		case SIGTERM:
			kill(init, SIGTERM);
			break;
		case SIGUSR1:
			kill(init, SIGKILL);
			break;
		case SIGCHLD:
			if (waitpid(init, &status, WNOHANG) == init)
				return status;
		}
	}
}

int main(int argc, char **argv)
{
	sigset_t signals = ours();
	struct plan plan;
	int result[2], status, code;
	unsigned user = getuid(), group = getgid();

	if (user != geteuid() || group != getegid())
		refuse("must not be", "set-uid");
	read_options(&plan, argc, argv);
	/* From here on they wait until they are asked for: what this one inherited does not count. */
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_SETMASK, &signals, NULL);
	if (plan.die_with_parent) {
		die_with_parent();
		if (plan.parent && getppid() != plan.parent)
			return 1; /* it ended before that */
	}
	if (plan.nice && setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + plan.nice))
		fail("can't step back by", "--nice");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		fail("can't set", "no_new_privs");
	if (syscall(NR_close_range, 3, ~0U, K_CLOSE_RANGE_CLOEXEC))
		fail("can't keep for itself", "what is open");
	if (pipe2(result, O_CLOEXEC))
		fail("can't make", "a pipe");
	struct k_clone_args how = {
		.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | (plan.net ? CLONE_NEWNET : 0),
		.exit_signal = SIGCHLD,
	};
	pid_t child = (pid_t)syscall(NR_clone3, &how, sizeof how);
	if (child < 0)
		fail("can't make", "namespaces");
	if (!child) {
		close(result[0]);
		if (plan.status >= 0)
			close(plan.status);
		init(&plan, result[1], user, group);
	}
	close(result[1]);
	drop_capabilities(false);
	status = supervise(child, &signals);
	if (read(result[0], &code, sizeof code) != sizeof code)
		return code_of(status);
	tell(&plan, "exit-code", code);
	return code;
}
