/* SPDX-License-Identifier: ISC */
/* Certificates for tests, made when they are needed. */
#ifndef TESTS_LIB_TESTCA_H
#define TESTS_LIB_TESTCA_H

/*
 * Write DIR/ca.pem (the certificate of an authority whose key nobody keeps),
 * and DIR/NAME.pem and DIR/NAME.key, a server's, for "hosts" as in
 * "IP:127.0.0.1,DNS:localhost".  Returns 0 or -1.
 */
int testca_make(const char *dir, const char *name, const char *hosts);

#endif
