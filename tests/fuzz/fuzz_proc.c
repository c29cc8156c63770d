/* SPDX-License-Identifier: ISC */
/* Lines of /proc with names in them that others have chosen. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broker/cgroup.h"
#include "common/reap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reap_stat stat;
	char out[64], *text;

	if (size == 0 || (text = malloc(size)) == NULL)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (data[0] % 3 == 0) {
		if (reap_parse_stat(text, size - 1, &stat) == 0 &&
		    stat.parent < 0)
			abort();
	} else if ((data[0] % 3 == 1 ? cgroup_parse_own :
	    cgroup_parse_mount)(text, out, sizeof(out)) == 0 &&
	    (out[0] != '/' || memchr(out, '\0', sizeof(out)) == NULL)) {
		abort();
	}
	free(text);
	return 0;
}
