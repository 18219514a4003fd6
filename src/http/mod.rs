//! Health and metrics over HTTP: `/livez` says that the process runs and never depends on Kafka, `/readyz` says for what
//! it waits, `/metrics` is for Prometheus.

use crate::runtime::{Runtime, Status};
use crate::telemetry::Metrics;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::net::SocketAddr;
use std::sync::Arc;

/// What the pages show.
#[derive(Clone)]
struct Shown {
    status: Arc<dyn Fn() -> Status + Send + Sync>,
    metrics: Metrics,
}

/// A server on a thread of its own; ends when dropped.
pub struct Server {
    /// Where it listens: the port that was chosen, if the configuration left it open.
    pub address: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be used.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
}

/// An address that is taken, before anything else begins: one that is in use is a mistake to be told of first.
pub struct Socket {
    listener: std::net::TcpListener,
    address: SocketAddr,
}

impl Socket {
    /// Takes the address.
    pub fn bind(address: SocketAddr) -> Result<Self, Error> {
        let failed = |error| Error::Listen { address, error };
        let listener = std::net::TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }
}

impl Server {
    /// Serves a runtime's health and metrics.
    pub fn start(socket: Socket, runtime: &Runtime) -> Result<Self, Error> {
        let handle = runtime.handle();
        Self::serve(socket, Arc::new(move || handle.status()), runtime.metrics().clone())
    }

    fn serve(
        Socket { listener, address }: Socket,
        status: Arc<dyn Fn() -> Status + Send + Sync>,
        metrics: Metrics,
    ) -> Result<Self, Error> {
        let failed = |error| Error::Listen { address, error };
        let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let router = router(Shown { status, metrics });
        let thread = std::thread::Builder::new()
            .name(String::from("http"))
            .spawn(move || {
                let served = executor.block_on(async {
                    let listener = tokio::net::TcpListener::from_std(listener)?;
                    // A dropped sender stops the server as well as a sent word.
                    let until = async { drop(stopped.await) };
                    axum::serve(listener, router).with_graceful_shutdown(until).await
                });
                if let Err(error) = served {
                    tracing::error!(%error, "the HTTP server ended");
                }
            })
            .map_err(failed)?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the HTTP thread panicked");
        }
    }
}

fn router(shown: Shown) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(shown)
}

async fn ready(State(shown): State<Shown>) -> Response {
    let status = (shown.status)();
    let code = if status.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, axum::Json(status.to_json())).into_response()
}

async fn metrics(State(shown): State<Shown>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, shown.metrics.render()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    fn fetch(address: SocketAddr, path: &str) -> String {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn a_process_that_waits_is_alive_and_says_for_what_it_waits() {
        let status = Status { waiting: vec![String::from("broker not reachable: x")], ..Status::default() };
        let server = Server::serve(
            Socket::bind("127.0.0.1:0".parse().unwrap()).unwrap(),
            Arc::new(move || status.clone()),
            Metrics::new(),
        )
        .unwrap();
        assert!(fetch(server.address, "/livez").starts_with("HTTP/1.1 200"));
        let ready = fetch(server.address, "/readyz");
        assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("broker not reachable: x"), "{ready}");
        assert!(fetch(server.address, "/metrics").starts_with("HTTP/1.1 200"));
    }

    #[test]
    fn a_ready_process_says_so_and_frees_its_port_when_it_ends() {
        let status = Arc::new(Status::default);
        let server =
            Server::serve(Socket::bind("127.0.0.1:0".parse().unwrap()).unwrap(), status, Metrics::new())
                .unwrap();
        let address = server.address;
        assert!(fetch(address, "/readyz").starts_with("HTTP/1.1 200"));
        drop(server);
        assert!(std::net::TcpListener::bind(address).is_ok());
    }
}
