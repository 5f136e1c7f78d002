//! Tells the service what it was built with: `/info` passes it on. The linker is told to
//! give each binary an id.

use std::{env, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTC");
    println!("cargo::rustc-check-cfg=cfg(tokio_unstable)");
    println!("cargo::rustc-env=BUILD_RUSTC={}", rustc());
    // By this id a debugger finds the symbols, which are not in the image.
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo::rustc-link-arg-bins=-Wl,--build-id=sha1");
    }
    for variable in ["PROFILE", "TARGET"] {
        let value = env::var(variable).unwrap_or_default();
        println!("cargo::rustc-env=BUILD_{variable}={value}");
    }
}

/// Such as `rustc 1.95.0 (59807616e 2026-04-14)`.
fn rustc() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = Command::new(rustc).arg("--version").output();
    let version = said
        .ok()
        .and_then(|said| String::from_utf8(said.stdout).ok());
    version.unwrap_or_default().trim().to_owned()
}
