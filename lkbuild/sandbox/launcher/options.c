/* The options of bubblewrap that lkbuild/sandbox/plan.py writes for actions, and no others. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "launcher.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *name;
	enum op op;
	int operands;
} OPERATIONS[] = {
	{"--bind", OP_BIND, 2}, {"--ro-bind", OP_RO_BIND, 2}, {"--dir", OP_DIR, 1},     {"--symlink", OP_SYMLINK, 2},
	{"--proc", OP_PROC, 1}, {"--dev", OP_DEV, 1},         {"--tmpfs", OP_TMPFS, 1}, {"--remount-ro", OP_REMOUNT_RO, 1},
};

/* Those that are not a choice: a run without one of them is none of ours. */
static const char *const ALWAYS[] = {
	"--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup", "--unshare-net", "--clearenv", "--die-with-parent",
};

static unsigned number(const char *name, const char *text, int base)
{
	char *end;
	errno = 0;
	unsigned long value = strtoul(text, &end, base);
	if (errno || end == text || *end || value > 0x7fffffff || *text == '-')
		refuse("not a number", name);
	return (unsigned)value;
}

/* Operations begin with the option's place in `argv`; how many operands they take, or 0 where the option is another. */
static int operation(struct plan *plan, char **argv, int left, int *mode)
{
	for (size_t i = 0; i < COUNT(OPERATIONS); i++) {
		if (strcmp(argv[0], OPERATIONS[i].name))
			continue;
		int operands = OPERATIONS[i].operands;
		if (left <= operands)
			refuse("an operand is missing", argv[0]);
		struct step *step = &plan->steps[plan->n_steps++];
		step->op = OPERATIONS[i].op;
		step->mode = *mode;
		step->source = operands == 2 ? argv[1] : NULL;
		step->path = argv[operands];
		if (step->path[0] != '/')
			refuse("not an absolute path", step->path);
		*mode = -1;
		return operands;
	}
	return 0;
}

/* Options without operands; whether it was one. */
static bool flag(struct plan *plan, const char *name, unsigned *seen)
{
	for (size_t i = 0; i < COUNT(ALWAYS); i++)
		if (!strcmp(name, ALWAYS[i])) {
			*seen |= 1U << i;
			return true;
		}
	struct {
		const char *name;
		bool *to;
	} flags[] = {
		{"--disable-userns", &plan->no_userns},
		{"--new-session", &plan->new_session},
	};
	for (size_t i = 0; i < COUNT(flags); i++)
		if (!strcmp(name, flags[i].name))
			return *flags[i].to = true;
	return false;
}

/* Options with one operand; whether it was one. */
static bool setting(struct plan *plan, const char *name, const char *value, int *mode)
{
	if (!strcmp(name, "--uid"))
		plan->uid = number(name, value, 10);
	else if (!strcmp(name, "--gid"))
		plan->gid = number(name, value, 10);
	else if (!strcmp(name, "--perms"))
		*mode = (int)number(name, value, 8);
	else if (!strcmp(name, "--nice"))
		plan->nice = (int)number(name, value, 10);
	else if (!strcmp(name, "--hostname"))
		plan->hostname = value;
	else if (!strcmp(name, "--chdir"))
		plan->cwd = value;
	else if (!strcmp(name, "--cap-drop")) {
		if (strcmp(value, "ALL"))
			refuse("only --cap-drop ALL is known", value);
	} else
		return false;
	return true;
}

void read_options(struct plan *plan, int argc, char **argv)
{
	int mode = -1, at = 1, entries = 0;
	unsigned seen = 0;
	*plan = (struct plan){.cwd = "/"};
	plan->steps = calloc((size_t)argc, sizeof *plan->steps);
	plan->environment = calloc((size_t)argc, sizeof *plan->environment);
	if (!plan->steps || !plan->environment)
		fail("no memory for", "options");
	for (; at < argc && strcmp(argv[at], "--"); at++) {
		int left = argc - at, operands;
		if (flag(plan, argv[at], &seen))
			continue;
		if ((operands = operation(plan, argv + at, left, &mode))) {
			at += operands;
		} else if (!strcmp(argv[at], "--setenv") && left > 2) {
			char *name = argv[at + 1], *value = argv[at + 2];
			at += 2;
			if (!strcmp(name, "PWD"))
				continue; /* is its own to say, below */
			char *entry = malloc(strlen(name) + strlen(value) + 2);
			if (!entry)
				fail("no memory for", name);
			stpcpy(stpcpy(stpcpy(entry, name), "="), value);
			plan->environment[entries++] = entry;
		} else if (left > 1 && setting(plan, argv[at], argv[at + 1], &mode)) {
			at++;
		} else {
			refuse("an option that it does not know", argv[at]);
		}
	}
	if (seen != (1U << COUNT(ALWAYS)) - 1)
		refuse("one is missing of", "--unshare-{user,ipc,pid,uts,cgroup,net} --clearenv --die-with-parent");
	if (at + 1 >= argc)
		refuse("no command", "--");
	plan->command = argv + at + 1;
	/* PWD is where it starts, as a shell and bubblewrap have it. There is room: --clearenv has no entry. */
	char *pwd = malloc(strlen(plan->cwd) + sizeof "PWD=");
	if (!pwd)
		fail("no memory for", "PWD");
	stpcpy(stpcpy(pwd, "PWD="), plan->cwd);
	plan->environment[entries] = pwd;
}
