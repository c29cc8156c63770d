/* SPDX-License-Identifier: ISC */
/* Certificates and keys, kept as they were. */
#include "config.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/supervisor/certs.h"
#include "common/unix.h"

#define CERTS_MAX (256 * 1024)	/* bytes of a file */
#define CERTS_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* What others may do with a file, and what sets it right. */
static const struct rule {
	const char *what;
	mode_t others;		/* bits that must not be set */
	mode_t group;		/* nor these, for another group than its owner's */
	const char *chmod;
} chain_rule = {
	"certificate file", 022, 0, "chmod go-w"
}, key_rule = {
	"key file", 027, 040, "chmod 0600"
};

static int
complain(char why[CERTS_WHY_SIZE], const struct rule *rule, const char *path,
    const char *text)
{
	snprintf(why, CERTS_WHY_SIZE, "%s %s: %s", rule->what, path, text);
	return -1;
}

static int
check_owner(const struct stat *st, const struct rule *rule, const char *path,
    char why[CERTS_WHY_SIZE])
{
	char text[CERTS_WHY_SIZE / 2];

	if (!S_ISREG(st->st_mode))
		return complain(why, rule, path, "is no regular file");
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return complain(why, rule, path, "belongs to another user; "
		    "chown it to root");
	if ((st->st_mode & rule->others) == 0 &&
	    ((st->st_mode & rule->group) == 0 || st->st_gid == 0 ||
	    st->st_gid == getegid()))
		return 0;
	snprintf(text, sizeof(text), "others can get at it (mode %04o); %s "
	    "helps", (unsigned int)(st->st_mode & 07777), rule->chmod);
	return complain(why, rule, path, text);
}

static int
copy_bytes(int from, int to)
{
	char buf[16384];
	size_t total = 0;
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0) {
		total += (size_t)n;
		if (total > CERTS_MAX) {
			errno = EFBIG;
			n = -1;
		} else if (write(to, buf, (size_t)n) != n) {
			n = -1;
		}
		if (n == -1)
			break;
	}
	explicit_bzero(buf, sizeof(buf));
	return (int)n;
}

/* A sealed copy of what "fd" holds, or -1 with errno. */
static int
keep(int fd)
{
	int kept, saved;

	kept = memfd_create("holdfast-certs", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (kept == -1)
		return -1;
	if (copy_bytes(fd, kept) == 0 &&
	    fcntl(kept, F_ADD_SEALS, CERTS_SEALS) == 0)
		return kept;
	saved = errno;
	close(kept);
	errno = saved;
	return -1;
}

static int
load(const char *path, const struct rule *rule, char why[CERTS_WHY_SIZE])
{
	struct stat st;
	int fd, kept = -1;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return complain(why, rule, path, strerror(errno));
	if (fstat(fd, &st) == -1)
		complain(why, rule, path, strerror(errno));
	else if (check_owner(&st, rule, path, why) == 0) {
		kept = keep(fd);
		if (kept == -1)
			complain(why, rule, path, strerror(errno));
	}
	close(fd);
	return kept;
}

int
certs_load(struct certs *certs, const char *chain, const char *key,
    char why[CERTS_WHY_SIZE])
{
	struct certs fresh = CERTS_NONE;

	fresh.chain = load(chain, &chain_rule, why);
	if (fresh.chain != -1)
		fresh.key = load(key, &key_rule, why);
	if (fresh.key == -1) {
		certs_clear(&fresh);
		return -1;
	}
	certs_clear(certs);
	*certs = fresh;
	return 0;
}

int
certs_copy(struct certs *to, const struct certs *from)
{
	to->chain = fcntl(from->chain, F_DUPFD_CLOEXEC, 0);
	to->key = fcntl(from->key, F_DUPFD_CLOEXEC, 0);
	if (to->chain != -1 && to->key != -1)
		return 0;
	certs_clear(to);
	return -1;
}

void
certs_clear(struct certs *certs)
{
	unix_close(&certs->chain);
	unix_close(&certs->key);
}
