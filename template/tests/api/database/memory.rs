use serde_json::json;

use crate::support::{Service, problem, run};

/// None: the service keeps items in its memory.
pub struct Database;

impl Database {
    /// The series that tells how much it may hold.
    pub const FULLNESS: &str = "store_items_max ";

    pub async fn create() -> Self {
        Self
    }

    pub fn settings(&self) -> [(&str, &str); 0] {
        []
    }
}

#[tokio::test]
async fn a_full_memory_says_so() {
    let service = Service::with(&[("APP_STORE__CAPACITY_ITEMS", "1")]).await;
    service.create("first").await;
    let second = service.post("/api/v1/items", &json!({ "name": "second" }));
    let second = second.send().await.unwrap();
    assert_eq!(second.status(), 507);
    assert_eq!(problem(second).await["type"], "urn:problem-type:store-full");
}

#[test]
fn a_memory_that_is_gone_with_the_process_is_not_filled() {
    let refused = run(&["seed"], &[]);
    assert_eq!(refused.status.code(), Some(1));
    let reason = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(reason.contains("nothing to fill"), "{reason}");
}
