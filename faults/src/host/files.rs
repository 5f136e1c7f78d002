use std::{fs, net::SocketAddr, path::Path};

use anyhow::{Context, Result};

use super::NAME;

/// What an operator says of this machine.
pub fn environment(operations: SocketAddr, settings: &[(&str, &str)]) -> String {
    let own = [
        // Its tokens can be minted.
        ("APP_PROFILE", "development"),
        ("APP_OPERATIONS__ADDRESS", &*operations.to_string()),
        (
            "APP_AUTH__ISSUERS__MAIN__HMAC_SECRET",
            "32 bytes or more, of whatever they are",
        ),
        ("APP_LOG__FILTER", "warn"),
        ("APP_STORE__ACQUIRE_TIMEOUT", "1m"),
        ("APP_STORE__ANSWER_TIMEOUT", "1m"),
    ];
    let all = own.iter().chain(settings);
    all.map(|(name, value)| format!("{name}=\"{value}\"\n"))
        .collect()
}

/// The files of nginx that are the operator's, and Debian's own.
pub fn operators_nginx(
    root: &Path,
    [public, plain, status, socket]: [SocketAddr; 4],
) -> Result<()> {
    let folder = root.display();
    let log = format!("access_log {folder}/access.json json_access;");
    let files = [
        (
            "nginx.conf",
            format!(
                "worker_processes 2;\npid {folder}/nginx.pid;\nerror_log {folder}/nginx-error.log;\n\
                 events {{ worker_connections 4096; }}\n\
                 http {{ include conf.d/*.conf; include sites-enabled/*;\n\
                 client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n\
                 fastcgi_temp_path {folder}/fastcgi; scgi_temp_path {folder}/scgi;\n\
                 uwsgi_temp_path {folder}/uwsgi; }}\n"
            ),
        ),
        (
            &*format!("{NAME}/public.conf"),
            format!(
                "listen {public} ssl http2;\nserver_name localhost;\n\
                 ssl_certificate service/certificate/fullchain.pem;\n\
                 ssl_certificate_key service/certificate/privkey.pem;\n{log}\n"
            ),
        ),
        (
            &*format!("{NAME}/plain.conf"),
            format!("listen {plain};\nserver_name localhost;\n{log}\n"),
        ),
        (
            &*format!("{NAME}/servers.conf"),
            format!("server {socket};\n"),
        ),
        // The load comes from one address.
        ("service/host/unlimited.conf", "127.0.0.0/8 0;\n".to_owned()),
        (
            "service/host/status.conf",
            format!("server {{ listen {status}; location = /status {{ stub_status; }} }}\n"),
        ),
    ];
    for (file, text) in files {
        write(&root.join("etc/nginx").join(file), &text)?;
    }
    Ok(())
}

/// What is not generated beside PostgreSQL.
const OF_ANOTHER_STORE: &str = "sqlite.conf";

/// The files, as they are generated.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            copy(&path, &to.join(name))?;
        } else if name != OF_ANOTHER_STORE {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

pub fn write(file: &Path, text: &str) -> Result<()> {
    fs::create_dir_all(file.parent().unwrap_or(file))?;
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
