/* SPDX-License-Identifier: ISC */
/*
 * Signed bearer tokens for tests (RFC 7515, HS256), made without the library
 * that the broker checks them with.
 */
#ifndef TESTS_LIB_SIGNER_H
#define TESTS_LIB_SIGNER_H

/* A token with these claims, JSON text; the caller's to free(3). */
char *signer_token(const char *secret, const char *claims);

/*
 * The same with one claim, "name", and one that it ends in the far future;
 * the value of an Authorization header.
 */
char *signer_bearer(const char *secret, const char *name, const char *value);

#endif
