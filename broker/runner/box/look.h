/* SPDX-License-Identifier: ISC */
/* The file system as it is, for plans. */
#ifndef RUNNER_BOX_LOOK_H
#define RUNNER_BOX_LOOK_H

#include "broker/runner/box/plan.h"

/* Looks at this process's root with its rights, which are the tenant's. */
extern const struct plan_looks look_here;

#endif
