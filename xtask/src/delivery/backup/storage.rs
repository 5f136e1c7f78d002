//! Storage with S3's API, in the memory of a process.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::{
    free, run,
    test::{
        report::Report,
        tools::{Registry, Tool, of_system},
    },
    tree,
};

const MOTO: Tool = Tool {
    program: "moto_server",
    package: "moto[server]",
    version: "5.2.1",
    registry: Registry::Python,
};

/// It asks for a signature, and believes it.
const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, \
     SignedHeaders=host, Signature=0";

const PATIENCE: Duration = Duration::from_secs(30);

/// It is killed when it goes out of scope.
pub struct Storage {
    port: u16,
    process: Child,
}

impl Storage {
    pub fn start(report: &mut Report) -> Result<Option<Self>> {
        let Some(program) = MOTO.have(report)? else {
            return Ok(None);
        };
        let port = free::port()?;
        let log = fs::File::create(tree::target().join("delivery/storage.log"))?;
        let process = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let storage = Self { port, process };
        let start = Instant::now();
        while storage.make_bucket("backups").is_err() {
            ensure!(start.elapsed() < PATIENCE, "the storage does not start");
            thread::sleep(Duration::from_millis(50));
        }
        Ok(Some(storage))
    }

    pub fn make_bucket(&self, name: &str) -> Result<()> {
        self.put(name, &[])
    }

    /// Where restic finds its repository.
    pub fn repository(&self, name: &str) -> String {
        format!("s3:http://127.0.0.1:{}/backups/{name}", self.port)
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// The keys of all objects of a repository's folder.
    pub fn keys(&self, folder: &str) -> Result<Vec<String>> {
        let url = self.url(&format!("backups?list-type=2&prefix={folder}"));
        let listed = String::from_utf8(read(&url)?)?;
        let keys = listed.split("<Key>").skip(1);
        let keys = keys.filter_map(|rest| rest.split_once("</Key>"));
        Ok(keys.map(|(key, _)| format!("backups/{key}")).collect())
    }

    pub fn object(&self, key: &str) -> Result<Vec<u8>> {
        read(&self.url(key))
    }

    pub fn put(&self, key: &str, body: &[u8]) -> Result<()> {
        let put = ureq::put(self.url(key)).header("authorization", SIGNATURE);
        put.send(body)?;
        Ok(())
    }

    /// The largest object of a repository's data.
    pub fn largest(&self, repository: &str) -> Result<(String, Vec<u8>)> {
        let keys = self.keys(&format!("{repository}/data/"))?;
        let objects = keys.into_iter().map(|key| {
            let body = self.object(&key)?;
            Ok((key, body))
        });
        let objects = objects.collect::<Result<Vec<_>>>()?;
        let largest = objects.into_iter().max_by_key(|(_, body)| body.len());
        largest.context("nothing is stored")
    }

    /// The same by TLS, as a certificate for localhost says it.
    pub fn by_tls(&self, report: &mut Report) -> Result<Option<Tls>> {
        let Some(nginx) = of_system(report, "nginx", "nginx-light")? else {
            return Ok(None);
        };
        Tls::start(&nginx, self.port).map(Some)
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// nginx before it; it ends when it goes out of scope.
pub struct Tls {
    pub port: u16,
    process: Child,
    folder: TempDir,
}

impl Tls {
    fn start(nginx: &Path, storage: u16) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir()?;
        let port = free::port()?;
        let mut openssl = Command::new("openssl");
        openssl
            .current_dir(folder.path())
            .args(["req", "-x509", "-nodes", "-days", "1", "-newkey", "ec"])
            .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args([
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost",
            ])
            .args(["-keyout", "key.pem", "-out", "certificate.pem"]);
        run::output(&mut openssl)?;
        let path = folder.path().display();
        let configuration = format!(
            "daemon off; pid {path}/pid; error_log {path}/error.log;\nevents {{}}\n\
             http {{ access_log off; client_max_body_size 0;\n\
             client_body_temp_path {path}/body; proxy_temp_path {path}/proxy;\n\
             fastcgi_temp_path {path}/fastcgi; scgi_temp_path {path}/scgi; uwsgi_temp_path {path}/uwsgi;\n\
             server {{ listen 127.0.0.1:{port} ssl;\n\
             ssl_certificate {path}/certificate.pem; ssl_certificate_key {path}/key.pem;\n\
             location / {{ proxy_pass http://127.0.0.1:{storage};\n\
             proxy_set_header Host $http_host; proxy_http_version 1.1; }} }} }}\n"
        );
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration)?;
        let process = Command::new(nginx)
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .spawn()?;
        let tls = Self {
            port,
            process,
            folder,
        };
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            ensure!(start.elapsed() < PATIENCE, "nginx does not start");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(tls)
    }

    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        // Its workers end with it at SIGTERM, not at SIGKILL.
        let id = self.process.id().to_string();
        let _ = Command::new("kill").args(["-s", "TERM", &id]).status();
        let _ = self.process.wait();
    }
}

fn read(url: &str) -> Result<Vec<u8>> {
    let asked = ureq::get(url).header("authorization", SIGNATURE).call()?;
    Ok(asked
        .into_body()
        .with_config()
        .limit(1 << 30)
        .read_to_vec()?)
}
