use std::{
    env::{self, consts::ARCH},
    fs,
    path::{Path, PathBuf},
};

use landlock::{
    ABI, Access, AccessFs, BitFlags, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope, make_bitflags, path_beneath_rules,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

use super::Enforced;
use crate::config::{Config, Environment};

/// What is asked of Landlock; older kernels enforce as much of it as they know.
const ASKED: ABI = ABI::V6;

/// Libraries, name resolution, certificates, time zones; what the kernel tells of the
/// process and its limits.
const SYSTEM: [&str; 8] = [
    "/dev",
    "/etc",
    "/lib",
    "/lib64",
    "/proc",
    "/run/systemd/resolve",
    "/sys",
    "/usr",
];

/// System calls that a service has no use for.
const DENIED: [i64; 25] = [
    // Starting programs.
    libc::SYS_execve,
    libc::SYS_execveat,
    // Looking into other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    // Code for the kernel.
    libc::SYS_bpf,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    // System calls past this filter.
    libc::SYS_io_uring_setup,
    // Another view of the system.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    // The kernel's keys.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // The machine.
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
];

pub(super) fn enforce(config: &Config) -> Enforced {
    let environment = Environment::of_process();
    // Landlock first: its own system calls are not denied, but who knows for how long.
    let landlock = match restrict_files(&readable(config, &environment), &writable(config)) {
        Ok(RulesetStatus::FullyEnforced) => "enforced".to_owned(),
        Ok(RulesetStatus::PartiallyEnforced) => "partly enforced: an old kernel".to_owned(),
        Ok(RulesetStatus::NotEnforced) => "not enforced: the kernel has none".to_owned(),
        Err(error) => format!("not enforced: {error}"),
    };
    let seccomp = match restrict_calls() {
        Ok(()) => "enforced".to_owned(),
        Err(error) => format!("not enforced: {error}"),
    };
    Enforced { landlock, seccomp }
}

/// Folders, not files: a file that is replaced, or swapped by a link, is a new one.
fn readable(config: &Config, environment: &Environment) -> Vec<PathBuf> {
    // The second names the authorities that other services are trusted by, in one file.
    let named = ["APP_CONFIG_FILE", "SSL_CERT_FILE"];
    let named = named.into_iter().filter_map(|name| environment.get(name));
    let tls = [
        &config.tls.certificate_file,
        &config.tls.key_file,
        &config.tls.client_ca_file,
    ];
    let issuers = config.auth.issuers.values().flat_map(|issuer| {
        [
            &issuer.root_certificates_file,
            &issuer.jwks_file,
            &issuer.public_key_file,
        ]
    });
    let optional = tls.into_iter().chain(issuers).flatten().cloned();
    let files = named.map(PathBuf::from).chain(optional);
    let files = files.chain(config.store.files_to_read(environment));
    let folders = files.flat_map(folders).chain(authorities(environment));
    folders.chain(SYSTEM.map(PathBuf::from)).collect()
}

/// The folders of the authorities that other services are trusted by, a file for each.
fn authorities(environment: &Environment) -> Vec<PathBuf> {
    let named = environment.get("SSL_CERT_DIR").unwrap_or_default();
    let named = env::split_paths(named).filter(|folder| !folder.as_os_str().is_empty());
    let with_real = named.flat_map(|folder| [fs::canonicalize(&folder).ok(), Some(folder)]);
    with_real.flatten().collect()
}

fn writable(config: &Config) -> Vec<PathBuf> {
    let files = [config.store.file_to_write(), config.audit.file.clone()];
    let folders = files.into_iter().flatten().flat_map(folders);
    // Profiles are collected in files.
    let temporary = cfg!(feature = "profiling").then(env::temp_dir);
    folders.chain(temporary).collect()
}

/// The one that the file is named in, and the one that it is in: certbot's are links
/// from `live` to `archive`.
fn folders(file: PathBuf) -> Vec<PathBuf> {
    let real = fs::canonicalize(&file).ok();
    let files = [Some(file), real];
    files.into_iter().flatten().map(folder).collect()
}

fn folder(file: PathBuf) -> PathBuf {
    let folder = file.parent().filter(|folder| *folder != Path::new(""));
    folder.unwrap_or(Path::new(".")).to_owned()
}

fn restrict_files(
    readable: &[PathBuf],
    writable: &[PathBuf],
) -> Result<RulesetStatus, RulesetError> {
    let read = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    let write: BitFlags<AccessFs> = AccessFs::from_all(ASKED) & !AccessFs::Execute;
    let restricted = Ruleset::default()
        .handle_access(AccessFs::from_all(ASKED))?
        .scope(Scope::from_all(ASKED))?
        .create()?
        .add_rules(path_beneath_rules(readable, read))?
        .add_rules(path_beneath_rules(writable, write))?
        .restrict_self()?;
    Ok(restricted.ruleset)
}

fn restrict_calls() -> Result<(), seccompiler::Error> {
    let denied = DENIED.map(|call| (call, Vec::new()));
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(
        denied.into_iter().collect(),
        SeccompAction::Allow,
        refuse,
        ARCH.try_into()?,
    )?;
    let program = BpfProgram::try_from(filter)?;
    apply_filter(&program)
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command, thread};

    use super::*;

    /// What a thread that is hardened can still do, or what of it cannot be tested.
    fn hardened(try_out: impl FnOnce() + Send + 'static, config: Config) {
        let done = thread::spawn(move || {
            let enforced = enforce(&config);
            println!("{enforced:?}");
            assert_eq!(enforced.seccomp, "enforced");
            if enforced.landlock.starts_with("not enforced") {
                println!("NOT TESTED: Landlock is {}", enforced.landlock);
            } else {
                try_out();
            }
        });
        done.join().unwrap();
    }

    #[test]
    fn authorities_are_read_where_the_environment_says() {
        let environment = Environment::from_iter([
            ("SSL_CERT_FILE", "/opt/trust/roots.pem"),
            ("SSL_CERT_DIR", "/opt/ours:/opt/theirs"),
        ]);
        let readable = readable(&Config::default(), &environment);
        for folder in ["/opt/trust", "/opt/ours", "/opt/theirs"] {
            assert!(readable.contains(&PathBuf::from(folder)), "{readable:?}");
        }
    }

    #[test]
    fn no_program_can_be_started() {
        Command::new("/bin/true").status().unwrap();
        let try_out = || {
            let started = Command::new("/bin/true").status();
            assert_eq!(started.unwrap_err().raw_os_error(), Some(libc::EPERM));
        };
        hardened(try_out, Config::default());
    }

    #[test]
    fn files_are_there_where_the_configuration_says() {
        let granted = tempfile::tempdir().unwrap();
        // Not beside it: with profiles all of that folder is granted.
        let other = tempfile::tempdir_in("/var/tmp").unwrap();
        let [inside, outside] = [&granted, &other].map(|folder| folder.path().join("file"));
        fs::write(&outside, "secret").unwrap();
        let mut config = Config::default();
        config.audit.file = Some(inside.clone());
        let try_out = move || {
            fs::write(&inside, "written").unwrap();
            assert_eq!(fs::read_to_string(&inside).unwrap(), "written");
            fs::read_to_string("/etc/passwd").unwrap();
            for denied in [
                fs::read(&outside).map(drop),
                fs::write(&outside, "changed"),
                fs::remove_file(&outside),
                fs::write("/etc/changed", ""),
                fs::read_dir("/root").map(drop),
            ] {
                assert_eq!(denied.unwrap_err().raw_os_error(), Some(libc::EACCES));
            }
        };
        hardened(try_out, config);
    }
}
