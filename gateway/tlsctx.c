/* SPDX-License-Identifier: ISC */
/*
 * What is the same for all TLS connections of a listener.  The key is read
 * into memory that is wiped, from a descriptor: this process opens no file.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "gateway/tls.h"
#include "gateway/tlsctx.h"

/* The most bytes of a file of certificates, and of one with a key. */
#define CHAIN_MAX (256 * 1024)
#define KEY_MAX (64 * 1024)

/* Ciphertext read at once, in bytes: a few records. */
#define READ_AHEAD (64 * 1024)

/* For TLS 1.2; those of 1.3 are all good. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:!SHA1"
#define SECURITY_LEVEL 2

static const unsigned char alpn[] = "\x08http/1.1";

int
tlsctx_begin(void)
{
	unsigned char byte;
	SSL_CTX *ctx;

	/* The system's openssl.cnf has no say, and no module is loaded. */
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG |
	    OPENSSL_INIT_LOAD_SSL_STRINGS |
	    OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) != 1 ||
	    RAND_bytes(&byte, 1) != 1)
		return -1;
	ctx = SSL_CTX_new(TLS_server_method());
	SSL_CTX_free(ctx);
	return ctx == NULL ? -1 : 0;
}

/* Any of the offered ones, or none offered, will do if it is ours. */
static int
choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
    const unsigned char *in, unsigned int inlen, void *arg)
{
	unsigned char *chosen;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, outlen, alpn, sizeof(alpn) - 1, in,
	    inlen) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static int
no_password(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

static void
explain(char why[TLS_WHY_SIZE], const char *what)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);

	snprintf(why, TLS_WHY_SIZE, "%s%s%s", what, reason == NULL ? "" :
	    ": ", reason == NULL ? "" : reason);
	ERR_clear_error();
}

/*
 * All of a file from its start, wherever others that share the descriptor
 * stand.  "*len" gets its length; NULL: unreadable, empty or too long.
 */
static char *
slurp(int fd, size_t max, size_t *len)
{
	char *bytes = malloc(max + 1);
	ssize_t n;

	if (bytes == NULL)
		return NULL;
	for (*len = 0; *len <= max; *len += (size_t)n) {
		n = pread(fd, bytes + *len, max + 1 - *len, (off_t)*len);
		if (n <= 0)
			break;
	}
	if (*len > 0 && *len <= max && n == 0)
		return bytes;
	OPENSSL_cleanse(bytes, *len);
	free(bytes);
	return NULL;
}

static BIO *
pem_open(int fd, size_t max, char **bytes, size_t *len)
{
	*bytes = slurp(fd, max, len);
	return *bytes == NULL ? NULL : BIO_new_mem_buf(*bytes, (int)*len);
}

static void
pem_close(BIO *bio, char *bytes, size_t len)
{
	BIO_free(bio);
	if (bytes != NULL)
		OPENSSL_cleanse(bytes, len);
	free(bytes);
}

/* At the end of the file there is no other one, which is no error. */
static int
ended(void)
{
	unsigned long code = ERR_peek_last_error();

	if (ERR_GET_LIB(code) != ERR_LIB_PEM ||
	    ERR_GET_REASON(code) != PEM_R_NO_START_LINE)
		return -1;
	ERR_clear_error();
	return 0;
}

static int
take_certificates(SSL_CTX *ctx, BIO *bio)
{
	X509 *cert = PEM_read_bio_X509_AUX(bio, NULL, no_password, NULL);
	int ok;

	if (cert == NULL)
		return -1;
	ok = SSL_CTX_use_certificate(ctx, cert);
	X509_free(cert);
	if (ok != 1)
		return -1;
	while ((cert = PEM_read_bio_X509(bio, NULL, no_password, NULL)) !=
	    NULL)
		if (SSL_CTX_add0_chain_cert(ctx, cert) != 1) {
			X509_free(cert);
			return -1;
		}
	return ended();
}

static int
load_certificates(SSL_CTX *ctx, int fd)
{
	char *bytes;
	size_t len;
	BIO *bio = pem_open(fd, CHAIN_MAX, &bytes, &len);
	int result = bio == NULL ? -1 : take_certificates(ctx, bio);

	pem_close(bio, bytes, len);
	return result;
}

static int
load_key(SSL_CTX *ctx, int fd)
{
	char *bytes;
	size_t len;
	BIO *bio = pem_open(fd, KEY_MAX, &bytes, &len);
	EVP_PKEY *key = bio == NULL ? NULL :
	    PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	int ok = key != NULL && SSL_CTX_use_PrivateKey(ctx, key) == 1;

	EVP_PKEY_free(key);
	pem_close(bio, bytes, len);
	return ok ? 0 : -1;
}

/*
 * No tickets: any gateway may get the next connection, so they would need a
 * key that all share and change; holdfast's own sessions are what is resumed.
 */
static int
set_rules(SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
	    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
	    SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_default_read_buffer_len(ctx, READ_AHEAD);
	SSL_CTX_set_security_level(ctx, SECURITY_LEVEL);
	SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, NULL);
	return SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
	    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	    SSL_CTX_set_cipher_list(ctx, CIPHERS) == 1 ? 0 : -1;
}

struct tls_context *
tlsctx_new(int chain, int key, char why[TLS_WHY_SIZE])
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	const char *wrong = NULL;

	ERR_clear_error();
	if (ctx == NULL || set_rules(ctx) == -1)
		wrong = "TLS cannot be set up";
	else if (load_certificates(ctx, chain) == -1)
		wrong = "the certificate file holds no certificates in PEM "
		    "that can be used";
	else if (load_key(ctx, key) == -1)
		wrong = "the key file holds no key in PEM without a password, "
		    "or one that does not belong to the certificate";
	else if (SSL_CTX_check_private_key(ctx) != 1)
		wrong = "the key does not belong to the certificate";
	if (wrong == NULL)
		return (struct tls_context *)ctx;
	explain(why, wrong);
	SSL_CTX_free(ctx);
	return NULL;
}

void
tlsctx_free(struct tls_context *context)
{
	SSL_CTX_free((SSL_CTX *)context);
}
