//! The threads of the process.

#[cfg(target_os = "linux")]
use crate::support::BINARY;
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

/// A limit of one CPU, as a container has by `cpu: 1`, where the system lets it be set.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_quota_of_its_cgroup_bounds_the_workers() {
    let Some(quota) = Quota::of_one_cpu() else {
        println!("NOT TESTED: cgroups cannot be made here");
        return;
    };
    let service = Service::launch(quota.command(), &[]).await;
    let metrics = service.metrics().await;
    assert!(metrics.contains("\ntokio_runtime_workers 1\n"), "{metrics}");
    service.stop().await;
}

/// A cgroup of its own with a bound of processor time, by version 2 or 1.
#[cfg(target_os = "linux")]
struct Quota(std::path::PathBuf);

#[cfg(target_os = "linux")]
impl Quota {
    fn of_one_cpu() -> Option<Self> {
        let name = format!("quota-{}", std::process::id());
        [
            ("/sys/fs/cgroup", "cpu.max", "100000 100000"),
            ("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "100000"),
        ]
        .into_iter()
        .find_map(|(root, file, limit)| {
            let folder = std::path::Path::new(root).join(&name);
            std::fs::create_dir(&folder).ok()?;
            let quota = Self(folder);
            // It is there only where the controller is.
            let limited = std::fs::OpenOptions::new()
                .write(true)
                .open(quota.0.join(file));
            std::io::Write::write_all(&mut limited.ok()?, limit.as_bytes()).ok()?;
            Some(quota)
        })
    }

    /// The service, in there from its first instruction on.
    fn command(&self) -> std::process::Command {
        let enter = format!("echo $$ > {}/cgroup.procs", self.0.display());
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &format!("{enter} && exec {BINARY} serve")]);
        command
    }
}

#[cfg(target_os = "linux")]
impl Drop for Quota {
    fn drop(&mut self) {
        // It can be removed when nobody is in it; and it is only a name.
        let _ = std::fs::remove_dir(&self.0);
    }
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
