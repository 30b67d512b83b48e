/* lkbuild-unchanged FILE OFFSET [ROOT]: whether all files of a snapshot are as they were. It compares what stat(2) says of them.
 *
 * Ends with 0 where they are, with 1 where one is not, is gone or can't be asked, and where the snapshot is damaged: then the long way
 * finds out. Paths are relative to the working directory. With a third argument they are relative to that folder, and it ends with 0 unless
 * the snapshot is damaged, and writes the numbers of the files that are not as they were, of 64 bits each, in order; else it writes nothing.
 * lkbuild/base/snapshot_format.py has the format, lkbuild/base/file_stats.py does the same without this program, in three times the time. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* So many files are worth a thread; more threads than so many wait for each other in the kernel. */
enum { WORTH = 4000, MOST = 4 };

/* As packed by snapshot_format.packed: "=5q". */
struct known {
	int64_t size, modified_ns, changed_ns, inode, mode;
};

/* Consecutive files, for one thread. */
struct part {
	const char *known, *path; /* the first of each; neither is aligned */
	int64_t count;
	int64_t first;    /* the number of the first */
	int64_t *changed; /* takes the numbers of those that are not the same; NULL: the first such ends it */
	int64_t found;    /* how many it has taken */
	bool same;
};

static int64_t nanoseconds(struct timespec time)
{
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static bool is_same(const char *path, const char *known)
{
	struct stat status;
	if (stat(path, &status))
		return false;
	const struct known now = {
		.size = status.st_size,
		.modified_ns = nanoseconds(status.st_mtim),
		.changed_ns = nanoseconds(status.st_ctim),
		.inode = (int64_t)status.st_ino,
		.mode = status.st_mode,
	};
	return !memcmp(&now, known, sizeof now);
}

/* Set where one has changed and which ones does not matter: no other thread need go on. */
static atomic_bool over;

static void *compare(void *given)
{
	struct part *part = given;
	const char *known = part->known, *path = part->path;
	for (int64_t i = 0; i < part->count && !over; i++, known += sizeof(struct known), path += strlen(path) + 1) {
		if (is_same(path, known))
			continue;
		if (!part->changed) {
			over = true;
			return NULL;
		}
		part->changed[part->found++] = part->first + i;
	}
	part->same = !part->found && !over;
	return NULL;
}

static bool write_all(const char *data, size_t size)
{
	while (size) {
		ssize_t written = write(STDOUT_FILENO, data, size);
		if (written < 0)
			return false;
		data += written;
		size -= (size_t)written;
	}
	return true;
}

/* Divides the files among threads; the last part is this thread's. False also where there are not as many paths as stats.
 * `changed`: room for a number a file, where those that changed are to be written; then true, unless something went wrong. */
static bool all_same(const char *known, int64_t count, const char *paths, const char *end, int64_t *changed)
{
	int64_t processors = sysconf(_SC_NPROCESSORS_ONLN), wanted = 1 + count / WORTH;
	int64_t limit = processors < MOST ? processors : MOST, number = wanted < limit ? wanted : limit, at = 0;
	struct part parts[MOST];
	pthread_t threads[MOST];
	bool started[MOST] = {false}, same = true;
	for (int64_t i = 0; i < number; i++) {
		int64_t share = count * (i + 1) / number - at;
		parts[i] = (struct part){
			.known = known + at * (int64_t)sizeof(struct known),
			.path = paths,
			.count = share,
			.first = at,
			.changed = changed ? changed + at : NULL,
		};
		at += share;
		for (int64_t skipped = 0; skipped < share; skipped++) {
			const char *zero = memchr(paths, 0, (size_t)(end - paths));
			if (!zero)
				return false;
			paths = zero + 1;
		}
	}
	if (paths != end)
		return false;
	for (int64_t i = 0; i < number - 1; i++)
		started[i] = !pthread_create(&threads[i], NULL, compare, &parts[i]);
	for (int64_t i = 0; i < number; i++)
		if (!started[i])
			compare(&parts[i]);
	for (int64_t i = 0; i < number; i++) {
		if (started[i])
			pthread_join(threads[i], NULL);
		same &= parts[i].same;
	}
	if (!changed)
		return same;
	for (int64_t i = 0; i < number; i++)
		if (!write_all((const char *)parts[i].changed, (size_t)parts[i].found * sizeof *changed))
			return false;
	return true;
}

int main(int argc, char **argv)
{
	if (argc != 3 && argc != 4)
		return 2;
	int file = open(argv[1], O_RDONLY | O_CLOEXEC);
	struct stat status;
	int64_t offset = strtoll(argv[2], NULL, 10), count;
	if (file < 0 || fstat(file, &status) || offset < 0 || offset > status.st_size - (int64_t)sizeof count)
		return 1;
	const char *text = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
	if (text == MAP_FAILED)
		return 1;
	const char *end = text + status.st_size, *known = text + offset + sizeof count;
	memcpy(&count, text + offset, sizeof count);
	if (count < 0 || count > (end - known) / (int64_t)sizeof(struct known))
		return 1;
	int64_t *changed = argc == 4 ? calloc((size_t)count + 1, sizeof *changed) : NULL;
	if (argc == 4 && (!changed || chdir(argv[3])))
		return 1;
	return !all_same(known, count, known + count * (int64_t)sizeof(struct known), end, changed);
}
