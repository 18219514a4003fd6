//! One HTTP request, by ureq. Redirects are not followed, and no error repeats the address: it carries the key.

use super::asking::{Ask, Raw};
use super::source::{Source, is_safe};
use super::trouble::{Kind, Trouble};
use crate::types::StreamTime;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use ureq::Agent;
use ureq::http::HeaderMap;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// No page is as large.
const LARGEST_ANSWER_BYTES: u64 = 64 << 20;

/// Asks a source over the network.
pub struct Http {
    agent: Agent,
    url: String,
    /// Parameters of every request.
    parameters: Vec<(String, String)>,
    key: Option<Key>,
}

struct Key {
    parameter: String,
    value: String,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Http {
    /// For a source, with its key. `url` stands in for the source's own, `roots` (PEM) for the certificates of Mozilla.
    pub fn new(
        source: &Source,
        key: Option<String>,
        url: Option<&str>,
        roots: Option<&[u8]>,
    ) -> Result<Self, String> {
        let url = url.unwrap_or(&source.request.url).to_owned();
        if !is_safe(&url) {
            return Err(format!(
                "{url:?} is no address of a source: write https://HOST/PATH without parameters"
            ));
        }
        let roots = match roots {
            Some(pem) => RootCerts::new_with_certs(&certificates(pem)?),
            None => RootCerts::WebPki,
        };
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(source.request.timeout))
            .user_agent(concat!("ieum/", env!("CARGO_PKG_VERSION")))
            .accept("application/json")
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build()
            .new_agent();
        let key = source.request.key.as_ref().zip(key);
        let key = key.map(|((parameter, _), value)| Key { parameter: parameter.clone(), value });
        Ok(Self { agent, url, parameters: source.request.parameters.clone(), key })
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, String> {
    let mut found = Vec::new();
    for item in parse_pem(pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(_) => return Err(String::from("the file of certificates is no PEM")),
        }
    }
    if found.is_empty() { Err(String::from("the file of certificates has none")) } else { Ok(found) }
}

impl Ask for Http {
    fn ask(&mut self, parameters: &[(&str, &str)]) -> Result<Raw, Trouble> {
        let mut request = self.agent.get(&self.url);
        for (name, value) in &self.parameters {
            request = request.query(name, value);
        }
        for (name, value) in parameters {
            request = request.query(name, value);
        }
        if let Some(key) = &self.key {
            request = request.query(&key.parameter, &key.value);
        }
        let mut answer = request.call().map_err(|error| trouble(&error))?;
        let retry_after = retry_after(answer.headers(), SystemTime::now());
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(LARGEST_ANSWER_BYTES).read_to_vec();
        let mut body = body.map_err(|error| match error {
            ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Trouble::new(Kind::NotJson, "its answer ends in the middle")
            }
            other => trouble(&other),
        })?;
        if let Some(key) = &self.key {
            strike_out(&mut body, key.value.as_bytes());
        }
        Ok(Raw { status, retry_after, body })
    }
}

/// What an error means. Its own text is not repeated: some have the address in it.
fn trouble(error: &ureq::Error) -> Trouble {
    let (kind, told) = match error {
        // rustls reports through the stream. Its words name certificates and versions, never the address.
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            let why =
                error.get_ref().map_or_else(|| String::from("its bytes are no TLS"), ToString::to_string);
            (Kind::Unreachable, format!("no encrypted connection: {why}"))
        }
        ureq::Error::Io(error) => (Kind::Unreachable, format!("no connection: {}", error.kind())),
        ureq::Error::Timeout(what) => (Kind::Unreachable, format!("no answer in time ({what})")),
        ureq::Error::HostNotFound => (Kind::Unreachable, String::from("its name has no address")),
        ureq::Error::ConnectionFailed => (Kind::Unreachable, String::from("no connection")),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => (
            Kind::Unreachable,
            String::from("no encrypted connection: its certificate is not accepted, or it speaks no TLS 1.2"),
        ),
        ureq::Error::BodyExceedsLimit(limit) => {
            (Kind::Refused, format!("its answer has more than {limit} bytes"))
        }
        ureq::Error::Protocol(_) => {
            (Kind::NotJson, String::from("its answer is no HTTP, or ends in the middle"))
        }
        _ => (Kind::Unreachable, String::from("the request failed")),
    };
    Trouble::new(kind, told)
}

/// Seconds or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    let now = now.duration_since(UNIX_EPOCH).ok()?;
    let left = StreamTime(at.timestamp_millis()).0 - i64::try_from(now.as_millis()).ok()?;
    Some(Duration::from_millis(u64::try_from(left).unwrap_or(0)))
}

/// Replaces a secret by as many asterisks.
fn strike_out(body: &mut [u8], secret: &[u8]) {
    if secret.is_empty() {
        return;
    }
    let mut from = 0;
    while let Some(at) = body[from..].windows(secret.len()).position(|window| window == secret) {
        body[from + at..from + at + secret.len()].fill(b'*');
        from += at + secret.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_struck_out_wherever_it_stands() {
        for (body, expected) in
            [("key=abc&x, abcabc", "key=***&x, ******"), ("ab", "ab"), ("abc", "***"), ("", "")]
        {
            let mut bytes = body.as_bytes().to_vec();
            strike_out(&mut bytes, b"abc");
            assert_eq!(bytes, expected.as_bytes());
        }
    }

    #[test]
    fn a_wait_is_told_in_seconds_or_as_a_date() {
        let now = UNIX_EPOCH + Duration::from_secs(1_445_412_475);
        for (text, seconds) in [
            ("120", Some(120)),
            ("Wed, 21 Oct 2015 07:28:00 GMT", Some(5)),
            ("Wed, 21 Oct 2015 07:27:00 GMT", Some(0)),
            ("soon", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", text.parse().unwrap());
            assert_eq!(retry_after(&headers, now).map(|wait| wait.as_secs()), seconds, "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
