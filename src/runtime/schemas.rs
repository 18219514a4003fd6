//! Schemas of registry ids: asked of a schema registry over HTTP, or read from a folder of exported ones.

use crate::config::{RegistryAddress, Schemas};
use crate::contracts::{FixedSchemas, SchemaSource, SchemaUnavailable};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longest wait for a connection, and then for the whole answer. The lane that asks waits as long.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long an id counts as unknown: a schema may be registered a moment after its first record, or the server that was
/// asked may not have it yet.
const UNKNOWN_FOR: Duration = Duration::from_secs(30);
/// Unknown ids that are remembered. Poison may name any.
const UNKNOWN: usize = 1_024;
/// No schema is as large.
const LARGEST_ANSWER_BYTES: usize = 4 << 20;

/// What the configuration names; none where it names nothing. An error says which file cannot be read.
pub fn schema_source(schemas: &Schemas) -> Result<Option<Arc<dyn SchemaSource>>, String> {
    if let Some(dir) = &schemas.dir {
        return Ok(Some(Arc::new(folder(dir)?)));
    }
    let registry = schemas.registry.clone().map(|address| Registry {
        address,
        unknown_for: UNKNOWN_FOR,
        known: Mutex::default(),
    });
    Ok(registry.map(|registry| Arc::new(registry) as Arc<dyn SchemaSource>))
}

/// `<id>.avsc` for each id.
fn folder(dir: &std::path::Path) -> Result<FixedSchemas, String> {
    let failed = |path: &std::path::Path, error: std::io::Error| format!("{}: {error}", path.display());
    let mut schemas = BTreeMap::new();
    for entry in std::fs::read_dir(dir).map_err(|error| failed(dir, error))? {
        let path = entry.map_err(|error| failed(dir, error))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(id) = name.strip_suffix(".avsc").and_then(|id| id.parse().ok()) else { continue };
        schemas.insert(id, std::fs::read_to_string(&path).map_err(|error| failed(&path, error))?);
    }
    Ok(FixedSchemas(schemas))
}

/// A registry that speaks Confluent's protocol. An id never changes its schema, so what it answered once is kept.
#[derive(Debug)]
struct Registry {
    address: RegistryAddress,
    unknown_for: Duration,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    schemas: BTreeMap<u32, String>,
    /// When an id was said to be unknown.
    unknown: BTreeMap<u32, Instant>,
}

impl SchemaSource for Registry {
    fn schema(&self, _topic: &str, id: u32) -> Result<Option<String>, SchemaUnavailable> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(schema) = known().schemas.get(&id) {
            return Ok(Some(schema.clone()));
        }
        if known().unknown.get(&id).is_some_and(|at| at.elapsed() < self.unknown_for) {
            return Ok(None);
        }
        let asked = self.ask(id).map_err(SchemaUnavailable)?;
        let mut known = known();
        match &asked {
            Some(schema) => {
                known.unknown.remove(&id);
                known.schemas.insert(id, schema.clone());
            }
            None => {
                if known.unknown.len() >= UNKNOWN {
                    known.unknown.clear();
                }
                known.unknown.insert(id, Instant::now());
            }
        }
        Ok(asked)
    }
}

impl Registry {
    fn ask(&self, id: u32) -> Result<Option<String>, String> {
        let answer = self.fetch(id).map_err(|error| error.to_string())?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("its answer is no HTTP")?;
        match head.split_whitespace().nth(1) {
            Some("200") => {
                let json: serde_json::Value =
                    serde_json::from_str(body.trim()).map_err(|_| "its answer is no JSON")?;
                let schema = json.get("schema").and_then(serde_json::Value::as_str);
                Ok(Some(schema.ok_or("its answer has no schema")?.to_owned()))
            }
            Some("404") => Ok(None),
            status => Err(format!("it answers {}", status.unwrap_or("nothing"))),
        }
    }

    /// HTTP/1.0: one question, one answer until the end of the connection.
    fn fetch(&self, id: u32) -> std::io::Result<String> {
        let RegistryAddress { host, port, path } = &self.address;
        let mut last = std::io::Error::other("its name has no address");
        for address in (host.as_str(), *port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(mut stream) => {
                    stream.set_write_timeout(Some(PATIENCE))?;
                    write!(
                        stream,
                        "GET {path}/schemas/ids/{id} HTTP/1.0\r\nHost: {host}:{port}\r\nAccept: \
                         application/vnd.schemaregistry.v1+json, application/json\r\n\r\n"
                    )?;
                    return whole(&mut stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// Reads to the end of the connection, or of the patience.
fn whole(stream: &mut TcpStream) -> std::io::Result<String> {
    let (deadline, mut answer, mut part) = (Instant::now() + PATIENCE, Vec::new(), vec![0; 64 << 10]);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(std::io::Error::new(ErrorKind::TimedOut, "its answer has no end"));
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut part)? {
            0 => return String::from_utf8(answer).map_err(std::io::Error::other),
            _ if answer.len() > LARGEST_ANSWER_BYTES => {
                return Err(std::io::Error::other("its answer is larger than any schema"));
            }
            read => answer.extend_from_slice(&part[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    /// Answers so many questions: id 7 has a schema, 8 is unknown, 9 fails.
    fn registry(questions: usize, unknown_for: Duration) -> (Registry, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = RegistryAddress {
            host: String::from("127.0.0.1"),
            port: listener.local_addr().unwrap().port(),
            path: String::from("/apis"),
        };
        let asked = std::thread::spawn(move || {
            let answer = |stream: &mut TcpStream| {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let first = lines.next().unwrap();
                lines.find(String::is_empty).unwrap();
                let (status, body) = match &first {
                    first if first.contains("/7 ") => ("200 OK", r#"{"schema":"\"string\""}"#),
                    first if first.contains("/8 ") => ("404 Not Found", "{}"),
                    _ => ("500 Internal Server Error", "{}"),
                };
                write!(stream, "HTTP/1.0 {status}\r\nContent-Type: application/json\r\n\r\n{body}").unwrap();
                first
            };
            (0..questions).map(|_| answer(&mut listener.accept().unwrap().0)).collect()
        });
        (Registry { address, unknown_for, known: Mutex::default() }, asked)
    }

    #[test]
    fn a_registry_is_asked_once_for_what_it_knows_and_again_where_it_failed() {
        let (registry, asked) = registry(4, Duration::MAX);
        for _ in 0..2 {
            assert_eq!(registry.schema("t", 7), Ok(Some(String::from("\"string\""))));
            assert_eq!(registry.schema("t", 8), Ok(None));
            assert!(registry.schema("t", 9).is_err());
        }
        let asked = asked.join().unwrap();
        assert!(asked[0].starts_with("GET /apis/schemas/ids/7 HTTP/1.0"), "{asked:?}");
        // It is gone: what it said before still holds, what it did not say can not be had now.
        assert!(registry.schema("t", 7).is_ok() && registry.schema("t", 10).is_err());
    }

    #[test]
    fn what_was_unknown_is_asked_for_again_by_and_by() {
        let (registry, asked) = registry(2, Duration::ZERO);
        assert_eq!([registry.schema("t", 8), registry.schema("t", 8)], [Ok(None), Ok(None)]);
        assert_eq!(asked.join().unwrap().len(), 2);
    }

    #[test]
    fn a_folder_has_a_schema_for_each_id() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("12.avsc"), "\"int\"").unwrap();
        std::fs::write(dir.path().join("README"), "").unwrap();
        let source =
            schema_source(&Schemas { registry: None, dir: Some(dir.path().to_owned()) }).unwrap().unwrap();
        assert_eq!(source.schema("t", 12), Ok(Some(String::from("\"int\""))));
        assert_eq!(source.schema("t", 13), Ok(None));
        assert!(schema_source(&Schemas { registry: None, dir: Some(dir.path().join("none")) }).is_err());
    }
}
