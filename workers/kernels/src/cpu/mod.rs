//! Kernels for CPUs.
