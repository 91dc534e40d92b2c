//! Fetches a job's output from any of the workers that agreed, and trusts none of them.

use std::{
	io::{Seek, SeekFrom, Write},
	net::SocketAddr,
	path::Path,
	time::Duration,
};

use futures::StreamExt;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use io_client::Client;
use io_mesh::{
	ContentAt,
	seal::{self, Purpose, Sealed},
};
use io_primitives::{AccountId, JobState, MAX_OUTPUT_BYTES, Outcome, digest::result_digest};
use reqwest::{Url, redirect::Policy};
use serde_json::json;
use sp_core::H256;
use tempfile::NamedTempFile;

use super::{
	FetchArgs,
	show::{exit_code, state},
	unknown, watch,
};
use crate::{
	App, archive,
	error::{Error, Result},
	mesh::Fetcher,
	output::{self, Output},
	serve::size,
};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a download may give nothing.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// How to fetch.
pub(super) struct Options<'a> {
	/// Directory for the files.
	pub(super) dir: &'a Path,
	/// Whether to replace what is there.
	pub(super) overwrite: bool,
	/// Whether private addresses are fine.
	pub(super) allow_private: bool,
	/// Where to fetch from, instead of where the workers say.
	pub(super) from: &'a [String],
	/// What fetches from the mesh.
	pub(super) mesh: Fetcher,
}

pub(super) async fn fetch(args: FetchArgs, app: &App) -> Result<u8> {
	check_directory(&args.output, args.overwrite)?;
	let client = app.connect().await?;
	let view = client.job(args.job).await?.ok_or_else(|| unknown(args.job))?;
	let outcome = match view.outcome {
		Some(outcome) if outcome.state == JobState::Settled => outcome,
		Some(outcome) => {
			return Err(Error::Chain(format!(
				"job {} {}; it has no output",
				args.job,
				match outcome.state {
					JobState::Expired => "expired",
					JobState::Cancelled => "was withdrawn",
					_ => "failed",
				}
			)));
		},
		None => {
			return Err(Error::Chain(format!(
				"job {0} is {1}; `io job watch {0}` waits for its end",
				args.job,
				state(view.state)
			)));
		},
	};
	let options = Options {
		dir: &args.output,
		overwrite: args.overwrite,
		allow_private: args.allow_private,
		from: &args.from,
		mesh: Fetcher::new(&args.mesh_args, &client, None),
	};
	fetch_outcome(&client, &outcome, options, app).await?;
	Ok(watch::status(&outcome))
}

/// Fails early if the directory cannot take the output.
pub(super) fn check_directory(dir: &Path, overwrite: bool) -> Result<()> {
	let mut entries = match std::fs::read_dir(dir) {
		Ok(entries) => entries,
		Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
		Err(e) => return Err(Error::file("use the directory", dir)(e)),
	};
	if !overwrite && entries.next().is_some() {
		return Err(Error::Usage(format!(
			"{} is not empty: choose another directory, or add --overwrite",
			dir.display()
		)));
	}
	Ok(())
}

/// Where those who agreed on a settled job's result have its output.
pub(super) async fn places(client: &Client, outcome: &Outcome<AccountId>) -> Result<Vec<String>> {
	let agreed = |replica| outcome.payees.iter().any(|payee| payee.replica == replica);
	let outputs = client.outputs(outcome.id).await?.into_iter();
	Ok(outputs
		.filter(|(replica, _)| agreed(*replica))
		.map(|(_, at)| String::from_utf8_lossy(&at).into_owned())
		.collect())
}

/// Fetches, checks and unpacks the output of a settled job.
pub(super) async fn fetch_outcome(
	client: &Client,
	outcome: &Outcome<AccountId>,
	options: Options<'_>,
	app: &App,
) -> Result<()> {
	let places = match options.from {
		[] => places(client, outcome).await?,
		from => from.to_vec(),
	};
	if places.is_empty() {
		return Err(Error::Chain(format!(
			"the chain does not know where the output of job {} is; if somebody has it, add --from URL",
			outcome.id
		)));
	}
	let private = options.allow_private || client.chain_info().await?.is_development();
	let expected = |content: H256| {
		let Outcome { id, exit_code, units, .. } = *outcome;
		result_digest(client.genesis(), id, exit_code, units, content) == outcome.digest
	};
	let mut failures = Vec::new();
	for place in &places {
		// It is somebody else's text: no control characters on the terminal.
		let name = place.escape_debug().to_string();
		let (file, content, len) = match download(place, private, &options.mesh, app.output).await {
			Ok(downloaded) => downloaded,
			// This machine's fault, not the worker's.
			Err(e @ Error::File { .. }) => return Err(e),
			Err(e) => {
				failures.push(format!("{name}: {e}"));
				continue;
			},
		};
		if expected(content) {
			return unpack(file, &name, len, outcome, options, app).await;
		}
		// Only who asked for it can open a sealed output, and then it must be what the workers agreed on.
		let purpose =
			Purpose { genesis: client.genesis().0, job: outcome.id, content: Sealed::Output };
		match options.mesh.open(&file, &purpose, MAX_OUTPUT_BYTES)? {
			Some((plain, content)) if expected(content) => {
				return unpack(plain, &name, len, outcome, options, app).await;
			},
			_ => failures.push(format!(
				"{name}: it is not the output that the workers agreed on (products that the chain verifies are fetched by \
				 `io job resume`; sealed outputs open with the --mesh-key of the command that submitted the job)"
			)),
		}
	}
	Err(Error::Local(format!(
		"no worker gives the output of job {}:\n  {}\nTry later; the workers keep it for a while",
		outcome.id,
		failures.join("\n  ")
	)))
}

async fn unpack(
	mut file: NamedTempFile,
	from: &str,
	len: u64,
	outcome: &Outcome<AccountId>,
	options: Options<'_>,
	app: &App,
) -> Result<()> {
	let (dir, overwrite) = (options.dir.to_owned(), options.overwrite);
	let contents = tokio::task::spawn_blocking(move || {
		file.seek(SeekFrom::Start(0)).map_err(Error::file("read", "the download"))?;
		archive::unpack(std::io::BufReader::new(file), &dir, overwrite)
	})
	.await
	.map_err(|e| Error::Local(format!("unpacking was broken off: {e}")))??;
	let text = |path: &Path| path.to_string_lossy().into_owned();
	let json = json!({
		"type": "fetched",
		"job": outcome.id,
		"from": from,
		"len": len,
		"digest": output::hash(&outcome.digest),
		"exit_code": outcome.exit_code,
		"directory": text(options.dir),
		"files": contents
			.files
			.iter()
			.map(|file| json!({ "path": text(&file.path), "size": file.size }))
			.collect::<Vec<_>>(),
		"skipped": contents.skipped.iter().map(|path| text(path)).collect::<Vec<_>>(),
	});
	app.output.result(&json, || {
		let mut lines = vec![format!(
			"fetched {} from {from}; it is what the workers agreed on. Exit code {}",
			size(len),
			exit_code(outcome.exit_code)
		)];
		for file in &contents.files {
			let path = options.dir.join(&file.path);
			lines.push(format!(
				"  {} ({})",
				path.display().to_string().escape_debug(),
				size(file.size)
			));
		}
		for path in &contents.skipped {
			lines.push(format!(
				"  left out, for it leads outside or is no plain file: {}",
				path.display().to_string().escape_debug()
			));
		}
		lines.join("\n")
	})
}

/// A download, its hash and its length.
pub(super) async fn download(
	place: &str,
	private: bool,
	mesh: &Fetcher,
	output: Output,
) -> Result<(NamedTempFile, H256, u64)> {
	let failed = |text: String| Error::Local(text);
	let most = seal::letter_len(MAX_OUTPUT_BYTES);
	let bar = |len: Option<u64>| {
		let bar = len.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
		if output.json {
			bar.set_draw_target(ProgressDrawTarget::hidden());
		}
		if let Ok(style) =
			ProgressStyle::with_template("{bytes}/{total_bytes} {bar:30} {bytes_per_sec}")
		{
			bar.set_style(style);
		}
		bar
	};
	if ContentAt::is_one(place) {
		let at: ContentAt = place.parse().map_err(|e: io_mesh::Error| failed(e.to_string()))?;
		let bar = bar(None);
		let fetched = mesh.fetch(&at, most, &bar).await;
		bar.finish_and_clear();
		return fetched;
	}
	let url = Url::parse(place).map_err(|e| failed(format!("it is no URL: {e}")))?;
	if !matches!(url.scheme(), "http" | "https") {
		return Err(failed("only http, https and addresses of the mesh are understood".into()));
	}
	let client = client_for(&url, private).await?;
	let reason = |e: reqwest::Error| {
		let mut text = e.to_string();
		let mut source = std::error::Error::source(&e);
		while let Some(inner) = source {
			text = inner.to_string();
			source = inner.source();
		}
		failed(text)
	};
	let response = client.get(url).send().await.map_err(reason)?;
	if response.status() != reqwest::StatusCode::OK {
		return Err(failed(format!("the answer is {}", response.status())));
	}
	let announced = response.content_length();
	if announced.is_some_and(|len| len > most) {
		return Err(failed("it is larger than any output may be".into()));
	}
	let bar = bar(announced);
	let mut file = NamedTempFile::new().map_err(Error::file("make", "a temporary file"))?;
	let (mut hasher, mut len) = (blake3::Hasher::new(), 0u64);
	let mut stream = response.bytes_stream();
	while let Some(chunk) = stream.next().await {
		let chunk = chunk.map_err(reason)?;
		len = len.saturating_add(chunk.len() as u64);
		if len > most {
			return Err(failed("it is larger than any output may be".into()));
		}
		hasher.update(&chunk);
		file.write_all(&chunk).map_err(Error::file("write", "a temporary file"))?;
		bar.set_position(len);
	}
	bar.finish_and_clear();
	file.flush().map_err(Error::file("write", "a temporary file"))?;
	Ok((file, H256(*hasher.finalize().as_bytes()), len))
}

/// A client that talks to the URL's host alone, at addresses that were checked.
async fn client_for(url: &Url, private: bool) -> Result<reqwest::Client> {
	let host = url.host_str().unwrap_or_default().to_owned();
	let port = url.port_or_known_default().unwrap_or(80);
	let bare = host.trim_start_matches('[').trim_end_matches(']');
	let addresses: Vec<SocketAddr> =
		tokio::time::timeout(CONNECT_TIMEOUT, tokio::net::lookup_host((bare, port)))
			.await
			.map_err(|_| Error::Local(format!("the name {host} is not resolved in time")))?
			.map_err(|e| Error::Local(format!("the name {host} cannot be resolved: {e}")))?
			.collect();
	if addresses.is_empty() {
		return Err(Error::Local(format!("the name {host} has no address")));
	}
	// A worker must not make this machine talk to its own services.
	if !private
		&& let Some(address) = addresses.iter().find(|address| !io_client::is_public(address.ip()))
	{
		return Err(Error::Local(format!(
			"{} is a private address; add --allow-private if you trust it",
			address.ip()
		)));
	}
	reqwest::Client::builder()
		.no_proxy()
		.redirect(Policy::none())
		.connect_timeout(CONNECT_TIMEOUT)
		.read_timeout(STALL_TIMEOUT)
		.resolve_to_addrs(&host, &addresses)
		.build()
		.map_err(|e| Error::Local(format!("cannot download: {e}")))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[tokio::test]
	async fn should_refuse_private_address_when_it_is_not_allowed() {
		for url in ["http://127.0.0.1:1/x", "http://[::1]:1/x", "http://localhost:1/x"] {
			let error = client_for(&Url::parse(url).unwrap(), false).await.unwrap_err();
			assert!(error.to_string().contains("private address"), "{url}: {error}");
			assert!(client_for(&Url::parse(url).unwrap(), true).await.is_ok());
		}
	}

	#[test]
	fn should_refuse_directory_when_it_is_not_empty() {
		let dir = tempfile::tempdir().unwrap();
		assert!(check_directory(dir.path(), false).is_ok());
		assert!(check_directory(&dir.path().join("new"), false).is_ok());
		std::fs::write(dir.path().join("x"), "").unwrap();
		assert!(check_directory(dir.path(), false).is_err());
		assert!(check_directory(dir.path(), true).is_ok());
		assert!(check_directory(&dir.path().join("x"), false).is_err());
	}
}
