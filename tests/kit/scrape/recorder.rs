//! A proxy that takes down what passes.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What went one way on one connection.
type Stream = Arc<Mutex<Vec<u8>>>;

/// A proxy on a loopback port.
pub struct Recorder {
    port: u16,
    /// Requests and answers of each connection.
    connections: Arc<Mutex<Vec<(Stream, Stream)>>>,
}

impl Recorder {
    /// Starts a proxy to this address, such as `127.0.0.1:8851`.
    pub fn start(to: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let recorder = Self { port: listener.local_addr().unwrap().port(), connections: Arc::default() };
        let (to, connections) = (to.to_owned(), recorder.connections.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(&to) else { continue };
                let (up, down) = (Stream::default(), Stream::default());
                connections.lock().unwrap().push((up.clone(), down.clone()));
                let (from, back) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || copy(from, server, &up));
                std::thread::spawn(move || copy(back, client, &down));
            }
        });
        recorder
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Requests and answers of each connection.
    pub fn streams(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let connections = self.connections.lock().unwrap();
        connections
            .iter()
            .map(|(up, down)| (up.lock().unwrap().clone(), down.lock().unwrap().clone()))
            .collect()
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, record: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        record.lock().unwrap().extend_from_slice(&buffer[..read]);
        if to.write_all(&buffer[..read]).is_err() {
            // The other side has hung up, and so do we.
            let _ = from.shutdown(Shutdown::Both);
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
