// What the kernels need of the GPU, for clang without the CUDA headers. Compiled for a CPU, emulator.h gives the same
// names with the same meaning, so that the kernels run, thread by thread, on a machine without a GPU.
#pragma once

using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;
using i32 = int;
// Sixteen bytes that move in one instruction.
using u32x4 = u32 __attribute__((vector_size(16)));
using u32x2 = u32 __attribute__((vector_size(8)));

// Key of a stream cipher or a hash, little-endian words; a kernel's parameter, by value.
struct Key {
	u32 words[8];
};

#ifdef __CUDA__

#define KERNEL extern "C" __attribute__((global)) void
#define DEVICE __attribute__((device)) inline __attribute__((always_inline))
#define SHARED __attribute__((shared))
#define BOUNDS(threads, blocks_per_multiprocessor) \
	__attribute__((launch_bounds(threads, blocks_per_multiprocessor)))
#define CONSTANT __attribute__((device)) constexpr

DEVICE u32 thread_index() { return __nvvm_read_ptx_sreg_tid_x(); }
DEVICE u32 block_index() { return __nvvm_read_ptx_sreg_ctaid_x(); }

// All threads of the block arrive before any goes on.
DEVICE void barrier() { __syncthreads(); }

// c + the inner product of four int8 of a and four of b; sm_61.
DEVICE i32 dot4(u32 a, u32 b, i32 c) {
	i32 sum;
	asm("dp4a.s32.s32 %0, %1, %2, %3;" : "=r"(sum) : "r"(a), "r"(b), "r"(c));
	return sum;
}

DEVICE u32 rotate_right(u32 word, u32 bits) { return __builtin_rotateright32(word, bits); }

#if __CUDA_ARCH__ >= 800

DEVICE u32 shared_address(const void *pointer) {
	return (u32)(u64)(const __attribute__((address_space(3))) void *)pointer;
}

// Starts to copy 16 bytes to shared memory; ended by copy_wait and barrier; sm_80.
DEVICE void copy_async(void *shared, const void *global) {
	asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(shared)),
				 "l"((const __attribute__((address_space(1))) void *)global)
				 : "memory");
}

// Ends a group of copies of this thread.
DEVICE void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until at most the last `pending` groups of this thread are under way.
template <u32 pending> DEVICE void copy_wait() {
	asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

// Four 8 x 16 byte matrices: lane l of the warp says where row l % 8 of matrix l / 8 lies, and gets the bytes
// 4 * (l % 4) .. of row l / 4 of each.
DEVICE void load_matrices(u32 (&words)[4], const void *row) {
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
				 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
				 : "r"(shared_address(row))
				 : "memory");
}

// D += A B of the warp: A 16 x 32, B 32 x 8, int8, D 16 x 8, int32; sm_80. PTX ISA, "Matrix Fragments for mma.m16n8k32".
DEVICE void multiply_add(i32 (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
	asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 "
		"{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
		: "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
		: "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

#endif
#else
#include "emulator.h"
#endif
