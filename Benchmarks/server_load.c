// The load of server.sh: keeps connections open and sends a picture on each as soon as the answer before is there.
//
//   load PORT PICTURE SECONDS CONNECTIONS [RATE]
//
// RATE: requests a second of all connections together, spread evenly; 0: as many as come back.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct {
  int socket;
  size_t sent;       // bytes of the request
  char head[4096];   // what came of the answer's header
  size_t headCount;
  long received;     // bytes until the header was there
  long missing;      // bytes of the answer's body; below 0: its header is not there yet
  double start;
  int busy;
} Connection;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int compare(const void *first, const void *second) {
  double difference = *(const double *)first - *(const double *)second;
  return (difference > 0) - (difference < 0);
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

int main(int count, char **arguments) {
  if (count < 5) return fprintf(stderr, "usage: load PORT PICTURE SECONDS CONNECTIONS [RATE]\n"), 64;
  double seconds = atof(arguments[3]), rate = count > 5 ? atof(arguments[5]) : 0;
  int connectionCount = atoi(arguments[4]);
  FILE *file = fopen(arguments[2], "rb");
  if (!file || connectionCount < 1 || connectionCount > 1000) fail(arguments[2]);
  fseek(file, 0, SEEK_END);
  size_t pictureCount = (size_t)ftell(file);
  rewind(file);
  char *request = malloc(pictureCount + 512);
  int headCount = snprintf(request, 512,
    "POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/jpeg\r\nContent-Length: %zu\r\n\r\n", pictureCount);
  if (fread(request + headCount, 1, pictureCount, file) != pictureCount) fail("reading");
  size_t requestCount = (size_t)headCount + pictureCount;

  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(arguments[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  Connection *all = calloc((size_t)connectionCount, sizeof *all);
  struct pollfd *polls = calloc((size_t)connectionCount, sizeof *polls);
  for (int index = 0; index < connectionCount; index++) {
    all[index].socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(all[index].socket, (struct sockaddr *)&address, sizeof address)) fail("connecting");
    polls[index].fd = all[index].socket;
  }
  size_t capacity = 1 << 20, done = 0, errors = 0, begun = 0;
  double *latencies = malloc(capacity * sizeof *latencies);
  char buffer[65536];
  double begin = now(), end = begin + seconds;
  int running = 0, turn = 0;
  while (1) {
    double time = now();
    // All connections in turn: the server closes those that idle.
    for (int first = turn, step = 0; step < connectionCount; step++) {
      int index = (first + step) % connectionCount;
      Connection *one = &all[index];
      // With a rate, a request's latency counts from when it was due, so that waiting is not hidden.
      double due = rate > 0 ? begin + (double)begun / rate : time;
      if (!one->busy && time < end && due <= time) {
        *one = (Connection){.socket = one->socket, .missing = -1, .start = rate > 0 ? due : time, .busy = 1};
        running++;
        begun++;
        turn = index + 1;
      }
      polls[index].events = one->busy ? (short)(one->sent < requestCount ? POLLOUT : POLLIN) : 0;
    }
    if (time >= end && running == 0) break;
    if (time > end + 30) return fprintf(stderr, "load: answers are missing\n"), 1;
    if (poll(polls, (nfds_t)connectionCount, rate > 0 ? 1 : 100) < 0 && errno != EINTR) fail("poll");
    for (int index = 0; index < connectionCount; index++) {
      Connection *one = &all[index];
      if (!one->busy || !polls[index].revents) continue;
      if (one->sent < requestCount) {
        ssize_t sent = send(one->socket, request + one->sent, requestCount - one->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) fail("sending");
        if (sent > 0) one->sent += (size_t)sent;
        continue;
      }
      ssize_t got = recv(one->socket, buffer, sizeof buffer, MSG_DONTWAIT);
      if (got == 0) return fprintf(stderr, "load: the server closed a connection\n"), 1;
      if (got < 0) {
        if (errno == EAGAIN) continue;
        fail("receiving");
      }
      if (one->missing < 0) {
        size_t room = sizeof one->head - 1 - one->headCount, copied = (size_t)got < room ? (size_t)got : room;
        memcpy(one->head + one->headCount, buffer, copied);
        one->headCount += copied;
        one->head[one->headCount] = 0;
        one->received += got;
        char *body = strstr(one->head, "\r\n\r\n");
        if (!body) continue;
        char *length = strcasestr(one->head, "content-length:");
        one->missing = (length ? atol(length + 15) : 0) - (one->received - (body + 4 - one->head));
        if (strncmp(one->head, "HTTP/1.1 200", 12)) errors++;
      } else {
        one->missing -= got;
      }
      if (one->missing > 0) continue;
      if (done == capacity) latencies = realloc(latencies, (capacity *= 2) * sizeof *latencies);
      latencies[done++] = now() - one->start;
      one->busy = 0;
      running--;
    }
  }
  double elapsed = now() - begin;
  qsort(latencies, done, sizeof *latencies, compare);
  if (!done) return fprintf(stderr, "load: no request was answered\n"), 1;
  double median = latencies[done / 2], late = latencies[(size_t)((double)done * 0.99)];
  printf("%-34s %8.1f (%zu in %.1f s, %zu errors)\n", "requests a second", (double)done / elapsed, done, elapsed, errors);
  printf("%-34s %8.2f ms\n%-34s %8.2f ms\n", "median", median * 1e3, "99th percentile", late * 1e3);
  printf("%-34s %8.2f\n", "99th percentile to median", late / median);
  return errors > 0;
}
