//! The service on a port of this machine: its list, and what goes wrong at which request.

use crate::list::List;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// What goes wrong with an answer.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Another status, with a header line, or none.
    Status(u16, &'static str),
    /// A body in place of the list's.
    Body(&'static str),
    /// The head promises all, and half of the body comes.
    Half,
    /// The head is right, and the JSON ends in the middle.
    HalfJson,
    /// The connection closes without a word.
    Gone,
}

/// What happens at a request, before it is answered.
type Hook = Box<dyn FnMut(usize, &mut List) + Send>;

#[derive(Default)]
struct Shared {
    list: List,
    faults: BTreeMap<usize, Fault>,
    hook: Option<Hook>,
    asked: Vec<BTreeMap<String, String>>,
}

/// A running service. Requests are counted from 1.
pub(crate) struct Server {
    shared: Arc<Mutex<Shared>>,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start(list: List) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/go/ythip/getPlcy", listener.local_addr().unwrap());
        let shared = Arc::new(Mutex::new(Shared { list, ..Shared::default() }));
        let served = Arc::clone(&shared);
        // It ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let served = Arc::clone(&served);
                std::thread::spawn(move || serve(stream.unwrap(), &served));
            }
        });
        Self { shared, url }
    }

    fn with<T>(&self, then: impl FnOnce(&mut Shared) -> T) -> T {
        then(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut List)) {
        self.with(|shared| change(&mut shared.list));
    }

    /// At the nth request from now.
    pub(crate) fn fault(&self, nth: usize, fault: Fault) {
        self.with(|shared| shared.faults.insert(shared.asked.len() + nth, fault));
    }

    /// At each request, told its number from now.
    pub(crate) fn at_each(&self, mut hook: impl FnMut(usize, &mut List) + Send + 'static) {
        self.with(|shared| {
            let before = shared.asked.len();
            shared.hook = Some(Box::new(move |number, list| hook(number - before, list)));
        });
    }

    /// Parameters of each request.
    pub(crate) fn asked(&self) -> Vec<BTreeMap<String, String>> {
        self.with(|shared| shared.asked.clone())
    }
}

fn serve(mut stream: TcpStream, shared: &Mutex<Shared>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let asked = parameters(line.split_whitespace().nth(1).unwrap_or_default());
        while line.trim_end() != "" {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
        }
        let (answer, fault) = {
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            shared.asked.push(asked.clone());
            let number = shared.asked.len();
            if let Some(mut hook) = shared.hook.take() {
                hook(number, &mut shared.list);
                shared.hook = Some(hook);
            }
            (shared.list.answer(&asked), shared.faults.remove(&number))
        };
        let head = |status: u16, header: &str, bytes: usize| {
            format!("HTTP/1.1 {status} X\r\nContent-Length: {bytes}\r\n{header}\r\n")
        };
        let whole = |status: u16, header: &str, body: &str| {
            [head(status, header, body.len()).as_bytes(), body.as_bytes()].concat()
        };
        // In the middle of the bytes, which may be in the middle of a letter.
        let half = &answer.as_bytes()[..answer.len() / 2];
        let (bytes, goes_on) = match fault {
            None => (whole(200, "", &answer), true),
            Some(Fault::Status(status, header)) => (whole(status, header, "busy"), true),
            Some(Fault::Body(body)) => (whole(200, "", body), true),
            Some(Fault::Half) => ([head(200, "", answer.len()).as_bytes(), half].concat(), false),
            Some(Fault::HalfJson) => ([head(200, "", half.len()).as_bytes(), half].concat(), true),
            Some(Fault::Gone) => (Vec::new(), false),
        };
        if stream.write_all(&bytes).is_err() || !goes_on {
            return;
        }
    }
}

fn parameters(target: &str) -> BTreeMap<String, String> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    query.split('&').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect()
}
