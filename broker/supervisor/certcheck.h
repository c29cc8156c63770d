/* SPDX-License-Identifier: ISC */
/*
 * Whether certificates and key go together is for the TLS gateway to say:
 * holdfastd has root's powers and no code that parses either.
 */
#ifndef SUPERVISOR_CERTCHECK_H
#define SUPERVISOR_CERTCHECK_H

#include "broker/supervisor/certs.h"

struct host_pool;

/*
 * Have "program" (holdfast-gateway-tls, an absolute path) look at a pair, as
 * the user of the gateways of "pool", and wait for it, a few seconds at most.
 * Returns 0, or -1 with what is wrong in "why".
 */
int certcheck_run(const char *program, const struct certs *certs,
    const struct host_pool *pool, char why[CERTS_WHY_SIZE]);

#endif
