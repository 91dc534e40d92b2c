/* Shows everything through which a machine could leak into a result. */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv) {
	for (int i = 0; i < argc; i++) printf("%s\n", argv[i]);
	for (char **text = environ; *text; text++) printf("%s\n", *text);
	uint8_t random[32];
	getentropy(random, sizeof random);
	for (int i = 0; i < 32; i++) printf("%02x", random[i]);
	printf("\n");
	struct timespec real, steady, later;
	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_MONOTONIC, &steady);
	printf("%lld.%09ld %lld.%09ld\n", (long long)real.tv_sec, real.tv_nsec, (long long)steady.tv_sec, steady.tv_nsec);
	sleep(3);
	clock_gettime(CLOCK_MONOTONIC, &later);
	printf("slept %lld\n", (long long)(later.tv_sec - steady.tv_sec));
	struct stat stat_;
	stat("/out", &stat_);
	printf("%llu %lld %u\n", (unsigned long long)stat_.st_ino, (long long)stat_.st_mtim.tv_sec, (unsigned)stat_.st_mode);
	int local;
	printf("%p %p %p\n", (void *)&local, malloc(100), (void *)main);
	volatile double zero = 0;
	double nan = zero / zero, negative = -nan;
	uint64_t bits[2];
	memcpy(bits, &nan, 8), memcpy(bits + 1, &negative, 8);
	printf("%016llx %016llx %.17g %.17g\n", (unsigned long long)bits[0], (unsigned long long)bits[1], sin(1e10), pow(1.1, 100));
	FILE *out = fopen("/out/numbers", "w");
	double value = 0.5;
	for (int i = 0; i < 10000; i++) value = 3.99 * value * (1 - value), fprintf(out, "%.17g\n", value);
	fclose(out);
	return 0;
}
