/* SPDX-License-Identifier: ISC */
/* What is the same for all TLS connections of a listener; see tls.h. */
#ifndef GATEWAY_TLSCTX_H
#define GATEWAY_TLSCTX_H

#include "gateway/tls.h"

/* struct tls_engine's; a struct tls_context is an SSL_CTX. */
int tlsctx_begin(void);
struct tls_context *tlsctx_new(int chain, int key, char why[TLS_WHY_SIZE]);
void tlsctx_free(struct tls_context *context);

#endif
