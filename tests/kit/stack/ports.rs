//! Free loopback ports that nobody else is given.

use std::sync::{Mutex, PoisonError};

use tokio::net::TcpSocket;

/// The sockets that keep the ports, for as long as this process lives.
///
/// They are bound and never listen. On Linux another socket may listen on such a port if both have SO_REUSEADDR, and servers set it:
/// ours, PostgreSQL, Redis, nginx, and whatever is written in Go. Nobody who asks for some port is given this one, and no outgoing
/// connection starts from it. Whoever connects before somebody listens is refused at once.
static KEPT: Mutex<Vec<TcpSocket>> = Mutex::new(Vec::new());

/// A loopback port that stays free for whoever is told its number.
pub fn free_port() -> u16 {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let port = socket.local_addr().unwrap().port();
    KEPT.lock().unwrap_or_else(PoisonError::into_inner).push(socket);
    port
}

/// Several such ports, all different.
pub fn free_ports(count: usize) -> Vec<u16> {
    (0..count).map(|_| free_port()).collect()
}
