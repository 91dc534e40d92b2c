//! Builds libraries in C and C++ that tests load.

use std::{
	env, fs,
	path::{Path, PathBuf},
	process::{self, Command},
	sync::{Mutex, PoisonError},
	time::SystemTime,
};

/// Folder of the crate.
pub const CRATE: &str = env!("CARGO_MANIFEST_DIR");

fn changed(path: &Path) -> Option<SystemTime> {
	fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// Builds `name` in a temporary folder unless it is newer than the kernels and the tests' sources. Tests in several
/// threads and processes may do so at the same time.
pub fn library(name: &str, build: impl FnOnce(&Path)) -> PathBuf {
	static BUILDS: Mutex<()> = Mutex::new(());
	let _one_at_a_time = BUILDS.lock().unwrap_or_else(PoisonError::into_inner);
	let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
	let sources = ["cuda", "tests", "tests/cuda_emulator"].into_iter().flat_map(|folder| {
		let entries = fs::read_dir(Path::new(CRATE).join(folder)).unwrap();
		entries.filter_map(|entry| changed(&entry.unwrap().path()))
	});
	let newest = sources.max();
	if changed(&library).is_none_or(|built| Some(built) < newest) {
		let own = library.with_extension(process::id().to_string());
		build(&own);
		fs::rename(&own, &library).unwrap();
	}
	library
}

/// Runs a compiler, `$CC` or `$CXX` if set.
pub fn compile(variable: &str, default: &str, arguments: &[&str]) {
	let compiler = env::var_os(variable).unwrap_or_else(|| default.into());
	let output = Command::new(&compiler).args(arguments).output();
	let output = output.unwrap_or_else(|error| panic!("{compiler:?} cannot be run: {error}"));
	assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Compiles the kernels for this CPU, see `cuda/emulator.cpp`, with more arguments.
pub fn kernels(arguments: &[&str]) {
	let source = format!("{CRATE}/cuda/emulator.cpp");
	let warnings = ["-Wall", "-Wextra", "-Wno-unknown-pragmas"];
	// Fibers jump from one stack to another, which fortified functions refuse.
	let fixed = ["-std=c++17", "-O2", "-U_FORTIFY_SOURCE", "-fPIC", &source];
	compile("CXX", "c++", &[&warnings[..], &fixed, arguments].concat());
}
