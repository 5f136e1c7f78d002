use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;

use crate::support::{Service, run};

/// A file, gone with the test.
pub struct Database {
    _folder: TempDir,
    path: String,
}

impl Database {
    /// The series that tells how much it may hold.
    pub const FULLNESS: &str =
        r#"db_client_connection_max{db_client_connection_pool_name="store"}"#;
    /// The file of the store that is for this database alone.
    pub const SOURCE: &str = "sqlite.rs";

    pub async fn create() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db").to_str().unwrap().to_owned();
        Self {
            _folder: folder,
            path,
        }
    }

    pub async fn connect(&self) -> SqliteConnection {
        SqliteConnection::connect(&self.path).await.unwrap()
    }

    pub fn settings(&self) -> [(&str, &str); 1] {
        [("APP_STORE__PATH", &self.path)]
    }
}

#[tokio::test]
async fn items_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept.db");
    let settings = [("APP_STORE__PATH", path.to_str().unwrap())];
    let service = Service::with(&settings).await;
    let (item, _, _) = service.create("kept").await;
    assert_eq!(service.stop().await.code, Some(0));

    let service = Service::with(&settings).await;
    assert_eq!(service.get(&item).send().await.unwrap().status(), 200);
}

#[test]
fn a_file_that_cannot_be_opened_is_told_with_exit_69() {
    let settings = [
        ("APP_STORE__PATH", "/no/such/folder/service.db"),
        ("APP_HTTP__ADDRESS", "127.0.0.1:0"),
        ("APP_OPERATIONS__ADDRESS", "127.0.0.1:0"),
    ];
    let ended = run(&["serve"], &settings);
    assert_eq!(ended.status.code(), Some(69));
    let log = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(log.contains("unable to open database file"), "{log}");
}
