//! The threads of the process.

use crate::support::Service;

#[tokio::test]
async fn the_runtime_has_as_many_workers_as_it_is_told() {
    let service = Service::with(&[("APP_RUNTIME__WORKER_THREADS", "3")]).await;
    let metrics = service.metrics().await;
    assert!(metrics.contains("\ntokio_runtime_workers 3\n"), "{metrics}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn threads_have_names() {
    let service = Service::with(&[("APP_RUNTIME__WORKER_THREADS", "3")]).await;
    let names = service.thread_names();
    let called = |name: &str| names.iter().filter(|n| *n == name).count();
    assert!(called("runtime") >= 3, "{names:?}");
    assert!(called("telemetry") >= 1, "{names:?}");
}

/// By affinity and by the cgroup's quota, which hold for this test as for the service.
#[tokio::test]
async fn without_a_setting_there_is_a_worker_for_each_cpu_that_may_be_used() {
    let service = Service::start().await;
    let cpus = std::thread::available_parallelism().unwrap();
    let workers = format!("\ntokio_runtime_workers {cpus}\n");
    let metrics = service.metrics().await;
    assert!(metrics.contains(&workers), "{metrics}");
}
