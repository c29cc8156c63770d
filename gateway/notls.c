/* SPDX-License-Identifier: ISC */
/* The program without TLS. */
#include "config.h"

#include "gateway/tls.h"

const struct tls_engine *const tls_engine = NULL;
