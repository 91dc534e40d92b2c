//! The relay's certificate.

use std::{
	fs, io,
	os::unix::fs::OpenOptionsExt,
	path::{Path, PathBuf},
	sync::Arc,
};

use io_mesh::transport::pin_of;
use iroh_relay::server::{
	AcmeConfig, CertConfig, DEFAULT_CERT_RELOAD_INTERVAL, reloading_resolver,
};
use rustls::{
	crypto::ring,
	pki_types::{CertificateDer, pem::PemObject},
};

/// Where the certificate comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Certificate {
	/// None: plain HTTP. For tests and for relays behind a TLS proxy of their operator.
	None,
	/// From PEM files, read again every day.
	Files {
		/// Chain, the relay's certificate first.
		chain: PathBuf,
		/// Private key.
		key: PathBuf,
	},
	/// From Let's Encrypt.
	Acme {
		/// Host names.
		domains: Vec<String>,
		/// Mail address for notices.
		contact: String,
		/// Where certificates are kept.
		folder: PathBuf,
		/// The authority's directory; none: Let's Encrypt.
		directory: Option<String>,
	},
}

/// Why a certificate cannot be used.
#[derive(thiserror::Error, Debug)]
#[error("the certificate {}: {reason}", path.display())]
pub struct Error {
	path: PathBuf,
	reason: String,
}

fn error<E: std::fmt::Display>(path: &Path) -> impl Fn(E) -> Error + '_ {
	move |reason| Error { path: path.to_owned(), reason: reason.to_string() }
}

impl Certificate {
	/// For the server.
	pub(crate) async fn config(&self) -> Result<Option<CertConfig>, Error> {
		let provider = Arc::new(ring::default_provider());
		let builder = rustls::ServerConfig::builder_with_provider(provider.clone())
			.with_safe_default_protocol_versions()
			.map_err(error(Path::new("-")))?
			.with_no_client_auth();
		Ok(Some(match self {
			Certificate::None => return Ok(None),
			Certificate::Files { chain, key } => {
				let (of_chain, of_key) = (chain.clone(), key.clone());
				let interval = DEFAULT_CERT_RELOAD_INTERVAL;
				let resolver = reloading_resolver(&provider, of_chain, of_key, interval)
					.await
					.map_err(|e| error(chain)(format!("{e:#}")))?;
				CertConfig::Manual { server_config: builder.with_cert_resolver(resolver) }
			},
			Certificate::Acme { domains, contact, folder, directory } => {
				let acme = match directory {
					Some(url) => AcmeConfig::new(url.clone()),
					None => AcmeConfig::letsencrypt(true),
				};
				CertConfig::LetsEncrypt {
					acme_config: acme
						.domains(domains.clone())
						.contact(vec![format!("mailto:{contact}")])
						.cache_path(folder.clone()),
					server_config_builder: builder,
				}
			},
		}))
	}

	/// The pin by which clients know a relay whose certificate no authority has signed. Only for files.
	pub fn pin(&self) -> Result<Option<[u8; 32]>, Error> {
		let Certificate::Files { chain, .. } = self else { return Ok(None) };
		let certificate = CertificateDer::from_pem_file(chain).map_err(error(chain))?;
		pin_of(&certificate).map(Some).map_err(error(chain))
	}
}

/// Makes a key and a certificate that it signs itself, and writes them to new files.
pub fn generate(names: Vec<String>, chain: &Path, key: &Path) -> Result<(), Error> {
	let made = rcgen::generate_simple_self_signed(names).map_err(error(chain))?;
	write_new(key, made.signing_key.serialize_pem().as_bytes(), 0o600).map_err(error(key))?;
	write_new(chain, made.cert.pem().as_bytes(), 0o644).map_err(error(chain))
}

/// Writes a file that must not be there.
pub(crate) fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
	use io::Write;
	let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
	file.write_all(bytes)?;
	file.sync_all()
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_keep_its_pin_and_refuse_to_overwrite_when_a_certificate_is_made() {
		let folder = tempfile::tempdir().unwrap();
		let (chain, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
		generate(vec!["relay.example".into()], &chain, &key).unwrap();
		let files = Certificate::Files { chain: chain.clone(), key: key.clone() };
		let pin = files.pin().unwrap().unwrap();
		assert!(generate(vec!["relay.example".into()], &chain, &key).is_err());
		assert_eq!(files.pin().unwrap(), Some(pin));
	}
}
