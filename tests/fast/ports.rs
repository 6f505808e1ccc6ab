//! The free ports that tests give their services.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};

use crate::stack::{free_ports, wait_until};

#[test]
fn a_free_port_is_given_to_nobody_else_and_can_be_listened_on() {
    // So many that one would be met by chance, were they not kept.
    let ours = free_ports(200);
    for _ in 0..4000 {
        let other = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        assert!(!ours.contains(&other), "{other} was given to somebody else");
    }
    assert_eq!(ours.iter().collect::<HashSet<_>>().len(), 200);
    let refused = |port: u16| {
        TcpStream::connect(("127.0.0.1", port))
            .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    };
    for port in ours {
        assert!(refused(port), "nobody listens on {port} yet");
        for _ in 0..2 {
            let server = TcpListener::bind(("127.0.0.1", port)).unwrap();
            TcpStream::connect(("127.0.0.1", port)).unwrap();
            drop(server);
            // A process that another test starts in this moment has the socket, too, until it is a program of its own.
            wait_until("its end", || refused(port));
        }
    }
}
