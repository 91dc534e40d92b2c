//! Builds libraries in C and C++ that tests load.

use std::{
	env, fs,
	path::{Path, PathBuf},
	process::{self, Command},
	sync::{Mutex, OnceLock, PoisonError},
	time::SystemTime,
};

/// Folder of `io-kernels`, seen from each of the crates beside it whose tests use this.
pub const CRATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../kernels");

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

/// A CUDA driver that runs the kernels on this CPU, with these definitions for the compiler.
pub fn mock(name: &str, definitions: &[&str]) -> PathBuf {
	library(name, |to| {
		let to = to.to_str().unwrap();
		let objects = [format!("{to}.mock.o"), format!("{to}.kernels.o")];
		let source = format!("{CRATE}/tests/cuda_mock.c");
		let fixed = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-O1", "-fPIC", "-c"];
		let output = [source.as_str(), "-o", &objects[0]];
		compile("CC", "cc", &[&fixed[..], definitions, &output].concat());
		kernels(&["-c", "-o", &objects[1]]);
		compile("CXX", "c++", &["-shared", "-o", to, &objects[0], &objects[1]]);
	})
}

/// A CUDA driver that works.
pub fn whole_mock() -> PathBuf {
	static MOCK: OnceLock<PathBuf> = OnceLock::new();
	MOCK.get_or_init(|| mock("libio_cuda_mock.so", &[])).clone()
}
