//! The file with this machine's key in the mesh: 64 hexadecimal digits, from which all its endpoints and its x25519 key follow.

use std::{
	fs::{self, File, OpenOptions, TryLockError},
	io::Read,
	os::unix::fs::OpenOptionsExt,
	path::{Path, PathBuf},
};

use io_mesh::lanes::Identity;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// Where the file is if nobody says otherwise.
pub(super) fn default_path() -> Result<PathBuf> {
	let set =
		|name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
	let folder = set("XDG_CONFIG_HOME")
		.or_else(|| Some(set("HOME")?.join(".config")))
		.ok_or_else(|| Error::Usage("there is no HOME: name a file with --mesh-key".into()))?;
	Ok(folder.join("io-network").join("mesh.key"))
}

/// Reads the key.
pub(super) fn load(path: &Path) -> Result<Identity> {
	let mut text = Zeroizing::new(String::new());
	let file = File::open(path).map_err(Error::file("open", path))?;
	file.take(1_000).read_to_string(&mut text).map_err(Error::file("read", path))?;
	let mut seed = Zeroizing::new([0; 32]);
	hex::decode_to_slice(text.trim(), &mut *seed).map_err(|_| {
		Error::Local(format!("{} is no key of the mesh: it has not 64 digits", path.display()))
	})?;
	Ok(Identity::new(*seed))
}

/// Reads the key; makes one if there is none.
pub(super) fn load_or_make(path: &Path) -> Result<Identity> {
	if !path.exists() {
		let mut seed = Zeroizing::new([0u8; 32]);
		getrandom::fill(&mut *seed)
			.map_err(|e| Error::Local(format!("the system gives no random numbers: {e}")))?;
		let line = Zeroizing::new(format!("{}\n", hex::encode(*seed)));
		if let Some(folder) = path.parent() {
			fs::create_dir_all(folder).map_err(Error::file("make the folder", folder))?;
		}
		match io_client::sealed::write_new(path, line.as_bytes()) {
			// Another command was quicker.
			Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {},
			written => written.map_err(Error::file("make the key of the mesh", path))?,
		}
	}
	load(path)
}

/// Reserves one purpose of the key for this process, until the file is dropped.
pub(super) fn lock(path: &Path, purpose: &str) -> Result<File> {
	let mut name = path.as_os_str().to_owned();
	name.push(format!(".{purpose}.lock"));
	let name = PathBuf::from(name);
	let file = OpenOptions::new()
		.create(true)
		.truncate(false)
		.write(true)
		.mode(0o600)
		.open(&name)
		.map_err(Error::file("make", &name))?;
	match file.try_lock() {
		Ok(()) => Ok(file),
		Err(TryLockError::WouldBlock) => Err(Error::Usage(format!(
			"another command uses the mesh with the key {}; wait for it, or give this one another --mesh-key",
			path.display()
		))),
		Err(TryLockError::Error(e)) => Err(Error::file("lock", &name)(e)),
	}
}

#[cfg(test)]
mod tests {
	use std::os::unix::fs::PermissionsExt;

	use super::*;

	#[test]
	fn should_make_a_key_once_that_only_its_owner_can_read() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("deep/mesh.key");
		let made = load_or_make(&path).unwrap();
		assert_eq!(load_or_make(&path).unwrap().endpoint(0), made.endpoint(0));
		assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
	}

	#[test]
	fn should_say_so_when_the_file_is_no_key() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("mesh.key");
		for text in ["", "12", &"zz".repeat(32), &"00".repeat(33)] {
			fs::write(&path, text).unwrap();
			assert!(matches!(load_or_make(&path), Err(Error::Local(_))), "{text}");
			assert_eq!(fs::read_to_string(&path).unwrap(), text);
		}
	}

	#[test]
	fn should_refuse_a_second_command_with_the_same_purpose() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("mesh.key");
		let first = lock(&path, "files").unwrap();
		assert!(matches!(lock(&path, "files"), Err(Error::Usage(_))));
		let _other = lock(&path, "tunnel").unwrap();
		drop(first);
		lock(&path, "files").unwrap();
	}
}
