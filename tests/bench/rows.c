/* SPDX-License-Identifier: ISC */
/* The table: what is measured, and what it has to reach. */
#include "config.h"

#include <stddef.h>

#include "tests/bench/bench.h"

/* Many sessions come and go: they need not be kept as long as others. */
#define SHORT_LIVED "--detach-ttl-ms 500 --max-sessions 65536"
#define ROOMY "--max-sessions 65536 --max-connections 4096"

#define CROWDED "--max-sessions 16384 --max-connections 16384"

const struct row rows[] = {
	{ "empty", "empty server", row_empty, NULL, ROW_ONCE, NULL, {
		{ "all processes, PSS", "MiB", AT_MOST, 5 },
		{ "private", "MiB", GOAL_NONE, 0 },
		{ "RSS", "MiB", GOAL_NONE, 0 } } },
	{ "idle-session", "idle session", row_idle_session, NULL, ROW_ONCE,
	    NULL, {
		{ "private", "KiB", AT_MOST, 16 } } },
	{ "idle-process", "session with one idle process", row_idle_process,
	    limit_idle_process, ROW_ONCE, NULL, {
		{ "private, without the job", "KiB", AT_MOST, 150 } } },
	{ "crowd", "10,000 clients come and are idle", row_crowd, NULL,
	    ROW_ONCE, CROWDED, {
		{ "private, each", "KiB", AT_MOST, 16 },
		{ "came", "/s", GOAL_NONE, 0 },
		{ "cheap call, by what it was", "", AT_MOST, 1.25 },
		{ "p50", "us", GOAL_NONE, 0 } } },
	{ "cheap", "call the gateway answers", row_cheap, limit_tcp_echo,
	    ROW_PIN, NULL, {
		{ "p50", "us", LIMIT_AT_MOST, 1.55 },
		{ "p99", "us", GOAL_NONE, 0 },
		{ "CPU", "us", GOAL_NONE, 0 } } },
	{ "call", "call through the runner", row_call, limit_call, ROW_PIN,
	    NULL, {
		{ "p50", "us", LIMIT_AT_MOST, 1.32 },
		{ "p99", "us", GOAL_NONE, 0 },
		{ "CPU", "us", GOAL_NONE, 0 } } },
	{ "pipelined-cheap", "the first, 8 connections x 16",
	    row_pipelined_cheap, NULL, 0, NULL, {
		{ "calls", "/s", PEER_AT_LEAST, 1.5 },
		{ "CPU", "us", AT_MOST, 4 } } },
	{ "pipelined-call", "the second, 8 connections x 16",
	    row_pipelined_call, NULL, 0, NULL, {
		{ "calls", "/s", PEER_AT_LEAST, 1.5 },
		{ "CPU", "us", AT_MOST, 8 } } },
	{ "start", "start to closed, one by one", row_start, limit_spawn, 0,
	    NULL, {
		{ "p50", "us", LIMIT_AT_MOST, 1.5 },
		{ "CPU", "us", GOAL_NONE, 0 } } },
	{ "start-pause", "after a pause", row_start_pause, limit_spawn_pause,
	    0, NULL, {
		{ "p50", "us", LIMIT_AT_MOST, 1.5 } } },
	{ "start-first", "the first one of a session", row_start_first,
	    limit_spawn, 0, NULL, {
		{ "p50", "us", LIMIT_AT_MOST, 2.5 },
		{ "CPU", "us", GOAL_NONE, 0 } } },
	{ "starts", "starts, 4 connections x 4", row_starts, limit_spawns, 0,
	    NULL, {
		{ "starts", "/s", LIMIT_AT_LEAST, 0.6 },
		{ "CPU", "us", GOAL_NONE, 0 } } },
	{ "output", "output of one job", row_output, limit_output, 0, NULL, {
		{ "rate", "MiB/s", LIMIT_AT_LEAST, 0.75 },
		{ "CPU", "ms/MiB", AT_MOST, 1.8 } } },
	{ "outputs", "output of 8 jobs at once", row_outputs, limit_outputs,
	    0, NULL, {
		{ "rate", "MiB/s", LIMIT_AT_LEAST, 0.75 },
		{ "CPU", "ms/MiB", GOAL_NONE, 0 },
		{ "memory (8 x 8 retained)", "MiB", AT_MOST, 68 } } },
	{ "terminal", "output of a terminal", row_terminal, limit_terminal,
	    ROW_PIN, NULL, {
		{ "CPU", "ms/MiB", LIMIT_AT_MOST, 1.19 },
		{ "rate", "MiB/s", GOAL_NONE, 0 } } },
	{ "keys", "keystroke to echo", row_keys, limit_keys, ROW_PIN, NULL, {
		{ "p50", "us", LIMIT_AT_MOST, 1.58 },
		{ "p99", "us", AT_MOST, 1000 },
		{ "CPU", "us", GOAL_NONE, 0 } } },
	{ "stdin", "input in pieces of 64 KiB", row_stdin, limit_stdin, 0,
	    NULL, {
		{ "rate", "MiB/s", LIMIT_AT_LEAST, 0.75 },
		{ "CPU", "ms/MiB", GOAL_NONE, 0 } } },
	{ "connect", "connect and initialize", row_connect, NULL, 0,
	    SHORT_LIVED, {
		{ "sessions", "/s", PEER_AT_LEAST, 2.5 },
		{ "CPU", "us", AT_MOST, 100 } } },
	{ "resume", "connect to first byte replayed", row_resume, NULL, 0,
	    NULL, {
		{ "p50", "us", AT_MOST, 500 },
		{ "p99", "us", GOAL_NONE, 0 } } },
	{ "storm", "200 sessions dropped, resumed at once", row_storm, NULL,
	    0, NULL, {
		{ "resumed", "%", AT_LEAST, 100 },
		{ "p99", "ms", AT_MOST, 60 },
		{ "longest", "ms", GOAL_NONE, 0 } } },
	{ "neighbour", "a call beside 4 floods", row_neighbour, NULL, 0, NULL,
	    {
		{ "p99", "us", AT_MOST, 4000 },
		{ "p50", "us", GOAL_NONE, 0 } } },
	{ "long-poll", "cheap call behind a 500 ms long poll", row_long_poll,
	    NULL, 0, NULL, {
		{ "time", "ms", AT_MOST, 1 } } },
	{ "terminate", "terminate by a client that reads no more",
	    row_terminate, NULL, 0, NULL, {
		{ "until the job is gone", "ms", AT_MOST, 100 } } },
	{ "stalled", "a client that reads no more", row_stalled, NULL,
	    ROW_ONCE, NULL, {
		{ "memory", "MiB", AT_MOST, 4 } } },
	{ "terminals", "2000 live terminals", row_terminals, NULL, ROW_ONCE, ROOMY, {
		{ "started", "", AT_LEAST, 2000 },
		{ "echo p50", "us", GOAL_NONE, 0 },
		{ "start p99", "ms", GOAL_NONE, 0 } } },
	{ NULL, NULL, NULL, NULL, 0, NULL, { { NULL, NULL, GOAL_END, 0 } } }
};
