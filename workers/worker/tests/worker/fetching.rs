//! Sources with bad manners.

use std::time::{Duration, Instant};

use io_worker::{
	config,
	content::{Bounds, Store},
	fetch::{Error, Fetcher, Length, Progress, Wanted},
};
use sp_core::H256;
use tempfile::TempDir;

use crate::server::{Manner, Server};

struct Bench {
	server: Server,
	_folder: TempDir,
	store: Store,
	fetcher: Fetcher,
}

fn bench(change: impl FnOnce(&mut config::Fetch)) -> Bench {
	let folder = tempfile::tempdir().unwrap();
	let bounds = Bounds {
		cache: u64::MAX,
		output: u64::MAX,
		keep_output: Duration::from_secs(3600),
		min_free: 0,
	};
	let store = Store::open(folder.path(), bounds).unwrap();
	let mut settings = config::Fetch {
		allow_private_addresses: true,
		stall_seconds: 1,
		rounds: 1,
		..Default::default()
	};
	change(&mut settings);
	let fetcher = Fetcher::new(settings, store.clone(), None).unwrap();
	Bench { server: Server::start(), _folder: folder, store, fetcher }
}

impl Bench {
	fn wanted(&self, hash: H256, length: Length, names: &[&str]) -> Wanted {
		let sources: Vec<_> = names
			.iter()
			.map(|name| {
				let url = if name.contains(':') { name.to_string() } else { self.server.url(name) };
				url.into_bytes().try_into().unwrap()
			})
			.collect();
		Wanted { hash, length, sources: sources.try_into().unwrap() }
	}

	fn obtain(&self, wanted: &Wanted) -> Result<Vec<u8>, Error> {
		let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
		let path = runtime.block_on(self.fetcher.obtain(wanted, &Progress::default()))?;
		Ok(std::fs::read(path).unwrap())
	}

	fn refuse(&self, wanted: &Wanted) -> String {
		let error = self.obtain(wanted).unwrap_err().to_string();
		assert!(self.store.cached(wanted.hash).unwrap().is_none());
		error
	}
}

fn content() -> Vec<u8> {
	(0..300_000u32).map(|i| (i % 251) as u8).collect()
}

#[test]
fn should_go_on_where_it_stopped_when_a_download_is_cut_off() {
	let bench = bench(|_| {});
	let hash = bench.server.put("a", &content(), Manner::Cut(3));
	let wanted = bench.wanted(hash, Length::Exactly(content().len() as u64), &["a"]);
	assert_eq!(bench.obtain(&wanted).unwrap(), content());
	assert_eq!(bench.server.ranges(), 3);
}

#[test]
fn should_take_the_next_source_when_one_is_wrong() {
	let bench = bench(|_| {});
	let hash = bench.server.put("good", &content(), Manner::Good);
	bench.server.put("wrong", &content(), Manner::Wrong);
	bench.server.put("missing", &content(), Manner::Missing);
	let names = ["ftp://example.org/x", "missing", "wrong", "good"];
	let wanted = bench.wanted(hash, Length::AtMost(1_000_000), &names);
	assert_eq!(bench.obtain(&wanted).unwrap(), content());
}

#[test]
fn should_name_the_reason_when_the_hash_is_wrong() {
	let bench = bench(|_| {});
	let hash = bench.server.put("wrong", &content(), Manner::Wrong);
	let said = bench.refuse(&bench.wanted(hash, Length::AtMost(1_000_000), &["wrong"]));
	assert!(said.contains("wrong BLAKE3 hash"), "{said}");
}

#[test]
fn should_not_blame_a_source_when_another_left_a_wrong_part() {
	let bench = bench(|_| {});
	let hash = bench.server.put("good", &content(), Manner::Good);
	std::fs::write(bench.store.partial_path(hash), vec![1u8; 1000]).unwrap();
	let wanted = bench.wanted(hash, Length::AtMost(1_000_000), &["good"]);
	assert_eq!(bench.obtain(&wanted).unwrap(), content());
}

#[test]
fn should_give_up_when_a_source_stalls() {
	let bench = bench(|_| {});
	for (name, manner) in [("stall", Manner::Stall), ("drip", Manner::Drip)] {
		let hash = bench.server.put(name, &content(), manner);
		let started = Instant::now();
		let said = bench.refuse(&bench.wanted(hash, Length::AtMost(1_000_000), &[name]));
		assert!(said.contains("bytes per second"), "{said}");
		assert!(started.elapsed() < Duration::from_secs(5));
	}
}

#[test]
fn should_give_up_when_a_content_is_longer_than_allowed() {
	let bench = bench(|_| {});
	let hash = bench.server.put("endless", &content(), Manner::Endless);
	let said = bench.refuse(&bench.wanted(hash, Length::AtMost(1_000_000), &["endless"]));
	assert!(said.contains("more than 1000000 bytes"), "{said}");
	let said = bench.refuse(&bench.wanted(hash, Length::Exactly(1_000), &["endless"]));
	assert!(said.contains("more than 1000 bytes"), "{said}");
	let hash = bench.server.put("long", &content(), Manner::Good);
	let said = bench.refuse(&bench.wanted(hash, Length::Exactly(7), &["long"]));
	assert!(said.contains("300000 bytes instead of 7"), "{said}");
	let said = bench.refuse(&bench.wanted(hash, Length::AtMost(7), &["long"]));
	assert!(said.contains("more than 7 bytes"), "{said}");
}

#[test]
fn should_refuse_private_addresses_when_they_are_not_allowed() {
	let bench = bench(|settings| settings.allow_private_addresses = false);
	let hash = bench.server.put("good", &content(), Manner::Good);
	let by_name = format!("http://localhost:{}/good", bench.server.address.port());
	for source in ["good", &by_name, "http://[::1]/x", "http://0177.0.0.1/x"] {
		let said = bench.refuse(&bench.wanted(hash, Length::AtMost(1_000_000), &[source]));
		assert!(said.contains("private address"), "{source}: {said}");
	}
	assert_eq!(bench.server.requests(), 0);
}

#[test]
fn should_refuse_redirects_when_they_leave_http_or_never_end() {
	let bench = bench(|_| {});
	let hash = bench.server.put("good", &content(), Manner::Good);
	let good = bench.server.url("good");
	bench.server.put("once", b"", Manner::Redirect(good));
	bench.server.put("file", b"", Manner::Redirect("file:///etc/passwd".into()));
	bench.server.put("circle", b"", Manner::Redirect(bench.server.url("circle")));
	let at_most = Length::AtMost(1_000_000);
	for name in ["file", "circle"] {
		let said = bench.refuse(&bench.wanted(hash, at_most, &[name]));
		assert!(said.contains("redirects") || said.contains("302"), "{name}: {said}");
	}
	assert_eq!(bench.obtain(&bench.wanted(hash, at_most, &["once"])).unwrap(), content());
}

#[test]
fn should_say_so_when_there_is_no_source() {
	let bench = bench(|_| {});
	let said = bench.refuse(&bench.wanted(H256::zero(), Length::AtMost(10), &[]));
	assert!(said.contains("no source"), "{said}");
}
