//! A machine with devices made by hand, that can be switched off and on.

use std::{
	sync::{
		Arc,
		atomic::{AtomicBool, AtomicU32, Ordering},
	},
	time::Duration,
};

use io_kernels::Cancel;
use io_tflops::{
	Hash, Params,
	prover::{MatMul, Scalar},
};
use io_worker::{
	attest::{
		Attester, Settings,
		device::{Device, Engine, Fault},
		journal::Journal,
		product::Products,
		status::AttestStatus,
	},
	keystore::Keys,
};
use tempfile::TempDir;

/// How the devices of a machine behave; may be changed while they run.
#[derive(Clone, Default)]
pub(crate) struct Manner {
	/// Products are wrong in one entry.
	pub(crate) wrong: Arc<AtomicBool>,
	/// Products never end, until they are cancelled.
	pub(crate) endless: Arc<AtomicBool>,
	/// Products take no time of their own.
	pub(crate) quick: Arc<AtomicBool>,
	/// So many products fail.
	pub(crate) faults: Arc<AtomicU32>,
	/// Products done.
	pub(crate) products: Arc<AtomicU32>,
}

struct Toy {
	manner: Manner,
	cancel: Cancel,
}

impl MatMul for Toy {
	type Error = Fault;

	fn product(
		&mut self,
		params: &Params,
		key_a: &Hash,
		key_b: &Hash,
		c: &mut [u16],
	) -> Result<(), Fault> {
		let Manner { wrong, endless, quick, faults, products } = &self.manner;
		while endless.load(Ordering::Relaxed) && !self.cancel.is_cancelled() {
			std::thread::sleep(Duration::from_millis(1));
		}
		self.cancel.check()?;
		let fails = faults.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
		if fails.is_ok() {
			return Err(Fault::Failed("out of order".into()));
		}
		// Rounds that take no time would fill a chain before the first sync.
		if !quick.load(Ordering::Relaxed) {
			std::thread::sleep(Duration::from_millis(1));
		}
		products.fetch_add(1, Ordering::Relaxed);
		let Ok(()) = Scalar.product(params, key_a, key_b, c);
		if wrong.load(Ordering::Relaxed) {
			c.iter_mut().for_each(|entry| *entry ^= 1);
		}
		Ok(())
	}
}

pub(crate) struct Machine {
	pub(crate) folder: TempDir,
	pub(crate) manner: Manner,
	pub(crate) settings: Settings,
	pub(crate) devices: u16,
	attester: Option<Attester>,
}

impl Machine {
	pub(crate) fn new() -> Machine {
		let settings = Settings { enabled: true, stake_percent: 50, save_every: Duration::ZERO };
		Machine::with(settings, 1)
	}

	pub(crate) fn with(settings: Settings, devices: u16) -> Machine {
		let folder = tempfile::tempdir().unwrap();
		let mut machine =
			Machine { folder, manner: Manner::default(), settings, devices, attester: None };
		machine.start();
		machine
	}

	pub(crate) fn keys() -> Keys {
		Keys::from_secrets(&[3; 32], [4; 32]).unwrap()
	}

	pub(crate) fn start(&mut self) {
		let keys = Machine::keys();
		let path = self.folder.path().join("attest.redb");
		let (journal, opened) = Journal::open(&path, keys.worker(), None).unwrap();
		assert!(opened.damaged.is_empty(), "{:?}", opened.damaged);
		let devices = (0..self.devices).map(|index| {
			let manner = self.manner.clone();
			Device {
				index,
				name: format!("toy {index}"),
				memory: 1 << 30,
				open: Box::new(move |cancel| {
					Ok(Engine::new(Toy { manner: manner.clone(), cancel }))
				}),
			}
		});
		let products = Products::new(self.folder.path());
		let attester =
			Attester::new(keys, journal, opened.book, products, devices.collect(), self.settings);
		self.attester = Some(attester.unwrap());
	}

	pub(crate) fn attester(&self) -> &Attester {
		self.attester.as_ref().unwrap()
	}

	/// As after a power cut: nothing is written any more.
	pub(crate) fn restart(&mut self) {
		self.attester = None;
		self.start();
	}

	pub(crate) fn lose_journal(&mut self) {
		self.attester = None;
		std::fs::remove_file(self.folder.path().join("attest.redb")).unwrap();
		self.start();
	}

	pub(crate) fn status(&self) -> AttestStatus {
		AttestStatus::of(self.attester())
	}

	/// Waits until the devices have come so far.
	pub(crate) fn wait(&self, what: &str, done: impl Fn(&AttestStatus) -> bool) {
		for _ in 0..6_000 {
			if done(&self.status()) {
				return;
			}
			std::thread::sleep(Duration::from_millis(5));
		}
		panic!("not reached: {what}; {:?}", self.status());
	}

	pub(crate) fn wait_for_rounds(&self, rounds: u32) {
		self.wait("rounds", |status| status.devices.iter().all(|d| d.rounds >= rounds));
	}
}
