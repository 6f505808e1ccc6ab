//! A TCP proxy that does harm when told to.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the proxy does to connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Fault {
    /// Nothing.
    None = 0,
    /// Closes them at once.
    Cut = 1,
    /// Answers each with 503, as an overloaded S3 does.
    Busy = 2,
    /// Cuts them after a few kilobytes.
    CutLate = 3,
}

/// A proxy on a loopback port.
pub struct Proxy {
    port: u16,
    fault: Arc<AtomicU8>,
    injected: Arc<AtomicU64>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

/// Bytes that pass before a late cut.
const LATE: u64 = 10_000;

impl Proxy {
    /// Starts a proxy to a loopback port.
    pub fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            fault: Arc::default(),
            injected: Arc::default(),
            open: Arc::default(),
        };
        let (fault, injected, open) = (proxy.fault.clone(), proxy.injected.clone(), proxy.open.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (fault, injected, open) = (fault.clone(), injected.clone(), open.clone());
                // A connection that fails is what this is about.
                std::thread::spawn(move || {
                    let _ = pass(client, to, &fault, &injected, &open);
                });
            }
        });
        proxy
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Does this from now on, to open connections as well.
    pub fn set(&self, fault: Fault) {
        self.fault.store(fault as u8, Ordering::SeqCst);
        if fault != Fault::None {
            for stream in self.open.lock().unwrap().drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }

    /// How many connections it has harmed since it was started.
    pub fn injected(&self) -> u64 {
        self.injected.load(Ordering::SeqCst)
    }
}

fn pass(
    mut client: TcpStream,
    to: u16,
    fault: &AtomicU8,
    injected: &AtomicU64,
    open: &Mutex<Vec<TcpStream>>,
) -> std::io::Result<()> {
    let now = fault.load(Ordering::SeqCst);
    if now != Fault::None as u8 {
        injected.fetch_add(1, Ordering::SeqCst);
    }
    if now == Fault::Cut as u8 {
        return client.shutdown(Shutdown::Both);
    }
    if now == Fault::Busy as u8 {
        client.set_read_timeout(Some(Duration::from_millis(200)))?;
        let mut request = [0; 4096];
        let _ = client.read(&mut request);
        client.write_all(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
        return client.shutdown(Shutdown::Both);
    }
    let limit = if now == Fault::CutLate as u8 { LATE } else { u64::MAX };
    let server = TcpStream::connect(("127.0.0.1", to))?;
    {
        let mut open = open.lock().unwrap();
        open.retain(|stream| stream.peer_addr().is_ok());
        open.push(client.try_clone()?);
    }
    let (up_from, up_to) = (client.try_clone()?, server.try_clone()?);
    let up = std::thread::spawn(move || copy(up_from, up_to, limit));
    copy(server, client, limit);
    let _ = up.join();
    Ok(())
}

/// Copies until the end, or until so many bytes have passed; then nothing passes in either direction.
fn copy(mut from: TcpStream, mut to: TcpStream, limit: u64) {
    let mut buffer = [0; 64 << 10];
    let mut passed = 0;
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        passed += read as u64;
        if passed > limit || to.write_all(&buffer[..read]).is_err() {
            let _ = from.shutdown(Shutdown::Both);
            break;
        }
    }
    let _ = to.shutdown(if passed > limit { Shutdown::Both } else { Shutdown::Write });
}
