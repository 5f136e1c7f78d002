//! The service under systemd, which hands it sockets and wants to be told.

use std::{
    net::TcpListener,
    os::{fd::OwnedFd, unix::net::UnixDatagram},
    process::{Command, Stdio},
    time::Duration,
};

use reqwest::StatusCode;
use tempfile::TempDir;

use crate::support::{BINARY, PATIENCE, Service, http};

/// What systemd would be told.
struct Systemd {
    _folder: TempDir,
    path: String,
    socket: UnixDatagram,
}

impl Systemd {
    fn listen() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify").to_str().unwrap().to_owned();
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            _folder: folder,
            path,
            socket,
        }
    }

    fn next(&self) -> String {
        let mut told = [0; 512];
        let length = self.socket.recv(&mut told).unwrap();
        String::from_utf8(told[..length].to_vec()).unwrap()
    }
}

#[tokio::test]
async fn it_is_told_when_the_service_is_ready_and_when_it_stops() {
    let systemd = Systemd::listen();
    let service = Service::with(&[("NOTIFY_SOCKET", &systemd.path)]).await;
    let told = systemd.next();
    assert!(told.lines().any(|line| line == "READY=1"), "{told}");
    assert!(told.lines().any(|line| line == "STATUS=serving"), "{told}");
    assert_eq!(service.stop().await.code, Some(0));
    let told = systemd.next();
    assert!(told.lines().any(|line| line == "STOPPING=1"), "{told}");
}

#[tokio::test]
async fn its_watchdog_is_answered_twice_in_each_period() {
    let systemd = Systemd::listen();
    let service = Service::with(&[
        ("NOTIFY_SOCKET", &systemd.path),
        ("WATCHDOG_USEC", "200000"),
    ])
    .await;
    assert!(systemd.next().contains("READY=1"));
    for _ in 0..5 {
        systemd
            .socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        assert_eq!(systemd.next().trim(), "WATCHDOG=1");
    }
    drop(service);
}

/// Starts the service with this socket as descriptor 3, as systemd does.
fn activate(socket: TcpListener, name: &str) -> Command {
    // The variables must name the process itself, and a descriptor goes on as stdin.
    let script = "exec 3<&0 0</dev/null; LISTEN_PID=$$ exec \"$0\" serve";
    let mut command = Command::new("sh");
    command
        .args(["-c", script, BINARY])
        .env("LISTEN_FDS", "1")
        .env("LISTEN_FDNAMES", name)
        .stdin(Stdio::from(OwnedFd::from(socket)));
    command
}

#[tokio::test]
async fn a_socket_that_is_handed_over_is_served_and_its_backlog_with_it() {
    for name in ["public", "whatever.socket"] {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let early = http().get(format!("http://{address}/api/v1/items"));
        // It connects before there is a service.
        let early = tokio::spawn(early.send());
        let service = Service::launch(activate(socket, name), &[]).await;
        assert_eq!(service.public, address, "{name}");
        assert_eq!(
            early.await.unwrap().unwrap().status(),
            StatusCode::UNAUTHORIZED
        );
        assert_eq!(service.stop().await.code, Some(0));
    }
}

#[tokio::test]
async fn a_socket_by_the_name_of_the_private_listener_is_that_ones() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let service = Service::launch(activate(socket, "operations"), &[]).await;
    assert_eq!(service.operations, address);
    assert_ne!(service.public, address);
    assert_eq!(service.probe("/readyz").await, StatusCode::OK);
}
