//! Every statement of the store is prepared by the real database, whether a test sends it or
//! not: one that names what the schema does not have fails here.

use std::{fs, path::Path};

use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};

use crate::{database::Database, support::run};

const VERBS: [&str; 5] = ["DELETE ", "INSERT ", "SELECT ", "UPDATE ", "WITH "];

#[tokio::test]
async fn every_statement_of_the_store_fits_the_schema() {
    let database = Database::create().await;
    let migrated = run(&["migrate"], &database.settings());
    assert_eq!(migrated.status.code(), Some(0));
    let mut connection = database.connect().await;
    let mut prepare = async |sql: &str| {
        let sql = AssertSqlSafe(sql.to_owned()).into_sql_str();
        (&mut connection).prepare(sql).await.map(drop)
    };
    let wrong = prepare("SELECT colour FROM items").await;
    assert!(wrong.is_err(), "a column that is not there is not told");

    let sources = sources();
    let mut faults = Vec::new();
    let mut count = 0;
    for statement in sources.iter().flat_map(|source| statements(source)) {
        count += 1;
        if let Err(error) = prepare(&statement).await {
            faults.push(format!("{error}: {statement}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let calls = sources
        .iter()
        .map(|code| code.matches("sqlx::query").count());
    let calls: usize = calls.sum();
    assert_eq!(
        count, calls,
        "a statement is not written out where it is sent"
    );
}

/// The code of the store, without what is for another database.
fn sources() -> Vec<String> {
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let mut files = vec![store.join(Database::SOURCE), store.join("sql.rs")];
    let mut folders = vec![store.join("sql")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let list = if path.is_dir() {
                &mut folders
            } else {
                &mut files
            };
            list.push(path);
        }
    }
    files.iter().map(|file| code(file)).collect()
}

fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines();
    let lines = lines.filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The strings that are SQL.
fn statements(code: &str) -> Vec<String> {
    let code = code.replace("\\\"", "");
    let strings = code.split('"').skip(1).step_by(2);
    let is_sql = |text: &&str| VERBS.iter().any(|verb| text.trim_start().starts_with(verb));
    strings.filter(is_sql).map(str::to_owned).collect()
}
