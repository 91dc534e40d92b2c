//! The gateway: HTTP on loopback, where the node's off-chain worker calls, and the owner looks.
//!
//! `POST /v1/sync` (SCALE, see `io_primitives::gateway`), `GET /v1/status` (JSON), `GET /metrics` (Prometheus).
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
use codec::{DecodeAll, Encode};
use io_primitives::{
	AccountId,
	gateway::{CONTENT_TYPE, MAX_REQUEST_BYTES, SYNC_PATH, SyncRequest},
};

use crate::{
	agent::{Agent, SyncError},
	journal, metrics,
	status::{self, Status},
};

/// The gateway of an agent. With `any_host` it may be called by other names than `localhost` and addresses.
pub fn router(agent: Agent, any_host: bool) -> Router {
	Router::new()
		.route(SYNC_PATH, post(sync))
		.route(status::PATH, get(show_status))
		.route("/metrics", get(show_metrics))
		.layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
		.layer(middleware::from_fn(move |request, next| no_browsers(any_host, request, next)))
		.with_state(agent)
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

async fn sync(State(agent): State<Agent>, body: Bytes) -> Response {
	let request = match SyncRequest::<AccountId>::decode_all(&mut &body[..]) {
		Ok(request) => request,
		Err(error) => {
			agent.metrics().refused.inc();
			tracing::warn!(%error, bytes = body.len(), "a sync request does not decode");
			let text = format!("this is not a sync request of this version: {error}\n");
			return (StatusCode::BAD_REQUEST, text).into_response();
		},
	};
	let worker = agent.clone();
	let result = tokio::task::spawn_blocking(move || worker.sync(&request)).await;
	let (status, error) = match result {
		Ok(Ok(response)) => {
			agent.off_chain_worker_called();
			return ([(header::CONTENT_TYPE, CONTENT_TYPE)], response.encode()).into_response();
		},
		Ok(Err(error @ SyncError::Journal(journal::Error::OtherGenesis { .. }))) => {
			(StatusCode::CONFLICT, error.to_string())
		},
		Ok(Err(error)) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
		Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
	};
	agent.metrics().refused.inc();
	tracing::error!("sync refused: {error}");
	(status, format!("{error}\n")).into_response()
}

async fn show_status(State(agent): State<Agent>) -> Json<Status> {
	Json(Status::of(&agent))
}

async fn show_metrics(State(agent): State<Agent>) -> Response {
	match metrics::render(&agent) {
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
