//! The driver's library, `libcuda.so.1`, loaded when it is first needed.
//!
//! `cust` calls the driver's functions by name, which would tie the program to the library: without a driver it would not
//! even start. So this module defines functions of these names itself. Each looks its namesake up in the library, once,
//! and calls it; without the library it returns `CUDA_ERROR_NO_DEVICE`. At build time an empty `libcuda.a` satisfies the
//! linker, see `link/`.
//!
//! They also replace results that are newer than `cust_raw` by `CUDA_ERROR_UNKNOWN`: there they are variants of an enum,
//! of which a value without a variant must not exist.
//!
//! The environment variable `IO_LIBCUDA` names another library, such as the one that the tests make.

use std::{env, ffi::CString, os::raw::c_int, ptr, sync::OnceLock};

use cust::sys::CUresult;
use libloading::{Library, Symbol};

/// Names another library than the system's.
pub const LIBRARY_VARIABLE: &str = "IO_LIBCUDA";
/// The library that NVIDIA's driver installs.
const LIBRARY: &str = "libcuda.so.1";
/// Oldest driver whose compiler takes the kernels for tensor cores (PTX 7.0): CUDA 11.0.
const OLDEST: Version = Version { major: 11, minor: 0 };

/// A version of CUDA that a driver supports.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Version {
	/// As in 12.8: 12.
	pub major: u32,
	/// As in 12.8: 8.
	pub minor: u32,
}

impl std::fmt::Display for Version {
	fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
		write!(f, "{}.{}", self.major, self.minor)
	}
}

/// What is known of a driver that works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DriverInfo {
	/// Newest CUDA that it supports.
	pub version: Version,
	/// Devices that it offers, at least one.
	pub devices: u32,
}

/// Why there is no GPU to work with.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DriverError {
	/// The library cannot be loaded.
	#[error("no CUDA driver is installed: {0}")]
	NotInstalled(String),
	/// The driver does not know what the kernels need.
	#[error("the CUDA driver supports CUDA {found}, {OLDEST} or later is needed")]
	TooOld {
		/// What it supports.
		found: Version,
	},
	/// The library is no CUDA driver, or a broken one.
	#[error("the CUDA driver has no function {0}")]
	SymbolMissing(&'static str),
	/// The driver works, but there is no GPU, or none that this process may use.
	#[error("the CUDA driver finds no device")]
	NoDevice,
	/// The driver refuses to start.
	#[error("the CUDA driver does not start: {0}")]
	Refused(String),
}

/// Starts the driver, if there is one, and says what it offers. Cheap after the first call.
///
/// # Errors
/// In the order of [`DriverError`], what keeps GPUs from being used.
pub fn driver_status() -> Result<DriverInfo, DriverError> {
	library().map_err(|reason| DriverError::NotInstalled(reason.to_owned()))?;
	if let Some(name) = NEEDED.iter().find(|name| address(name).is_none()) {
		return Err(DriverError::SymbolMissing(name));
	}

	let mut version = 0;
	// SAFETY: the argument is a valid place for the version.
	started(unsafe { functions::cuDriverGetVersion(&mut version) })?;
	// 1000 * major + 10 * minor.
	let version = version.unsigned_abs();
	let version = Version { major: version / 1000, minor: version % 1000 / 10 };
	if version < OLDEST {
		return Err(DriverError::TooOld { found: version });
	}

	// SAFETY: may be called at any time, any number of times, with 0.
	started(unsafe { functions::cuInit(0) })?;
	let mut devices = 0;
	// SAFETY: the argument is a valid place for the count.
	started(unsafe { functions::cuDeviceGetCount(&mut devices) })?;
	match u32::try_from(devices) {
		Ok(devices) if devices > 0 => Ok(DriverInfo { version, devices }),
		_ => Err(DriverError::NoDevice),
	}
}

fn started(result: CUresult) -> Result<(), DriverError> {
	match result {
		CUresult::CUDA_SUCCESS => Ok(()),
		CUresult::CUDA_ERROR_NO_DEVICE => Err(DriverError::NoDevice),
		other => Err(DriverError::Refused(format!("{other:?}"))),
	}
}

/// What [`super::CudaGpu`] needs of the driver. A driver that lacks others of the functions below is good enough.
const NEEDED: [&str; 24] = [
	"cuCtxGetStreamPriorityRange",
	"cuCtxSetCurrent",
	"cuDeviceGet",
	"cuDeviceGetAttribute",
	"cuDeviceGetCount",
	"cuDeviceGetName",
	"cuDevicePrimaryCtxRelease_v2",
	"cuDevicePrimaryCtxRetain",
	"cuDeviceTotalMem_v2",
	"cuDriverGetVersion",
	"cuEventCreate",
	"cuEventDestroy_v2",
	"cuEventQuery",
	"cuEventRecord",
	"cuInit",
	"cuLaunchKernel",
	"cuMemAlloc_v2",
	"cuMemFree_v2",
	"cuMemGetInfo_v2",
	"cuMemcpyDtoHAsync_v2",
	"cuMemcpyHtoDAsync_v2",
	"cuModuleGetFunction",
	"cuModuleLoadDataEx",
	"cuStreamWaitEvent",
];

/// The library, or why it cannot be loaded. Kept until the process ends: a driver does not bear being unloaded.
fn library() -> Result<&'static Library, &'static str> {
	static LOADED: OnceLock<Result<Library, String>> = OnceLock::new();
	let load = || {
		let name = env::var_os(LIBRARY_VARIABLE).unwrap_or_else(|| LIBRARY.into());
		// SAFETY: its initialisers run. Whoever runs the worker has installed the driver, or named the library.
		unsafe { Library::new(name) }.map_err(|error| error.to_string())
	};
	LOADED.get_or_init(load).as_ref().map_err(String::as_str)
}

/// Where a function of the library begins.
fn address(name: &str) -> Option<*mut ()> {
	let name = CString::new(name).ok()?;
	// SAFETY: the symbol is taken as an address only.
	let symbol: Symbol<*mut ()> = unsafe { library().ok()?.get(name.as_bytes_with_nul()) }.ok()?;
	Some(*symbol).filter(|address| !ptr::eq(*address, ptr::null()))
}

/// What a call returns that cannot be forwarded.
fn not_forwarded() -> CUresult {
	match library() {
		Ok(_) => CUresult::CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND,
		Err(_) => CUresult::CUDA_ERROR_NO_DEVICE,
	}
}

/// Functions of the driver, with the names that it gives to them and to their arguments.
#[allow(non_snake_case)]
mod functions {
	use std::os::raw::{c_char, c_int, c_uchar, c_uint, c_ushort, c_void};

	use cust::sys::*;

	/// Defines functions of the driver that forward to the library.
	macro_rules! forward {
		($(fn $name:ident($($argument:ident: $kind:ty),*);)*) => {$(
			// It is what `cust` calls.
			const _: unsafe extern "C" fn($($kind),*) -> CUresult = cust::sys::$name;

			#[no_mangle]
			pub(super) unsafe extern "C" fn $name($($argument: $kind),*) -> CUresult {
				type Function = unsafe extern "C" fn($($kind),*) -> c_int;
				static FOUND: std::sync::OnceLock<Option<Function>> = std::sync::OnceLock::new();
				let function = |address| {
					// SAFETY: the driver's function of this name has this signature.
					unsafe { std::mem::transmute::<*mut (), Function>(address) }
				};
				let find = || super::address(stringify!($name)).map(function);
				match FOUND.get_or_init(find) {
					// SAFETY: the caller keeps what the driver asks for.
					Some(function) => super::result_of(unsafe { function($($argument),*) }),
					None => super::not_forwarded(),
				}
			}
		)*};
	}

	/// Leaves the results to the parent.
	macro_rules! results {
		($($name:ident,)*) => {
			pub(super) const RESULTS: &[CUresult] = &[$(CUresult::$name),*];
		};
	}

	include!("driver/functions.rs");
}

/// A result of the driver as `cust_raw` knows it.
fn result_of(code: c_int) -> CUresult {
	let known = functions::RESULTS.iter().find(|result| **result as c_int == code);
	known.copied().unwrap_or(CUresult::CUDA_ERROR_UNKNOWN)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_know_a_result_when_cust_does() {
		assert_eq!(result_of(0), CUresult::CUDA_SUCCESS);
		assert_eq!(result_of(700), CUresult::CUDA_ERROR_ILLEGAL_ADDRESS);
		// CUDA_ERROR_FUNCTION_NOT_LOADED of CUDA 12.
		assert_eq!(result_of(913), CUresult::CUDA_ERROR_UNKNOWN);
		assert_eq!(result_of(-1), CUresult::CUDA_ERROR_UNKNOWN);
	}
}
