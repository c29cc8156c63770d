/* SPDX-License-Identifier: ISC */
/* A look at certificates and key before any gateway has to live with them. */
#ifndef GATEWAY_CHECKPAIR_H
#define GATEWAY_CHECKPAIR_H

/*
 * "holdfast-gateway-tls check [UID GID]": the certificates are standard
 * input, the key is descriptor 3; with ids, become these first.  What is
 * wrong goes to standard output.  Returns the exit status, 0 for a good pair.
 */
int checkpair_main(int argc, char **argv);

#endif
