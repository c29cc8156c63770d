/* SPDX-License-Identifier: ISC */
/* The texts of strerror(3) and a few others in a command's last output. */
#include "config.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>

#include "broker/runner/denial.h"
#include "broker/runner/outlog.h"

/* Without the first letter: some write it small. */
static const char *const texts[] = {
	"ead-only file system",
	"ermission denied",
	"peration not permitted",
	"etwork is unreachable",
	"emporary failure in name resolution",
	"ould not resolve",
	"ad system call",
};

/* The last chunks that can hold DENIAL_LOOK bytes, however small they are. */
#define CHUNKS 512

/* The end of the output, whatever its stream, joined. */
static size_t
collect(const struct outlog *log, char *out)
{
	uint64_t next = outlog_next_seq(log);
	uint64_t oldest = outlog_oldest_in_memory(log);
	struct outlog_cursor cursor = {
		.seq = next > oldest + CHUNKS ? next - CHUNKS : oldest,
	};
	struct outlog_chunk chunk;
	size_t have = 0, len, keep;

	while (outlog_next(log, &cursor, &chunk) == 0) {
		len = chunk.len < DENIAL_LOOK ? chunk.len : DENIAL_LOOK;
		keep = have + len > DENIAL_LOOK ? DENIAL_LOOK - len : have;
		memmove(out, out + have - keep, keep);
		memcpy(out + keep, chunk.bytes + chunk.len - len, len);
		have = keep + len;
	}
	return have;
}

bool
denial_suspected(const struct outlog *log, int exit_code)
{
	static char output[DENIAL_LOOK];
	size_t i, len;

	if (exit_code == 0)
		return false;
	if (exit_code == 128 + SIGSYS)
		return true;
	len = collect(log, output);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (memmem(output, len, texts[i], strlen(texts[i])) != NULL)
			return true;
	return false;
}
