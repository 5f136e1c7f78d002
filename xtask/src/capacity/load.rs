//! One run of wrk, and what it cost the server.

use std::{
    fs,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use crate::run;

/// As many as wrk keeps open at one time.
const CONNECTIONS: usize = 64;

/// What clients saw, and what the server took for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    pub requests_per_second: f64,
    pub p99_ms: f64,
    /// The processor time of a request within the server's process, in microseconds.
    pub user_us: f64,
    pub system_us: f64,
}

/// Says how to have wrk, if it is not there.
pub fn check_wrk() -> Result<()> {
    let found = Command::new("wrk")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if found.is_err() {
        bail!(
            "wrk is not here, and makes the load: apt-get install wrk, dnf install wrk, brew install wrk"
        );
    }
    Ok(())
}

/// Asks for this URL on connections that stay, for so many seconds.
pub fn run(url: &str, token: &str, server: u32, seconds: u32) -> Result<Sample> {
    let before = processor_time(server)?;
    let mut wrk = Command::new("wrk");
    wrk.args(["--threads", "1", "--connections", &CONNECTIONS.to_string()])
        .args(["--duration", &format!("{seconds}s"), "--latency"])
        .args(["--header", &format!("Authorization: Bearer {token}"), url]);
    let told = run::output(&mut wrk)?;
    let spent = processor_time(server)?;
    let seen = read(&told).with_context(|| format!("wrk told:\n{told}"))?;
    let each = |ticks: u64| ticks as f64 / TICKS_PER_SECOND * 1e6 / seen.requests;
    Ok(Sample {
        requests_per_second: seen.requests_per_second,
        p99_ms: seen.p99_ms,
        user_us: each(spent.user - before.user),
        system_us: each(spent.system - before.system),
    })
}

#[derive(Debug, PartialEq)]
struct Seen {
    requests: f64,
    requests_per_second: f64,
    p99_ms: f64,
}

/// Of what wrk prints. Every answer must have been a good one.
fn read(told: &str) -> Result<Seen> {
    for bad in ["Non-2xx", "Socket errors"] {
        ensure!(!told.contains(bad), "not every answer was good");
    }
    let after = |name: &str| {
        let rest = told.lines().find_map(|line| line.trim().strip_prefix(name));
        rest.map(str::trim)
            .with_context(|| format!("no {name} there"))
    };
    let requests = told
        .lines()
        .find_map(|line| line.trim().split_once(" requests in "))
        .context("no number of requests there")?
        .0;
    Ok(Seen {
        requests: requests.parse()?,
        requests_per_second: after("Requests/sec:")?.parse()?,
        p99_ms: milliseconds(after("99%")?)?,
    })
}

/// `1.25ms`, as wrk writes a time.
fn milliseconds(time: &str) -> Result<f64> {
    let digits = time.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &time[digits.len()..] {
        "us" => 1e-3,
        "ms" => 1.0,
        "s" => 1e3,
        _ => bail!("{time} is no time"),
    };
    Ok(digits.parse::<f64>()? * factor)
}

struct Ticks {
    user: u64,
    system: u64,
}

/// The unit of `/proc/<pid>/stat`: 100 on every Linux that a person meets.
const TICKS_PER_SECOND: f64 = 100.0;

fn processor_time(process: u32) -> Result<Ticks> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"));
    let stat = stat.context("the processor time of a server is in /proc, which Linux has")?;
    // The name before may hold spaces.
    let (_, fields) = stat.rsplit_once(") ").context("no name in stat")?;
    let fields: Vec<_> = fields.split(' ').collect();
    let field = |index: usize| -> Result<u64> {
        let field = fields.get(index).context("a short stat")?;
        Ok(field.parse()?)
    };
    Ok(Ticks {
        user: field(11)?,
        system: field(12)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = "Running 2s test @ http://127.0.0.1:1/\n  1 threads and 64 connections\n  \
        Thread Stats   Avg      Stdev     Max   +/- Stdev\n    Latency     1.79ms    1.85ms  \
        30.11ms   91.97%\n  Latency Distribution\n     50%    1.36ms\n     99%  912.00us\n  \
        59612 requests in 2.00s, 18.14MB read\nRequests/sec:  29794.48\nTransfer/sec:      9.07MB\n";

    #[test]
    fn what_wrk_prints_is_read() {
        let seen = read(TOLD).unwrap();
        let expected = Seen {
            requests: 59_612.0,
            requests_per_second: 29_794.48,
            p99_ms: 0.912,
        };
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_run_with_a_bad_answer_is_none() {
        for bad in [
            "  Non-2xx or 3xx responses: 3\n",
            "  Socket errors: connect 0, read 1, write 0, timeout 0\n",
        ] {
            assert!(read(&(TOLD.to_owned() + bad)).is_err());
        }
    }

    #[test]
    fn times_have_their_unit() {
        assert_eq!(milliseconds("1.50s").unwrap(), 1500.0);
        assert_eq!(milliseconds("2.25ms").unwrap(), 2.25);
        assert!(milliseconds("2.25").is_err());
    }

    #[test]
    fn this_process_has_taken_some_time() {
        assert!(processor_time(std::process::id()).is_ok());
    }
}
