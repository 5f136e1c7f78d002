//! All faults, in the order in which they happen.

use crate::{
    fault::Fault,
    faults::{
        big, cancelled, clock, collector,
        database::{self, Outage},
        deployments, descriptors, dns, garbage, http2, instance, jwks, kill, log_disk, panics,
        replica, rolling, rollout, rotation, sigterm, slow, soak,
    },
};

pub const FAULTS: &[Fault] = &[
    Fault {
        name: "sigterm-plain",
        title: "SIGTERM under load",
        goal: sigterm::GOAL,
        run: |setup| Box::pin(sigterm::run(setup, false)),
    },
    Fault {
        name: "sigterm-tls",
        title: "SIGTERM under load, by TLS",
        goal: sigterm::GOAL,
        run: |setup| Box::pin(sigterm::run(setup, true)),
    },
    Fault {
        name: "rolling-restarts",
        title: "3 replicas behind nginx are restarted, one after the other",
        goal: rolling::GOAL,
        run: |setup| Box::pin(rolling::run(setup)),
    },
    Fault {
        name: "rollout",
        title: "An update by the Deployment's probes, surge and grace period",
        goal: rollout::GOAL,
        run: |setup| Box::pin(rollout::run(setup)),
    },
    Fault {
        name: "deployments",
        title: "One machine behind its nginx is upgraded by its script, and once by a bad build",
        goal: deployments::GOAL,
        run: |setup| Box::pin(deployments::run(setup)),
    },
    Fault {
        name: "instance-killed",
        title: "kill -9 of one of 3 instances behind the balancer, again and again",
        goal: instance::GOAL,
        run: |setup| Box::pin(instance::run(setup)),
    },
    Fault {
        name: "slow-clients",
        title: "Clients that are slow: head, body, reading, idle HTTP/2",
        goal: slow::GOAL,
        run: |setup| Box::pin(slow::run(setup)),
    },
    Fault {
        name: "descriptors",
        title: "File descriptors exhausted",
        goal: descriptors::GOAL,
        run: |setup| Box::pin(descriptors::run(setup)),
    },
    Fault {
        name: "big-requests",
        title: "Bodies, heads and compression bombs that are too big",
        goal: big::GOAL,
        run: |setup| Box::pin(big::run(setup)),
    },
    Fault {
        name: "certificate-rotation",
        title: "Certificates are rotated under load, then by bad pairs",
        goal: rotation::GOAL,
        run: |setup| Box::pin(rotation::run(setup)),
    },
    Fault {
        name: "panics",
        title: "Handlers panic, one after the other and 1,000 at once",
        goal: panics::GOAL,
        run: |setup| Box::pin(panics::run(setup)),
    },
    Fault {
        name: "http2-rules",
        title: "HTTP/2 by RFC 9113, right and wrong",
        goal: http2::RULES,
        run: |setup| Box::pin(http2::rules(setup)),
    },
    Fault {
        name: "http2-floods",
        title: "Floods of frames of HTTP/2",
        goal: http2::FLOODS,
        run: |setup| Box::pin(http2::floods(setup)),
    },
    Fault {
        name: "collector",
        title: "The Collector is gone or of no use",
        goal: collector::GOAL,
        run: |setup| Box::pin(collector::run(setup)),
    },
    Fault {
        name: "database-killed",
        title: "PostgreSQL is killed",
        goal: database::GOAL,
        run: |setup| Box::pin(database::run(setup, Outage::Killed)),
    },
    Fault {
        name: "database-stopped",
        title: "PostgreSQL is stopped (SIGSTOP)",
        goal: database::GOAL,
        run: |setup| Box::pin(database::run(setup, Outage::Stopped)),
    },
    Fault {
        name: "database-slow",
        title: "PostgreSQL answers 5 s later",
        goal: database::GOAL,
        run: |setup| Box::pin(database::run(setup, Outage::Slow)),
    },
    Fault {
        name: "cancelled",
        title: "Clients hang up while the database works for them",
        goal: cancelled::GOAL,
        run: |setup| Box::pin(cancelled::run(setup)),
    },
    Fault {
        name: "kill-postgres",
        title: "kill -9 during writes, with PostgreSQL",
        goal: kill::GOAL,
        run: |setup| Box::pin(kill::postgres(setup)),
    },
    Fault {
        name: "kill-sqlite",
        title: "kill -9 during writes, with SQLite",
        goal: kill::GOAL,
        run: |setup| Box::pin(kill::sqlite(setup)),
    },
    Fault {
        name: "primary-killed",
        title: "kill -9 of the primary, and its replica is promoted",
        goal: replica::GOAL,
        run: |setup| Box::pin(replica::run(setup)),
    },
    Fault {
        name: "clock",
        title: "The clock is set by a day, forward and back",
        goal: clock::GOAL,
        run: |setup| Box::pin(clock::run(setup)),
    },
    Fault {
        name: "dns",
        title: "Names cannot be looked up",
        goal: dns::GOAL,
        run: |setup| Box::pin(dns::run(setup)),
    },
    Fault {
        name: "log-disk",
        title: "The disk of the logs is full",
        goal: log_disk::GOAL,
        run: |setup| Box::pin(log_disk::run(setup)),
    },
    Fault {
        name: "jwks",
        title: "The provider of keys is down",
        goal: jwks::GOAL,
        run: |setup| Box::pin(jwks::run(setup)),
    },
    Fault {
        name: "garbage",
        title: "Requests that make no sense",
        goal: garbage::GOAL,
        run: |setup| Box::pin(garbage::run(setup)),
    },
    Fault {
        name: "soak",
        title: "Work at 70 % of what it can",
        goal: soak::GOAL,
        run: |setup| Box::pin(soak::run(setup)),
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice;

    fn chosen(name: &str) -> anyhow::Result<Vec<&'static Fault>> {
        choice::chosen(FAULTS, &[name.to_owned()])
    }

    #[test]
    fn a_beginning_chooses_all_that_begin_so() {
        let chosen = chosen("sigterm").unwrap();
        let names: Vec<_> = chosen.iter().map(|fault| fault.name).collect();
        assert_eq!(names, ["sigterm-plain", "sigterm-tls"]);
    }

    #[test]
    fn an_unknown_name_is_refused_with_those_that_there_are() {
        let error = chosen("earthquake").err().unwrap();
        assert!(error.to_string().contains("sigterm-plain"), "{error}");
    }

    #[test]
    fn every_name_is_there_once() {
        let mut names: Vec<_> = FAULTS.iter().map(|fault| fault.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FAULTS.len());
    }
}
