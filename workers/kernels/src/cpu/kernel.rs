//! Sets of instructions.

/// How the CPU multiplies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Kernel {
	/// Plain Rust, on every CPU.
	Scalar,
	/// x86-64 with AVX2: 16 products for each `vpmaddwd`.
	Avx2,
	/// x86-64 with AVX-512 VNNI: 64 products for each `vpdpbusd`.
	Avx512Vnni,
}

impl Kernel {
	/// All kernels, slowest first.
	pub const ALL: [Self; 3] = [Self::Scalar, Self::Avx2, Self::Avx512Vnni];

	/// Name for people and configuration files.
	pub const fn name(self) -> &'static str {
		match self {
			Self::Scalar => "scalar",
			Self::Avx2 => "avx2",
			Self::Avx512Vnni => "avx512vnni",
		}
	}

	/// The kernel of that name.
	pub fn from_name(name: &str) -> Option<Self> {
		Self::ALL.into_iter().find(|kernel| kernel.name() == name)
	}

	/// Whether this CPU has the instructions and the operating system saves the registers.
	pub fn is_available(self) -> bool {
		match self {
			Self::Scalar => true,
			#[cfg(target_arch = "x86_64")]
			Self::Avx2 => std::arch::is_x86_feature_detected!("avx2"),
			// AVX2 as well: streams and hashes use it next to this kernel.
			#[cfg(target_arch = "x86_64")]
			Self::Avx512Vnni => {
				std::arch::is_x86_feature_detected!("avx2")
					&& std::arch::is_x86_feature_detected!("avx512f")
					&& std::arch::is_x86_feature_detected!("avx512vnni")
			},
			#[cfg(not(target_arch = "x86_64"))]
			Self::Avx2 | Self::Avx512Vnni => false,
		}
	}

	/// Kernels that this CPU can run, slowest first; never empty.
	pub fn available() -> impl Iterator<Item = Self> {
		Self::ALL.into_iter().filter(|kernel| kernel.is_available())
	}

	/// The fastest kernel that this CPU can run.
	pub fn detect() -> Self {
		Self::available().last().unwrap_or(Self::Scalar)
	}
}

/// Proof that the CPU has AVX2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
	/// The proof, if there is one.
	pub(crate) fn detect() -> Option<Self> {
		Kernel::Avx2.is_available().then_some(Self(()))
	}
}
