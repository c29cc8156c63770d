/* SPDX-License-Identifier: ISC */
#include "config.h"
#include <criterion/criterion.h>
TestSuite(ws, .timeout = 20);
Test(ws, none) { }
