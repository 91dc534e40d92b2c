//! Where the tests' programs and inputs can be fetched, and sources that misbehave.

use std::{
	collections::HashMap,
	sync::{Arc, Mutex, PoisonError},
	time::Duration,
};

use anyhow::Result;
use axum::{
	Router,
	body::{Body, Bytes},
	extract::{Path, State},
	http::StatusCode,
	response::{IntoResponse, Response},
	routing::get,
};
use futures::StreamExt;

type Files = Arc<Mutex<HashMap<String, Bytes>>>;

/// A small HTTP server on a free port.
pub struct FileServer {
	files: Files,
	url: String,
	task: tokio::task::JoinHandle<()>,
}

impl FileServer {
	/// Starts it.
	pub async fn start() -> Result<FileServer> {
		let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
		let url = format!("http://{}", listener.local_addr()?);
		let files = Files::default();
		let router = Router::new()
			.route("/file/{name}", get(file))
			.route("/slow/{name}", get(slow))
			.route("/stall/{name}", get(stall))
			.with_state(files.clone());
		let task = tokio::spawn(async move {
			// The task is aborted when the server is dropped; an error of a connection does not end it.
			let _ = axum::serve(listener, router).await;
		});
		Ok(FileServer { files, url, task })
	}

	/// Offers a file; returns its URL.
	pub fn add(&self, name: &str, content: impl Into<Bytes>) -> String {
		self.lock().insert(name.into(), content.into());
		format!("{}/file/{name}", self.url)
	}

	/// URL of a file that comes in two halves, with a pause between them.
	pub fn slow(&self, name: &str) -> String {
		format!("{}/slow/{name}", self.url)
	}

	/// URL of a file that sends its first half and then nothing.
	pub fn stalling(&self, name: &str) -> String {
		format!("{}/stall/{name}", self.url)
	}

	fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Bytes>> {
		self.files.lock().unwrap_or_else(PoisonError::into_inner)
	}
}

impl Drop for FileServer {
	fn drop(&mut self) {
		self.task.abort();
	}
}

fn find(files: &Files, name: &str) -> Option<Bytes> {
	files.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
}

async fn file(State(files): State<Files>, Path(name): Path<String>) -> Response {
	match find(&files, &name) {
		Some(content) => content.into_response(),
		None => StatusCode::NOT_FOUND.into_response(),
	}
}

async fn slow(State(files): State<Files>, Path(name): Path<String>) -> Response {
	in_halves(&files, &name, Duration::from_millis(1_500), true)
}

async fn stall(State(files): State<Files>, Path(name): Path<String>) -> Response {
	in_halves(&files, &name, Duration::from_secs(600), false)
}

fn in_halves(files: &Files, name: &str, pause: Duration, complete: bool) -> Response {
	let Some(content) = find(files, name) else { return StatusCode::NOT_FOUND.into_response() };
	let first = content.slice(..content.len() / 2);
	let second = if complete { content.slice(content.len() / 2..) } else { Bytes::new() };
	let stream = futures::stream::once(async move { Ok::<_, std::io::Error>(first) }).chain(
		futures::stream::once(async move {
			tokio::time::sleep(pause).await;
			Ok(second)
		}),
	);
	Response::new(Body::from_stream(stream))
}
