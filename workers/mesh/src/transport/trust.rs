//! Which relays a lane believes: those with a certificate of a public authority, and those whose key is known beforehand.

use std::sync::Arc;

use iroh::tls::CaTlsConfig;
use rustls::{
	DigitallySignedStruct, SignatureScheme,
	client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
	crypto::CryptoProvider,
	pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::RelayList;

/// Whose TLS certificates are believed.
///
/// The relay's certificate protects who talks to whom and how much; what is said is encrypted from end to end in any case.
#[derive(Clone, Debug, Default)]
pub enum RelayTrust {
	/// Certificates of the public authorities.
	#[default]
	Public,
	/// Certificates with exactly these keys, whoever signed them: BLAKE3 hashes of their SubjectPublicKeyInfo, as relays
	/// register them on chain.
	Pinned(Vec<[u8; 32]>),
	/// What the list says of each relay: its pin, or a public authority where it has none.
	Listed(RelayList),
}

impl RelayTrust {
	pub(crate) fn config(&self) -> CaTlsConfig {
		if matches!(self, RelayTrust::Public) {
			return CaTlsConfig::embedded();
		}
		let trust = self.clone();
		CaTlsConfig::custom_server_cert_verifier(Arc::new(move |provider: Arc<CryptoProvider>| {
			let authorities = CaTlsConfig::embedded().server_cert_verifier(provider)?;
			let verifier: Arc<dyn ServerCertVerifier> =
				Arc::new(PinVerifier { trust: trust.clone(), authorities });
			Ok(verifier)
		}))
	}
}

/// Accepts a certificate by its key alone. The handshake's signature proves that the relay has the key.
#[derive(Debug)]
struct PinVerifier {
	trust: RelayTrust,
	/// Speaks for relays without a pin, and checks signatures.
	authorities: Arc<dyn ServerCertVerifier>,
}

impl ServerCertVerifier for PinVerifier {
	fn verify_server_cert(
		&self,
		end_entity: &CertificateDer<'_>,
		intermediates: &[CertificateDer<'_>],
		server_name: &ServerName<'_>,
		ocsp_response: &[u8],
		now: UnixTime,
	) -> Result<ServerCertVerified, rustls::Error> {
		let (pins, public) = match &self.trust {
			RelayTrust::Public => (Vec::new(), true),
			RelayTrust::Pinned(pins) => (pins.clone(), false),
			RelayTrust::Listed(list) => list.pins(&server_name.to_str()),
		};
		if pins.contains(&pin_of(end_entity)?) {
			return Ok(ServerCertVerified::assertion());
		}
		if public {
			return self.authorities.verify_server_cert(
				end_entity,
				intermediates,
				server_name,
				ocsp_response,
				now,
			);
		}
		Err(rustls::CertificateError::ApplicationVerificationFailure.into())
	}

	fn verify_tls12_signature(
		&self,
		message: &[u8],
		cert: &CertificateDer<'_>,
		dss: &DigitallySignedStruct,
	) -> Result<HandshakeSignatureValid, rustls::Error> {
		self.authorities.verify_tls12_signature(message, cert, dss)
	}

	fn verify_tls13_signature(
		&self,
		message: &[u8],
		cert: &CertificateDer<'_>,
		dss: &DigitallySignedStruct,
	) -> Result<HandshakeSignatureValid, rustls::Error> {
		self.authorities.verify_tls13_signature(message, cert, dss)
	}

	fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
		self.authorities.supported_verify_schemes()
	}
}

/// The pin of a certificate (DER): the BLAKE3 hash of its SubjectPublicKeyInfo.
pub fn pin_of(certificate: &CertificateDer<'_>) -> Result<[u8; 32], rustls::Error> {
	let key = rustls::server::ParsedCertificate::try_from(certificate)?;
	Ok(*blake3::hash(&key.subject_public_key_info()).as_bytes())
}
