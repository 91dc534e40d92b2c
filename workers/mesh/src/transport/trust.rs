//! Which relays a lane believes: those with a certificate of a public authority, and those whose key is known beforehand.

use std::sync::Arc;

use iroh::tls::CaTlsConfig;
use rustls::{
	DigitallySignedStruct, SignatureScheme,
	client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
	crypto::CryptoProvider,
	pki_types::{CertificateDer, ServerName, UnixTime},
};

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
}

impl RelayTrust {
	pub(crate) fn config(&self) -> CaTlsConfig {
		match self {
			RelayTrust::Public => CaTlsConfig::embedded(),
			RelayTrust::Pinned(pins) => {
				let pins: Arc<[[u8; 32]]> = pins.clone().into();
				CaTlsConfig::custom_server_cert_verifier(Arc::new(
					move |provider: Arc<CryptoProvider>| {
						let verifier: Arc<dyn ServerCertVerifier> =
							Arc::new(PinVerifier { pins: pins.clone(), provider });
						Ok(verifier)
					},
				))
			},
		}
	}
}

/// Accepts a certificate by its key alone. The handshake's signature proves that the relay has the key.
#[derive(Debug)]
struct PinVerifier {
	pins: Arc<[[u8; 32]]>,
	provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinVerifier {
	fn verify_server_cert(
		&self,
		end_entity: &CertificateDer<'_>,
		_intermediates: &[CertificateDer<'_>],
		_server_name: &ServerName<'_>,
		_ocsp_response: &[u8],
		_now: UnixTime,
	) -> Result<ServerCertVerified, rustls::Error> {
		let key = rustls::server::ParsedCertificate::try_from(end_entity)?;
		let pin = *blake3::hash(&key.subject_public_key_info()).as_bytes();
		if self.pins.contains(&pin) {
			return Ok(ServerCertVerified::assertion());
		}
		Err(rustls::CertificateError::ApplicationVerificationFailure.into())
	}

	fn verify_tls12_signature(
		&self,
		message: &[u8],
		cert: &CertificateDer<'_>,
		dss: &DigitallySignedStruct,
	) -> Result<HandshakeSignatureValid, rustls::Error> {
		let algorithms = &self.provider.signature_verification_algorithms;
		rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
	}

	fn verify_tls13_signature(
		&self,
		message: &[u8],
		cert: &CertificateDer<'_>,
		dss: &DigitallySignedStruct,
	) -> Result<HandshakeSignatureValid, rustls::Error> {
		let algorithms = &self.provider.signature_verification_algorithms;
		rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
	}

	fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
		self.provider.signature_verification_algorithms.supported_schemes()
	}
}

/// The pin of a certificate (DER): the BLAKE3 hash of its SubjectPublicKeyInfo.
pub fn pin_of(certificate: &CertificateDer<'_>) -> Result<[u8; 32], rustls::Error> {
	let key = rustls::server::ParsedCertificate::try_from(certificate)?;
	Ok(*blake3::hash(&key.subject_public_key_info()).as_bytes())
}
