/* SPDX-License-Identifier: ISC */
/* Sessions by the beginning of their identifier.  Pure. */
#ifndef BROKER_MATCH_H
#define BROKER_MATCH_H

#include <stddef.h>
#include <stdint.h>

#include "broker/registry.h"
#include "common/buf.h"

/*
 * The slots of sessions, tombstones included, whose printed identifier begins
 * with "prefix": the first "max" of them go to "slots".  Returns how many
 * there are.  An empty prefix names none.
 */
size_t match_prefix(const struct registry *reg, struct span prefix,
    uint32_t *slots, size_t max);

#endif
