// Runs the kernels on a CPU, see emulator.h. Built by the tests as a library; two functions in C are its interface.
#include <csetjmp>
#include <mutex>
#include <utility>
#include <vector>

#include <ucontext.h>

#include "blake3.cu"
#include "chacha8.cu"
#include "gemm_dp4a.cu"
#include "gemm_mma.cu"

namespace {

constexpr u32 WARP = 32;
constexpr size_t STACK = 64 * 1024;

struct Copy {
	void *to;
	const void *from;
};

enum class State { Runs, AtBarrier, AtExchange, Done };

struct Fiber {
	std::vector<char> stack = std::vector<char>(STACK);
	bool begun = false;
	// Where it goes on. Jumps cost no system call, as changing contexts would.
	jmp_buf place;
	State state;
	u32 exchanges;
	// Copies of the group that is open, and the closed groups, oldest first.
	std::vector<Copy> open;
	std::vector<std::vector<Copy>> groups;
};

struct Block {
	u32 index;
	std::vector<Fiber> fibers;
	// By warp, then by lane; two in turn, since a lane may be one exchange ahead of one that still reads.
	std::vector<Shown> shown[2];
	void (*kernel)(void *const *);
	void *const *arguments;
};

Block block;
u32 current;
jmp_buf scheduler;

// Leaves the fiber until its state is Runs again.
void wait_as(State state) {
	Fiber &fiber = block.fibers[current];
	fiber.state = state;
	if (!_setjmp(fiber.place)) {
		_longjmp(scheduler, 1);
	}
}

// One block after the other, for ever.
void run_fiber() {
	for (;;) {
		block.kernel(block.arguments);
		wait_as(State::Done);
	}
}

// Runs the current fiber until it waits.
void enter() {
	if (_setjmp(scheduler)) {
		return;
	}
	Fiber &fiber = block.fibers[current];
	if (fiber.begun) {
		_longjmp(fiber.place, 1);
	}
	fiber.begun = true;
	ucontext_t context;
	getcontext(&context);
	context.uc_stack.ss_sp = fiber.stack.data();
	context.uc_stack.ss_size = STACK;
	makecontext(&context, run_fiber, 0);
	setcontext(&context);
}

bool all(u32 first, u32 count, State state) {
	for (u32 i = first; i < first + count; i++) {
		if (block.fibers[i].state != state) {
			return false;
		}
	}
	return true;
}

void release(u32 first, u32 count) {
	for (u32 i = first; i < first + count; i++) {
		block.fibers[i].state = State::Runs;
	}
}

// Runs a warp until its threads wait for other warps, have ended, or wait for what never comes.
void run_warp(u32 first, u32 order) {
	do {
		for (u32 i = 0; i < WARP; i++) {
			current = first + (order % 2 ? WARP - 1 - i : i);
			if (block.fibers[current].state == State::Runs) {
				enter();
			}
		}
		if (all(first, WARP, State::AtExchange)) {
			release(first, WARP);
		}
	} while (block.fibers[first].state == State::Runs);
}

// Runs all threads of the block to their end; false if some wait for others that never come.
bool run_block(u32 threads) {
	for (Fiber &fiber : block.fibers) {
		fiber.state = State::Runs;
		fiber.exchanges = 0;
		fiber.open.clear();
		fiber.groups.clear();
	}
	// From barrier to barrier, each warp runs alone as far as it can, so that the others are as far behind, or ahead, as
	// the kernel lets them be. The first and the last warp begin in turn.
	for (u32 round = 0; !all(0, threads, State::Done); round++) {
		for (u32 warp = 0; warp < threads; warp += WARP) {
			run_warp(round % 2 ? threads - WARP - warp : warp, round);
		}
		if (all(0, threads, State::AtBarrier)) {
			release(0, threads);
		} else if (!all(0, threads, State::Done)) {
			return false;
		}
	}
	return true;
}

template <class... Parameters, size_t... I>
void call(void (*kernel)(Parameters...), void *const *arguments, std::index_sequence<I...>) {
	kernel(*(Parameters *)arguments[I]...);
}

template <class... Parameters>
u32 sizes_of(void (*)(Parameters...), u32 *sizes, u32 capacity) {
	const u32 all[] = {(u32)sizeof(Parameters)...};
	for (u32 i = 0; i < sizeof...(Parameters) && i < capacity; i++) {
		sizes[i] = all[i];
	}
	return sizeof...(Parameters);
}

template <class... Parameters>
constexpr auto indices_of(void (*)(Parameters...)) {
	return std::index_sequence_for<Parameters...>();
}

struct Entry {
	const char *name;
	void (*run)(void *const *);
	u32 (*sizes)(u32 *, u32);
};

#define ENTRY(kernel)                                                                                                  \
	{                                                                                                                  \
		#kernel, [](void *const *arguments) { call(kernel, arguments, indices_of(kernel)); },                          \
			[](u32 *sizes, u32 capacity) { return sizes_of(kernel, sizes, capacity); }                                 \
	}

const Entry ENTRIES[] = {
	ENTRY(chacha8_rows),  ENTRY(blake3_leaves), ENTRY(blake3_nodes), ENTRY(gemm_dp4a_u16),
	ENTRY(gemm_dp4a_i32), ENTRY(gemm_mma_u16),  ENTRY(gemm_mma_i32),
};

const Entry *find(const char *name) {
	for (const Entry &entry : ENTRIES) {
		if (!strcmp(entry.name, name)) {
			return &entry;
		}
	}
	return nullptr;
}

} // namespace

u32 thread_index() { return current; }
u32 block_index() { return block.index; }
u32 lane_index() { return current % WARP; }
void barrier() { wait_as(State::AtBarrier); }

const Shown *exchange(const Shown &mine) {
	std::vector<Shown> &turn = block.shown[block.fibers[current].exchanges++ % 2];
	turn[current] = mine;
	wait_as(State::AtExchange);
	return &turn[current / WARP * WARP];
}

void copy_async(void *shared, const void *global) {
	if (block.index % 2) {
		memcpy(shared, global, 16);
	} else {
		block.fibers[current].open.push_back({shared, global});
	}
}

void copy_commit() {
	Fiber &fiber = block.fibers[current];
	fiber.groups.push_back(std::move(fiber.open));
	fiber.open.clear();
}

void copy_wait_at_most(u32 pending) {
	Fiber &fiber = block.fibers[current];
	while (fiber.groups.size() > pending) {
		for (const Copy &copy : fiber.groups.front()) {
			memcpy(copy.to, copy.from, 16);
		}
		fiber.groups.erase(fiber.groups.begin());
	}
}

// Runs a kernel: 0, 1 if there is none of that name, 2 if the threads are no whole warps, 3 if some threads of a block
// miss a barrier.
extern "C" int emulator_launch(const char *name, u32 blocks, u32 threads, void *const *arguments) {
	static std::mutex one_at_a_time;
	const std::lock_guard<std::mutex> guard(one_at_a_time);
	const Entry *entry = find(name);
	if (!entry) {
		return 1;
	}
	if (!threads || threads % WARP) {
		return 2;
	}
	if (block.fibers.size() != threads) {
		block.fibers = std::vector<Fiber>(threads);
	}
	block.shown[0].resize(threads);
	block.shown[1].resize(threads);
	block.kernel = entry->run;
	block.arguments = arguments;
	for (block.index = 0; block.index < blocks; block.index++) {
		if (!run_block(threads)) {
			// These fibers stay where they wait.
			block.fibers.clear();
			return 3;
		}
	}
	return 0;
}

// Number of a kernel's parameters, -1 if there is none of that name; their sizes go to the first `capacity` of `sizes`.
extern "C" int emulator_parameters(const char *name, u32 *sizes, u32 capacity) {
	const Entry *entry = find(name);
	return entry ? (int)entry->sizes(sizes, capacity) : -1;
}
