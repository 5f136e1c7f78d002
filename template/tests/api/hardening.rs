//! What the process has given up, as the kernel tells it.

use std::fs;

use crate::support::Service;

#[tokio::test]
async fn every_thread_has_given_up_what_the_log_says() {
    let service = Service::start().await;
    service.create("lamp").await;
    let line = service.log_line(|line| line["message"] == "hardened").await;
    println!("{line}");
    assert_eq!(line["seccomp"], "enforced");
    let threads = fs::read_dir(format!("/proc/{}/task", service.id())).unwrap();
    let threads: Vec<_> = threads.map(|thread| thread.unwrap().path()).collect();
    assert!(threads.len() > 1);
    for thread in threads {
        let status = fs::read_to_string(thread.join("status")).unwrap();
        assert!(status.contains("NoNewPrivs:\t1\n"), "{status}");
        assert!(status.contains("Seccomp:\t2\n"), "{status}");
    }
}
