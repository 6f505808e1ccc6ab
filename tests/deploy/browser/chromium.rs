//! The browser's process. It speaks the DevTools protocol over two pipes: JSON messages that end in a zero byte.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::stack::find;

/// Longest time for an answer of the browser.
const PATIENCE: Duration = Duration::from_secs(60);

/// One browser for all tests of this process, each in a context of its own. It ends when its pipes close, and so with the process.
pub static CHROMIUM: LazyLock<Chromium> = LazyLock::new(Chromium::start);

/// What the browser tells of itself: a session, the event's name and what belongs to it.
#[derive(Clone)]
pub struct Event {
    pub session: String,
    pub method: String,
    pub params: Value,
}

#[derive(Default)]
struct Heard {
    answers: HashMap<u64, Value>,
    events: Vec<Event>,
    over: bool,
}

/// A running browser.
pub struct Chromium {
    _process: Child,
    input: Mutex<(ChildStdin, u64)>,
    heard: Arc<(Mutex<Heard>, Condvar)>,
}

impl Chromium {
    fn start() -> Self {
        let program = find("chromium-headless-shell", &["/usr/bin", "/usr/lib/chromium"]);
        // The browser reads from its stream 3 and writes to 4.
        let mut process = Command::new("sh")
            .args(["-c", r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#, "sh"])
            .arg(program)
            .args(["--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--hide-scrollbars", "--lang=en-GB", "about:blank"])
            .env("TZ", "Europe/Berlin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let heard = Arc::new((Mutex::new(Heard::default()), Condvar::new()));
        let shared = heard.clone();
        std::thread::spawn(move || {
            for message in BufReader::new(output).split(0) {
                let Ok(message) = message else { break };
                shared.0.lock().unwrap().take(serde_json::from_slice(&message).unwrap());
                shared.1.notify_all();
            }
            shared.0.lock().unwrap().over = true;
            shared.1.notify_all();
        });
        Self { _process: process, input: Mutex::new((input, 0)), heard }
    }

    /// Calls a method and waits for its answer.
    ///
    /// # Panics
    /// The browser refuses, or is gone.
    pub fn call(&self, session: &str, method: &str, params: Value) -> Value {
        let mut message = json!({"method": method, "params": params});
        if !session.is_empty() {
            message["sessionId"] = session.into();
        }
        let id = {
            let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
            input.1 += 1;
            message["id"] = input.1.into();
            write!(input.0, "{message}\0").unwrap();
            input.0.flush().unwrap();
            input.1
        };
        let start = Instant::now();
        let mut heard = self.heard.0.lock().unwrap();
        loop {
            if let Some(mut answer) = heard.answers.remove(&id) {
                assert!(answer.get("error").is_none(), "{method}: {}", answer["error"]);
                return answer["result"].take();
            }
            assert!(!heard.over, "the browser is gone");
            assert!(start.elapsed() < PATIENCE, "the browser doesn't answer {method}");
            heard = self.heard.1.wait_timeout(heard, Duration::from_secs(1)).unwrap().0;
        }
    }

    /// What a session has told so far.
    pub fn events(&self, session: &str) -> Vec<Event> {
        let heard = self.heard.0.lock().unwrap();
        heard.events.iter().filter(|event| event.session == session).cloned().collect()
    }
}

impl Heard {
    fn take(&mut self, mut message: Value) {
        if let Some(id) = message["id"].as_u64() {
            self.answers.insert(id, message);
        } else {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (session, method) = (text(&message["sessionId"]), text(&message["method"]));
            self.events.push(Event { session, method, params: message["params"].take() });
        }
    }
}
