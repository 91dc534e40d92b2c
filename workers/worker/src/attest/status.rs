//! What the devices do and have proven, for their owner.

use io_primitives::attestation::{Certificate, DeviceIndex};
use io_tflops::Params;
use serde::{Deserialize, Serialize};

use super::{Attester, dimensions, journal::Stage, prover::Doing};
use crate::lock;

/// State of the proof of computing power. Rates are in 10^6 int8 operations per second.
#[derive(Serialize, Deserialize, Clone, Debug, Default)]
#[serde(default)]
pub struct AttestStatus {
	/// Whether devices take part in windows.
	pub enabled: bool,
	/// Seconds since a node told what the chain sees; `None` if none ever did.
	pub last_sync_seconds: Option<u64>,
	/// The last window; `None` before the first.
	pub window: Option<WindowStatus>,
	/// The devices of this machine, and others that are enrolled.
	pub devices: Vec<DeviceStatus>,
	/// Certificates that count.
	pub certificates: Vec<CertificateStatus>,
	/// What they prove together.
	pub proven_mops: u64,
}

/// The last window.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default)]
#[serde(default)]
pub struct WindowStatus {
	/// Its number.
	pub id: u64,
	/// Whether commitments count now.
	pub open: bool,
	/// Slot of its seed.
	pub slot: u64,
	/// Last slot in which commitments count.
	pub last_slot: u64,
	/// The slot now.
	pub now_slot: u64,
}

/// One device.
#[derive(Serialize, Deserialize, Clone, Debug, Default)]
#[serde(default)]
pub struct DeviceStatus {
	/// Its index on chain.
	pub device: DeviceIndex,
	/// Its name; empty if this machine does not have it.
	pub name: String,
	/// Whether it is enrolled.
	pub enrolled: bool,
	/// The class as which it is enrolled.
	pub class: Option<u8>,
	/// Products of one round.
	pub lanes: Option<u32>,
	/// What it does at the moment.
	pub doing: String,
	/// Rounds that it has done in the last window.
	pub rounds: u32,
	/// How far it has come in the last window: running, committed, audited, revealed, finished.
	pub stage: Option<String>,
	/// How fast it does rounds.
	pub rate_mops: Option<u64>,
	/// What its owner should know.
	pub note: String,
}

/// One certificate.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default)]
#[serde(default)]
pub struct CertificateStatus {
	/// The device.
	pub device: DeviceIndex,
	/// Its class.
	pub class: u8,
	/// The window in which it was earned.
	pub window: u64,
	/// What it proves.
	pub mops: u64,
	/// Whether entries of it were checked.
	pub audited: bool,
	/// Block in which it no longer counts.
	pub expires: u32,
	/// Blocks until then.
	pub blocks_left: u32,
}

/// A rate for people: `12.3 TOP/s`.
pub fn rate(mops: u64) -> String {
	let mops = mops as f64;
	if mops >= 1e6 {
		format!("{:.2} TOP/s", mops / 1e6)
	} else if mops >= 1e3 {
		format!("{:.1} GOP/s", mops / 1e3)
	} else {
		format!("{mops:.0} MOP/s")
	}
}

fn doing_name(doing: Doing) -> &'static str {
	match doing {
		Doing::Idle => "idle",
		Doing::Measuring => "measuring",
		Doing::Proving => "proving",
		Doing::Paused => "paused",
		Doing::Revealing => "revealing",
	}
}

fn rate_of(params: &Params, round_seconds: f64) -> u64 {
	(params.ops_per_round() as f64 / round_seconds / 1e6) as u64
}

impl AttestStatus {
	/// The state now.
	pub fn of(attester: &Attester) -> AttestStatus {
		let inner = &*attester.0;
		let state = lock(&inner.state);
		let view = state.view.as_ref();
		let window = view.and_then(|view| view.window);
		let enrolments = view.map_or(&[][..], |view| &view.enrolments);
		let mut indices: Vec<DeviceIndex> = inner.provers.keys().copied().collect();
		indices.extend(enrolments.iter().map(|e| e.device));
		indices.sort_unstable();
		indices.dedup();
		let devices = indices.into_iter().map(|device| {
			let prover = inner.provers.get(&device);
			let enrolment = enrolments.iter().find(|e| e.device == device);
			let params = enrolment.and_then(dimensions);
			let record = window.and_then(|window| state.book.records.get(&(device, window.id)));
			let growing = prover
				.and_then(|p| p.progress())
				.filter(|p| record.is_some_and(|r| p.key == (r.window, r.seed)))
				.map(|p| p.chain.rounds());
			let on_chain = view.and_then(|view| {
				view.commitments.iter().find(|c| record.is_some_and(|r| r.is_of(c)))
			});
			let notes = [
				prover.is_none().then(|| "this machine has no such device".to_owned()),
				state.obstacles.get(&device).cloned(),
				state.notes.get(&device).cloned(),
				prover.and_then(|p| p.trouble()),
			];
			DeviceStatus {
				device,
				name: prover.map_or_else(String::new, |p| p.name().to_owned()),
				enrolled: enrolment.is_some(),
				class: enrolment.map(|e| e.class),
				lanes: enrolment.map(|e| e.lanes),
				doing: prover.map_or("absent", |p| doing_name(p.doing())).into(),
				rounds: record.map_or(0, |record| growing.unwrap_or(0).max(record.chain.rounds())),
				stage: record.map(|record| {
					match (record.stage, on_chain.map(|c| c.audit.is_some()), &record.reveal) {
						(Stage::Running, ..) => "running",
						(Stage::Committed, Some(true), Some(_)) => "revealed",
						(Stage::Committed, Some(true), None) => "audited",
						(Stage::Committed, ..) => "committed",
						(Stage::Finished, ..) => "finished",
					}
					.into()
				}),
				rate_mops: prover.zip(params).and_then(|(prover, params)| {
					prover.round_seconds(&params).map(|seconds| rate_of(&params, seconds))
				}),
				note: notes.into_iter().flatten().collect::<Vec<_>>().join("; "),
			}
		});
		AttestStatus {
			enabled: inner.settings.enabled,
			last_sync_seconds: state.synced.map(|at| at.elapsed().as_secs()),
			window: window.zip(view).map(|(window, view)| WindowStatus {
				id: window.id,
				open: view.slot <= window.last_slot,
				slot: window.slot,
				last_slot: window.last_slot,
				now_slot: view.slot,
			}),
			devices: devices.collect(),
			certificates: view.map_or_else(Vec::new, |view| {
				view.certificates.iter().map(|c| CertificateStatus::of(c, view.now)).collect()
			}),
			proven_mops: view.map_or(0, |view| view.mops),
		}
	}

	/// Lines for people.
	pub fn to_lines(&self) -> Vec<String> {
		let window = match &self.window {
			None => "no window yet".to_owned(),
			Some(WindowStatus { id, open: true, last_slot, now_slot, .. }) => {
				format!("window {id} is open for {} slots", last_slot.saturating_sub(*now_slot))
			},
			Some(window) => format!("window {} is over", window.id),
		};
		let proven = rate(self.proven_mops);
		let mut lines = vec![match self.enabled {
			true => format!("power      {proven} proven, {window}"),
			false => "power      attestation is switched off".to_owned(),
		}];
		for device in &self.devices {
			let mut parts = vec![device.doing.clone()];
			match (device.class, device.lanes) {
				(Some(class), Some(lanes)) => parts.push(format!("class {class}, {lanes} lanes")),
				_ => parts.push("not enrolled".into()),
			}
			if let Some(stage) = &device.stage {
				parts.push(format!("{stage} with {} rounds", device.rounds));
			}
			parts.extend(device.rate_mops.map(rate));
			if !device.note.is_empty() {
				parts.push(device.note.clone());
			}
			lines.push(format!("  device {} {}: {}", device.device, device.name, parts.join(", ")));
		}
		for certificate in &self.certificates {
			lines.push(format!(
				"  certificate of device {}: {} in window {}, {}, for {} more blocks",
				certificate.device,
				rate(certificate.mops),
				certificate.window,
				if certificate.audited { "audited" } else { "not audited" },
				certificate.blocks_left,
			));
		}
		lines
	}
}

impl CertificateStatus {
	fn of(certificate: &Certificate, now: u32) -> CertificateStatus {
		let Certificate { device, class, window, mops, audited, expires, .. } = *certificate;
		let blocks_left = expires.saturating_sub(now);
		CertificateStatus { device, class, window, mops, audited, expires, blocks_left }
	}
}
