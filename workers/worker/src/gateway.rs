//! The gateway: HTTP on loopback, where the node's off-chain worker calls, and the owner looks.
//!
//! `POST /v1/sync` and `POST /v1/attest` (SCALE, see `io_primitives::{gateway, attestation}`), `GET /v1/status` (JSON), `GET /metrics` (Prometheus).
//! A browser can send requests to loopback on behalf of any web page. Such requests carry `Origin`, or a host name that
//! the page's owner made lead here, and are refused.

use axum::{
	Json, Router,
	body::Bytes,
	extract::{DefaultBodyLimit, Request, State},
	http::{StatusCode, header},
	middleware::{self, Next},
	response::{IntoResponse, Response},
	routing::{get, post},
};
use codec::{Decode, DecodeAll, Encode};
use io_primitives::{
	AccountId,
	attestation::{ATTEST_PATH, AttestRequest},
	gateway::{CONTENT_TYPE, MAX_REQUEST_BYTES, SYNC_PATH, SyncRequest},
};

use crate::{
	agent::{self, Agent},
	attest::{self, Attester},
	journal, metrics,
	status::{self, Status},
};

/// What the gateway shows, and whom it asks.
#[derive(Clone)]
struct Worker {
	agent: Agent,
	attester: Attester,
	mesh: Option<io_mesh::metrics::Metrics>,
}

/// The gateway of a worker. With `any_host` it may be called by other names than `localhost` and addresses.
pub fn router(
	agent: Agent,
	attester: Attester,
	mesh: Option<io_mesh::metrics::Metrics>,
	any_host: bool,
) -> Router {
	Router::new()
		.route(SYNC_PATH, post(sync))
		.route(ATTEST_PATH, post(attest))
		.route(status::PATH, get(show_status))
		.route("/metrics", get(show_metrics))
		.layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
		.layer(middleware::from_fn(move |request, next| no_browsers(any_host, request, next)))
		.with_state(Worker { agent, attester, mesh })
}

async fn no_browsers(any_host: bool, request: Request, next: Next) -> Response {
	let headers = request.headers();
	let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
	if headers.contains_key(header::ORIGIN) || !(any_host || is_local_name(host)) {
		return (StatusCode::FORBIDDEN, "web pages may not use the gateway\n").into_response();
	}
	next.run(request).await
}

/// Whether a `Host` header is `localhost` or an address, with or without a port.
fn is_local_name(host: &str) -> bool {
	let name = match host.rsplit_once(':') {
		Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
		_ => host,
	};
	name.eq_ignore_ascii_case("localhost")
		|| name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>().is_ok()
}

/// Why a request is refused.
enum Refused {
	/// It is none.
	Garbage(codec::Error),
	/// The node is on another chain.
	OtherChain(String),
	/// The disk fails, most likely.
	NotNow(String),
	/// A thread of ours broke.
	Broken(String),
}

impl From<journal::Error> for Refused {
	fn from(error: journal::Error) -> Refused {
		match error {
			journal::Error::OtherGenesis { .. } => Refused::OtherChain(error.to_string()),
			_ => Refused::NotNow(error.to_string()),
		}
	}
}

impl From<agent::SyncError> for Refused {
	fn from(agent::SyncError::Journal(error): agent::SyncError) -> Refused {
		error.into()
	}
}

impl From<attest::SyncError> for Refused {
	fn from(attest::SyncError::Journal(error): attest::SyncError) -> Refused {
		error.into()
	}
}

async fn sync(State(worker): State<Worker>, body: Bytes) -> Response {
	let agent = worker.agent.clone();
	let answer = answer(&body, move |request: &SyncRequest<AccountId>| agent.sync(request)).await;
	if answer.is_ok() {
		worker.agent.off_chain_worker_called();
	}
	respond(&worker.agent, SYNC_PATH, answer)
}

async fn attest(State(worker): State<Worker>, body: Bytes) -> Response {
	let Worker { agent, attester, .. } = worker;
	let runner = agent.runner().clone();
	let sync = move |request: &AttestRequest<AccountId>| {
		let own = attester.worker();
		if let Some((_, view)) = request.workers.iter().find(|(worker, _)| *worker == own) {
			runner.learn_para(view.para);
		}
		attester.sync(request)
	};
	respond(&agent, ATTEST_PATH, answer(&body, sync).await)
}

/// Decodes a request, and answers it in a thread that may wait for the disk.
async fn answer<Q, A, E>(
	body: &[u8],
	sync: impl FnOnce(&Q) -> Result<A, E> + Send + 'static,
) -> Result<Vec<u8>, Refused>
where
	Q: Decode + Send + 'static,
	A: Encode + Send + 'static,
	E: Into<Refused> + Send + 'static,
{
	let request = Q::decode_all(&mut &*body).map_err(Refused::Garbage)?;
	let answer = tokio::task::spawn_blocking(move || sync(&request)).await;
	match answer {
		Ok(answer) => Ok(answer.map_err(Into::into)?.encode()),
		Err(error) => Err(Refused::Broken(error.to_string())),
	}
}

fn respond(agent: &Agent, path: &str, answer: Result<Vec<u8>, Refused>) -> Response {
	let (status, error) = match answer {
		Ok(body) => return ([(header::CONTENT_TYPE, CONTENT_TYPE)], body).into_response(),
		Err(Refused::Garbage(error)) => {
			let text = format!("this is no request of this version to {path}: {error}");
			(StatusCode::BAD_REQUEST, text)
		},
		Err(Refused::OtherChain(error)) => (StatusCode::CONFLICT, error),
		Err(Refused::NotNow(error)) => (StatusCode::SERVICE_UNAVAILABLE, error),
		Err(Refused::Broken(error)) => (StatusCode::INTERNAL_SERVER_ERROR, error),
	};
	agent.metrics().refused.inc();
	tracing::error!(path, "a request is refused: {error}");
	(status, format!("{error}\n")).into_response()
}

async fn show_status(State(worker): State<Worker>) -> Json<Status> {
	Json(Status::of(&worker.agent, &worker.attester))
}

async fn show_metrics(State(worker): State<Worker>) -> Response {
	match metrics::render(&worker.agent, &worker.attester, worker.mesh.as_ref()) {
		Ok(text) => {
			let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
			([(header::CONTENT_TYPE, kind)], text).into_response()
		},
		Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_tell_local_names_when_hosts_are_given() {
		for host in
			["localhost", "LOCALHOST:9650", "127.0.0.1:9650", "[::1]:9650", "[::1]", "10.0.0.1"]
		{
			assert!(is_local_name(host), "{host}");
		}
		for host in
			["", "evil.example", "evil.example:9650", "localhost.evil.example", "127.0.0.1.evil"]
		{
			assert!(!is_local_name(host), "{host}");
		}
	}
}
