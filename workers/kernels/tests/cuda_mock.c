/* A CUDA driver without a GPU: what `cust` calls to open a device, allocate, copy, launch and wait, with the kernels run
 * by cuda/emulator.cpp. Launches happen at once, on the caller's thread.
 *
 * IO_MOCK_FAULT makes it fail, `<what>` or `<what>:<n or name>`:
 *   no-device      cuInit finds none                      old            supports CUDA 10.2 only
 *   future         cuInit returns a code of the future    no-symbol      (the test builds without cuLaunchKernel)
 *   oom:n          the n-th allocation fails              illegal:n      the n-th launch breaks the context
 *   hang:n         from the n-th launch on nothing ends   wrong:kernel   this kernel's result has a wrong bit
 * IO_MOCK_COMPUTE is its compute capability, "8.0" by default. When the context goes, it tells on stderr what was left. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_DEVICE = 101, INVALID_PTX = 218,
	NOT_FOUND = 500, NOT_READY = 600, ILLEGAL_ADDRESS = 700, FROM_THE_FUTURE = 913
};
enum { MEMORY = 1 << 30, GUARD = 64, GUARD_BYTE = 0xA5, FRESH_BYTE = 0xCD };

extern int emulator_launch(const char *name, unsigned blocks, unsigned threads, void *const *arguments);
extern int emulator_parameters(const char *name, unsigned *sizes, unsigned capacity);

struct allocation {
	uint8_t *begin;
	size_t size;
	struct allocation *next;
};
struct function {
	char name[64];
	unsigned threads;
	struct function *next;
};

static struct allocation *allocations;
static struct function *functions;
static size_t in_use;
static unsigned allocated, launched, contexts;
static int broken, hung;

/* The number of a fault, 1 if it has none, 0 if another or none is wanted. */
static unsigned fault(const char *what) {
	const char *wanted = getenv("IO_MOCK_FAULT");
	const size_t length = strlen(what);
	if (!wanted || strncmp(wanted, what, length) || (wanted[length] && wanted[length] != ':'))
		return 0;
	return wanted[length] ? (unsigned)atoi(wanted + length + 1) : 1;
}

static void die(const char *why) {
	fprintf(stderr, "mock driver: %s\n", why);
	abort();
}

/* What calls do on a device that does not answer, if they wait for it. */
static void wait_for_device(void) {
	while (hung)
		sleep(1);
}

static struct allocation *holder(uint64_t at, size_t size) {
	for (struct allocation *a = allocations; a; a = a->next)
		if (at >= (uint64_t)a->begin && at + size <= (uint64_t)a->begin + a->size)
			return a;
	return NULL;
}

int cuInit(unsigned flags) {
	if (fault("no-device"))
		return NO_DEVICE;
	if (fault("future"))
		return FROM_THE_FUTURE;
	return flags ? INVALID_VALUE : SUCCESS;
}

int cuDriverGetVersion(int *version) {
	*version = fault("old") ? 10020 : 12080;
	return SUCCESS;
}

int cuDeviceGetCount(int *count) {
	*count = 1;
	return SUCCESS;
}

int cuDeviceGet(int *device, int ordinal) {
	*device = ordinal;
	return ordinal ? INVALID_DEVICE : SUCCESS;
}

int cuDeviceGetName(char *name, int length, int device) {
	(void)device;
	snprintf(name, length, "Mock GPU");
	return SUCCESS;
}

int cuDeviceTotalMem_v2(size_t *bytes, int device) {
	(void)device;
	*bytes = MEMORY;
	return SUCCESS;
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
	const char *compute = getenv("IO_MOCK_COMPUTE");
	int major = 8, minor = 0;
	(void)device;
	if (compute)
		sscanf(compute, "%d.%d", &major, &minor);
	switch (attribute) {
	case 16: *value = 4; return SUCCESS; /* multiprocessors */
	case 75: *value = major; return SUCCESS;
	case 76: *value = minor; return SUCCESS;
	default: return INVALID_VALUE;
	}
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
	(void)device;
	contexts++;
	*context = &contexts;
	return SUCCESS;
}

int cuDevicePrimaryCtxRelease_v2(int device) {
	(void)device;
	wait_for_device();
	if (--contexts == 0)
		fprintf(stderr, "mock driver: %u launches, %zu bytes left\n", launched, in_use);
	return SUCCESS;
}

int cuCtxSetCurrent(void *context) { return context == &contexts ? SUCCESS : INVALID_VALUE; }

int cuCtxGetStreamPriorityRange(int *least, int *greatest) {
	*least = 0;
	*greatest = -5;
	return SUCCESS;
}

int cuMemGetInfo_v2(size_t *unused, size_t *total) {
	*unused = MEMORY - in_use;
	*total = MEMORY;
	return broken;
}

int cuMemAlloc_v2(uint64_t *at, size_t size) {
	if (broken)
		return broken;
	if (++allocated == fault("oom") || in_use + size > MEMORY)
		return OUT_OF_MEMORY;
	struct allocation *a = malloc(sizeof *a);
	uint8_t *memory = aligned_alloc(256, (size + 2 * GUARD + 255 + 192) / 256 * 256);
	if (!a || !memory)
		die("out of the machine's memory");
	/* Whole lines of 64 bytes: kernels want 16. */
	memset(memory, GUARD_BYTE, size + 2 * GUARD);
	a->begin = memory + GUARD;
	a->size = size;
	a->next = allocations;
	allocations = a;
	memset(a->begin, FRESH_BYTE, size);
	in_use += size;
	*at = (uint64_t)a->begin;
	return SUCCESS;
}

int cuMemFree_v2(uint64_t at) {
	wait_for_device();
	for (struct allocation **link = &allocations; *link; link = &(*link)->next) {
		struct allocation *a = *link;
		if ((uint64_t)a->begin != at)
			continue;
		for (size_t i = 0; i < GUARD; i++)
			if (a->begin[i - GUARD] != GUARD_BYTE || a->begin[a->size + i] != GUARD_BYTE)
				die("a kernel wrote outside of its memory");
		in_use -= a->size;
		*link = a->next;
		free(a->begin - GUARD);
		free(a);
		return broken;
	}
	return INVALID_VALUE;
}

int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t size, void *stream) {
	(void)stream;
	wait_for_device();
	if (broken)
		return broken;
	if (!holder(to, size))
		return INVALID_VALUE;
	memcpy((void *)to, from, size);
	return SUCCESS;
}

int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t size, void *stream) {
	(void)stream;
	wait_for_device();
	if (broken)
		return broken;
	if (!holder(from, size))
		return INVALID_VALUE;
	memcpy(to, (const void *)from, size);
	return SUCCESS;
}

int cuModuleLoadDataEx(char **module, const char *ptx, unsigned count, void *options, void *values) {
	(void)options, (void)values;
	if (count || !strstr(ptx, ".version ") || !strstr(ptx, ".target sm_"))
		return INVALID_PTX;
	*module = strdup(ptx);
	return SUCCESS;
}

int cuModuleUnload(char *module) {
	wait_for_device();
	free(module);
	return SUCCESS;
}

/* Checks the parameters of an entry of the PTX against those of the function that stands for it. */
static int same_parameters(const char *name, const char *at, const char *end) {
	unsigned sizes[16], found = 0;
	const int expected = emulator_parameters(name, sizes, 16);
	for (; (at = strstr(at, ".param ")) && at < end; at++, found++) {
		unsigned size = 0;
		if (!strncmp(at, ".param .u64", 11))
			size = 8;
		else if (!strncmp(at, ".param .u32", 11))
			size = 4;
		else
			size = (unsigned)atoi(strchr(at, '[') + 1);
		if ((int)found >= expected || size != sizes[found])
			return 0;
	}
	return (int)found == expected;
}

int cuModuleGetFunction(struct function **function, const char *module, const char *name) {
	char entry[96];
	snprintf(entry, sizeof entry, ".entry %s(", name);
	const char *at = strstr(module, entry);
	if (!at)
		return NOT_FOUND;
	const char *threads = strstr(at, ".maxntid ");
	if (!threads || !same_parameters(name, at, strchr(at + strlen(entry), ')')))
		return INVALID_PTX;
	for (struct function *f = functions; f; f = f->next)
		if (!strcmp(f->name, name)) {
			*function = f;
			return SUCCESS;
		}
	struct function *f = calloc(1, sizeof *f);
	snprintf(f->name, sizeof f->name, "%s", name);
	f->threads = (unsigned)atoi(threads + strlen(".maxntid "));
	f->next = functions;
	functions = f;
	*function = f;
	return SUCCESS;
}

int cuStreamCreateWithPriority(void **stream, unsigned flags, int priority) {
	(void)flags;
	*stream = malloc(1);
	return priority <= 0 && priority >= -5 ? SUCCESS : INVALID_VALUE;
}

int cuStreamDestroy_v2(void *stream) {
	wait_for_device();
	free(stream);
	return SUCCESS;
}

int cuStreamSynchronize(void *stream) {
	(void)stream;
	wait_for_device();
	return broken;
}

int cuStreamWaitEvent(void *stream, void *event, unsigned flags) {
	(void)stream, (void)event, (void)flags;
	return broken;
}

int cuEventCreate(void **event, unsigned flags) {
	(void)flags;
	*event = malloc(1);
	return broken;
}

int cuEventDestroy_v2(void *event) {
	free(event);
	return SUCCESS;
}

int cuEventRecord(void *event, void *stream) {
	(void)event, (void)stream;
	return broken;
}

int cuEventQuery(void *event) {
	(void)event;
	return hung ? NOT_READY : broken;
}

#ifndef NO_SYMBOL
int cuLaunchKernel(struct function *f, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned threads_y,
				   unsigned threads_z, unsigned shared, void *stream, void **arguments, void **extra) {
	(void)stream;
	if (broken)
		return broken;
	if (y != 1 || z != 1 || threads_y != 1 || threads_z != 1 || shared || extra || threads != f->threads)
		return INVALID_VALUE;
	launched++;
	if (fault("illegal") && launched >= fault("illegal")) {
		/* As on a GPU, told later. */
		broken = ILLEGAL_ADDRESS;
		return SUCCESS;
	}
	if (fault("hang") && launched >= fault("hang"))
		hung = 1;
	if (hung)
		return SUCCESS;
	if (emulator_launch(f->name, x, threads, arguments))
		die("a kernel does not run");
	const char *wanted = getenv("IO_MOCK_FAULT");
	if (wanted && !strncmp(wanted, "wrong:", 6) && !strcmp(wanted + 6, f->name)) {
		/* The result is the last pointer, but for products, where it is the third argument. */
		const int last = emulator_parameters(f->name, NULL, 0) - 1;
		**(uint8_t **)arguments[strncmp(f->name, "gemm", 4) ? last : 2] ^= 4;
	}
	return SUCCESS;
}
#endif
