/* SPDX-License-Identifier: ISC */
/* A TLS client that can misbehave, and what belongs to it; for tests. */
#include "config.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "common/xmalloc.h"
#include "tests/lib/daemon.h"
#include "tests/lib/wait.h"
#include "tests/system/tlskit.h"

int
tlskit_dial(const char *url, const char *source)
{
	struct timeval tv = { .tv_sec = TLSKIT_MS / 1000 };
	struct sockaddr_in from = { .sin_family = AF_INET }, to = {
		.sin_family = AF_INET,
		.sin_port = htons((in_port_t)atoi(strrchr(url, ':') + 1)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	inet_pton(AF_INET, source, &from.sin_addr);
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0 &&
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	close(fd);
	return -1;
}

int
tlskit_begin(struct tlskit *kit, const char *url, int version)
{
	int ok;

	signal(SIGPIPE, SIG_IGN);
	kit->fd = tlskit_dial(url, "127.0.0.1");
	kit->ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_max_proto_version(kit->ctx, version);
	kit->ssl = SSL_new(kit->ctx);
	ok = kit->fd != -1 && SSL_set_fd(kit->ssl, kit->fd) == 1 &&
	    SSL_connect(kit->ssl) == 1;
	ERR_clear_error();
	return ok ? 0 : -1;
}

void
tlskit_end(struct tlskit *kit)
{
	SSL_free(kit->ssl);
	SSL_CTX_free(kit->ctx);
	if (kit->fd != -1)
		close(kit->fd);
	ERR_clear_error();
}

void
tlskit_mark(const char *url, char mark[TLSKIT_MARK_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0, i;
	struct tlskit kit;
	X509 *cert = NULL;

	mark[0] = '\0';
	if (tlskit_begin(&kit, url, 0) == 0)
		cert = SSL_get1_peer_certificate(kit.ssl);
	if (cert != NULL && X509_digest(cert, EVP_sha256(), digest, &len) == 1)
		for (i = 0; i < len; i++)
			snprintf(mark + (size_t)i * 2, 3, "%02x", digest[i]);
	X509_free(cert);
	tlskit_end(&kit);
}

int
tlskit_logged(const struct daemon *daemon, const char *text)
{
	return daemon_wait_logged(daemon, text, TLSKIT_MS) == 0;
}

int
tlskit_copy(const char *from, const char *to)
{
	char buf[16384];
	int in = open(from, O_RDONLY | O_CLOEXEC), out, ok;
	ssize_t n;

	if (in == -1)
		return -1;
	n = read(in, buf, sizeof(buf));
	close(in);
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (out == -1)
		return -1;
	ok = n > 0 && write(out, buf, (size_t)n) == n;
	return close(out) == 0 && ok ? 0 : -1;
}

static void __attribute__((noreturn))
run(const char *program, const char *const args[], int out)
{
	const char *argv[32] = { program };
	size_t n = 1;

	while (*args != NULL && n < 31)
		argv[n++] = *args++;
	if (dup2(out, STDOUT_FILENO) != -1 && dup2(out, STDERR_FILENO) != -1)
		execv(program, (char *const *)(uintptr_t)argv);
	_exit(127);
}

int
tlskit_holdfastd(const char *const args[], char *said, size_t size)
{
	const char *named = getenv("HOLDFASTD"), *dir = getenv("top_builddir");
	char *program = named != NULL ? xstrdup(named) :
	    xasprintf("%s/broker/holdfastd", dir == NULL ? "." : dir);
	int fds[2], status = -1;
	size_t len = 0;
	ssize_t n = 1;
	pid_t pid;

	said[0] = '\0';
	if (pipe2(fds, O_CLOEXEC) == -1)
		return -1;
	pid = fork();
	if (pid == 0)
		run(program, args, fds[1]);
	close(fds[1]);
	while (pid > 0 && n > 0 && len < size - 1) {
		n = read(fds[0], said + len, size - 1 - len);
		if (n > 0)
			len += (size_t)n;
	}
	said[len] = '\0';
	close(fds[0]);
	free(program);
	if (pid <= 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
