// A library to preload: every TCP connection gets TCP_NODELAY. Debian builds Orthanc over a DCMTK that leaves Nagle's
// algorithm on, upstream builds turn it off; with this Debian's package behaves as upstream means it to.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static int at_once(int fd) {
	int on = 1;
	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

int accept(int fd, struct sockaddr *from, socklen_t *n) {
	int (*real)(int, struct sockaddr *, socklen_t *) = dlsym(RTLD_NEXT, "accept");
	return at_once(real(fd, from, n));
}

int connect(int fd, const struct sockaddr *to, socklen_t n) {
	int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "connect");
	if (to->sa_family == AF_INET)
		at_once(fd);
	return real(fd, to, n);
}
