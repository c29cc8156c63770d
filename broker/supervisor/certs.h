/* SPDX-License-Identifier: ISC */
/*
 * The certificates and the key of a wss:// listener as they were when the
 * configuration was read: files may be in the middle of being replaced when
 * a gateway starts later.  What is in them is the gateways' to understand.
 */
#ifndef SUPERVISOR_CERTS_H
#define SUPERVISOR_CERTS_H

#define CERTS_WHY_SIZE 512

/* Both are -1, or sealed and kept in memory (memfd_create(2)). */
struct certs {
	int chain;
	int key;
};

#define CERTS_NONE { -1, -1 }

/*
 * Read both files, PEM.  They must belong to root or to whoever we are, and
 * be no others' to write; the key not even to read, but for those in the
 * owner's group.  What "certs" held gives way only to a good pair.  Returns
 * 0, or -1 with what is wrong, and what helps, in "why".
 */
int certs_load(struct certs *certs, const char *chain, const char *key,
    char why[CERTS_WHY_SIZE]);

/* A copy of its own for "to", which holds nothing; 0, or -1 with errno. */
int certs_copy(struct certs *to, const struct certs *from);

void certs_clear(struct certs *certs);

#endif
