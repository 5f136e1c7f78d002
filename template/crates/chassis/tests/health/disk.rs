//! The check of a file system's free space.

use axum_chassis::health::checks::disk_space;

use crate::Alone;

#[tokio::test]
async fn enough_space_passes() {
    let folder = tempfile::tempdir().unwrap();
    let alone = Alone::run(disk_space("disk", folder.path(), 1)).await;
    assert_eq!(alone.told(), "");
    assert_eq!(alone.status(), "pass");
}

#[tokio::test]
async fn too_little_space_warns_and_says_how_much_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let alone = Alone::run(disk_space("disk", folder.path(), u64::MAX)).await;
    let told = alone.told();
    let shown = folder.path().display().to_string();
    assert!(told.starts_with(&format!("{shown} has ")), "{told}");
    assert!(
        told.contains(" bytes free, and should have 18446744073709551615; "),
        "{told}"
    );
    assert_eq!(alone.status(), "warn");
}

#[tokio::test]
async fn a_folder_that_is_not_there_warns() {
    let folder = tempfile::tempdir().unwrap().path().join("spool");
    let alone = Alone::run(disk_space("disk", &folder, 0)).await;
    let told = alone.told();
    assert!(told.contains("No such file"), "{told}");
    assert!(told.ends_with("; mount it, or correct the path"), "{told}");
    assert_eq!(alone.status(), "warn");
}
