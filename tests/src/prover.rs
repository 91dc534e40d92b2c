//! A second implementation of a device's side of the proof of computing power, over plain RPC. It can be told to cheat,
//! which the product cannot.

use std::convert::Infallible;

use anyhow::{Result, anyhow, bail};
use codec::Encode;
use io_primitives::{
	AccountId, WorkerKey,
	attestation::{AttestationCall, AttestationView, Audit, SignedAttestation, Window},
};
use io_tflops::{
	Params, Statement,
	prover::{Chain as Rounds, MatMul, Scalar},
	transcript,
};
use sp_core::{H256, sr25519};
use subxt_signer::sr25519::Keypair;

use crate::chain::{Chain, decode};

/// Blocks for which a call counts.
const VALID_FOR: u32 = 20;
/// The only device.
const DEVICE: u16 = 0;
/// The class: the smallest there is.
const CLASS: u8 = 0;
/// Products of a round.
const LANES: u32 = 1;

impl Chain {
	/// What the chain knows of a worker's devices.
	pub async fn attestation(&self, worker: &WorkerKey) -> Result<AttestationView<AccountId>> {
		decode(&self.state_call("IoAttestationApi_attestation", &worker.encode()).await?)
	}

	/// Puts a device's call into the pool.
	pub async fn submit_attestation(&self, call: &SignedAttestation) -> Result<H256> {
		let extrinsic =
			self.state_call("IoAttestationApi_attestation_transaction", &call.encode()).await?;
		self.submit_bytes(&extrinsic).await
	}
}

/// Leaves every fifth row out: it skips 20 % of the entries.
struct Lazy;

impl MatMul for Lazy {
	type Error = Infallible;

	fn product(
		&mut self,
		params: &Params,
		key_a: &[u8; 32],
		key_b: &[u8; 32],
		c: &mut [u16],
	) -> Result<(), Infallible> {
		Scalar.product(params, key_a, key_b, c)?;
		for row in c.chunks_mut(params.n() as usize).step_by(5) {
			row.fill(0);
		}
		Ok(())
	}
}

/// The reveal of a chain of one round and one lane. The library would see that it is wrong and refuse to make it.
fn false_reveal(rounds: &Rounds, statement: &Statement) -> Vec<u8> {
	let leaves: Vec<u64> =
		statement.positions().map(|position| position.leaf(&statement.params)).collect();
	let Ok(openings) = Lazy.open_lane(&statement.params, &statement.seed, 0, &leaves);
	let mut reveal = rounds.roots().as_flattened().to_vec();
	openings.iter().for_each(|opening| reveal.extend_from_slice(&opening.leaf));
	openings.iter().for_each(|opening| reveal.extend_from_slice(opening.siblings.as_flattened()));
	reveal
}

/// A device that is steered by the tests.
pub struct Prover {
	key: Keypair,
	chain: Chain,
}

impl Prover {
	/// The device of a worker with this secret URI.
	pub fn new(uri: &str, chain: Chain) -> Result<Prover> {
		Ok(Prover { key: Keypair::from_uri(&uri.parse()?)?, chain })
	}

	/// The worker's key.
	pub fn worker(&self) -> WorkerKey {
		sr25519::Public::from_raw(self.key.public_key().0)
	}

	/// What the chain knows of it.
	pub async fn view(&self) -> Result<AttestationView<AccountId>> {
		self.chain.attestation(&self.worker()).await
	}

	async fn send(&self, call: AttestationCall) -> Result<()> {
		let valid_until = self.chain.best().await? + VALID_FOR;
		let payload = call.payload(self.chain.genesis(), valid_until);
		let signature = sr25519::Signature::from_raw(self.key.sign(&payload).0);
		let signed = SignedAttestation { worker: self.worker(), call, valid_until, signature };
		self.chain.submit_attestation(&signed).await?;
		Ok(())
	}

	/// Enrols the device.
	pub async fn enrol(&self) -> Result<()> {
		self.send(AttestationCall::Enrol { device: DEVICE, class: CLASS, lanes: LANES }).await
	}

	/// Looks at the chain until it shows what `find` looks for.
	async fn wait_for<T>(
		&self,
		what: &str,
		find: impl Fn(AttestationView<AccountId>) -> Option<T>,
	) -> Result<T> {
		for _ in 0..600 {
			if let Some(found) = find(self.view().await?) {
				return Ok(found);
			}
			tokio::time::sleep(std::time::Duration::from_millis(200)).await;
		}
		bail!("no {what} within 120 s")
	}

	/// The next window that opens and in which the device may take part, and its first state in it.
	async fn window(&self) -> Result<(Window, Params, [u8; 32])> {
		let first = self.view().await?.window.map_or(0, |window| window.id);
		let (window, enrolment) = self
			.wait_for("window for the device", |view| {
				let (window, enrolment) = (view.window?, view.enrolments.into_iter().next()?);
				(window.id > first && enrolment.since < window.block).then_some((window, enrolment))
			})
			.await?;
		let class = enrolment.params;
		let params = Params::new(class.arith, class.m, class.n, class.k, enrolment.lanes)
			.map_err(|e| anyhow!("the chain has odd dimensions: {e:?}"))?;
		let (seed, worker) = (window.seed.0, self.worker().0);
		let seed = transcript::device_seed(&seed, &worker, DEVICE, CLASS, &params);
		Ok((window, params, seed))
	}

	async fn commit(&self, window: &Window, commitment: H256) -> Result<()> {
		let Window { id, seed, .. } = *window;
		self.send(AttestationCall::Commit {
			window: id,
			seed,
			device: DEVICE,
			rounds: 1,
			commitment,
		})
		.await
	}

	/// Does one round in the next window, skips a fifth of its entries, commits, and answers the audit all the same.
	pub async fn cheat(&self) -> Result<()> {
		let (window, params, seed) = self.window().await?;
		let rounds = tokio::task::spawn_blocking(move || {
			let mut rounds = Rounds::new(params, seed);
			rounds.round(&mut Lazy).map(|()| rounds)
		})
		.await?
		.map_err(|error| anyhow!("the round failed: {error:?}"))?;
		let commitment = H256(rounds.commitment());
		self.commit(&window, commitment).await?;
		let (audit, openings) = self.audited().await?;
		let challenge = audit.challenge;
		let statement = Statement {
			seed,
			params,
			rounds: 1,
			openings,
			commitment: commitment.0,
			challenge: challenge.0,
		};
		let proof = tokio::task::spawn_blocking(move || false_reveal(&rounds, &statement)).await?;
		let proof = proof.try_into().map_err(|_| anyhow!("the reveal is too long"))?;
		let window = window.id;
		self.send(AttestationCall::Reveal { window, challenge, device: DEVICE, proof }).await
	}

	/// Commits in the next window to something that it will never show.
	pub async fn commit_and_fall_silent(&self) -> Result<()> {
		let (window, ..) = self.window().await?;
		self.commit(&window, H256::repeat_byte(0x5e)).await?;
		self.audited().await.map(|_| ())
	}

	/// The audit of what was committed to, and how many entries it opens.
	async fn audited(&self) -> Result<(Audit, u32)> {
		self.wait_for("audit", |view| {
			let audit = view.commitments.first()?.audit?;
			Some((audit, view.enrolments.first()?.params.openings))
		})
		.await
	}
}
