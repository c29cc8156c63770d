/* SPDX-License-Identifier: ISC */
/* Certificates for tests. */
#include "config.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "common/xmalloc.h"
#include "tests/lib/testca.h"

#define LIFE_S (24 * 60 * 60)

static int
add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;
	int ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok ? 0 : -1;
}

/* "issuer" NULL: its own. */
static X509 *
make_certificate(EVP_PKEY *key, const char *name, long serial, X509 *issuer,
    EVP_PKEY *issuer_key, const char *hosts)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
	X509_gmtime_adj(X509_getm_notBefore(cert), -LIFE_S);
	X509_gmtime_adj(X509_getm_notAfter(cert), LIFE_S);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
	    (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(cert, issuer == NULL ? subject :
	    X509_get_subject_name(issuer));
	if (issuer == NULL)
		add_extension(cert, cert, NID_basic_constraints,
		    "critical,CA:TRUE");
	else
		add_extension(cert, issuer, NID_subject_alt_name, hosts);
	if (X509_sign(cert, issuer_key, EVP_sha256()) > 0)
		return cert;
	X509_free(cert);
	return NULL;
}

static FILE *
create(const char *dir, const char *name, const char *suffix, mode_t mode)
{
	char *path = xasprintf("%s/%s.%s", dir, name, suffix);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	free(path);
	return fd == -1 ? NULL : fdopen(fd, "w");
}

static int
write_certificate(const char *dir, const char *name, X509 *cert)
{
	FILE *f = create(dir, name, "pem", 0644);
	int ok = f != NULL && PEM_write_X509(f, cert) == 1;

	return f != NULL && fclose(f) == 0 && ok ? 0 : -1;
}

static int
write_key(const char *dir, const char *name, EVP_PKEY *key)
{
	FILE *f = create(dir, name, "key", 0600);
	int ok = f != NULL && PEM_write_PrivateKey(f, key, NULL, NULL, 0,
	    NULL, NULL) == 1;

	return f != NULL && fclose(f) == 0 && ok ? 0 : -1;
}

int
testca_make(const char *dir, const char *name, const char *hosts)
{
	EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
	X509 *ca = make_certificate(ca_key, "holdfast test authority", 1,
	    NULL, ca_key, NULL);
	X509 *cert = ca == NULL ? NULL : make_certificate(key, name, 2, ca,
	    ca_key, hosts);
	int result = -1;

	if (cert != NULL && write_certificate(dir, "ca", ca) == 0 &&
	    write_certificate(dir, name, cert) == 0)
		result = write_key(dir, name, key);
	X509_free(cert);
	X509_free(ca);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
	return result;
}
