//! Kernels for NVIDIA GPUs.
