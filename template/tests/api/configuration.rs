//! What the commands say of a configuration.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, process::Command};

use crate::support::{BINARY, run};

#[test]
fn a_faulty_configuration_is_told_whole_with_exit_78() {
    for command in ["serve", "config", "migrate", "token"] {
        let ended = run(
            &[command],
            &[
                ("APP_HTTP__ADDRESS", "somewhere"),
                ("APP_LOG__FORMAT", "xml"),
            ],
        );
        assert_eq!(ended.status.code(), Some(78), "{command}");
        let faults = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(faults.contains("2 faults"), "{faults}");
        assert!(faults.contains("http.address = somewhere"), "{faults}");
        assert!(faults.contains("log.format = xml"), "{faults}");
    }
}

#[test]
fn a_setting_that_is_not_unicode_is_a_fault_and_not_left_out() {
    let latin1 = OsStr::from_bytes(b"postgres://user:gr\xfcn@a.example/");
    let mut command = Command::new(BINARY);
    command.args(["config", "--check"]);
    command.env("APP_PROFILE", "development");
    let ended = command.env("APP_STORE__URL", latin1).output().unwrap();
    assert_eq!(ended.status.code(), Some(78));
    let faults = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(faults.contains("APP_STORE__URL"), "{faults}");
    assert!(faults.contains("is not Unicode"), "{faults}");
    assert!(!faults.contains("user"), "{faults}");
}

#[test]
fn a_whole_configuration_passes_the_check_without_a_word() {
    let ended = run(&["config", "--check"], &[]);
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.stdout.is_empty());
}

#[test]
fn the_configuration_is_shown_with_its_sources() {
    let ended = run(&["config"], &[("APP_LOG__FILTER", "debug")]);
    let shown = String::from_utf8_lossy(&ended.stdout).into_owned();
    let filter = shown.lines().find(|line| line.starts_with("filter"));
    assert!(
        filter.is_some_and(|line| line.ends_with("# APP_LOG__FILTER")),
        "{shown}"
    );
}

#[test]
fn tokens_are_minted_in_development_only() {
    let minted = run(&["token"], &[]);
    assert_eq!(minted.status.code(), Some(0));
    assert_eq!(
        String::from_utf8_lossy(&minted.stdout).matches('.').count(),
        2
    );

    let refused = run(
        &["token"],
        &[
            ("APP_PROFILE", "production"),
            ("APP_AUTH__ISSUERS__MAIN__ISSUER", "https://issuer.example"),
            ("APP_AUTH__ISSUERS__MAIN__AUDIENCE", "items"),
            (
                "APP_AUTH__ISSUERS__MAIN__HMAC_SECRET",
                "a secret of more than thirty-two bytes",
            ),
        ],
    );
    assert_eq!(refused.status.code(), Some(1));
    let reason = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(reason.contains("development profile only"), "{reason}");
}

#[test]
#[cfg(target_os = "linux")]
fn what_cannot_be_printed_is_told_with_exit_1() {
    use std::fs::File;

    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(BINARY);
    let ended = command.arg("openapi").stdout(full).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let reason = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(reason.starts_with("error: No space left"), "{reason}");
}
