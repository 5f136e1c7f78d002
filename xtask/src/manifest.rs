//! Whether the manifest that is generated agrees with the one that is built in place.

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use toml::{Table, Value};

    use crate::{
        flavour::{Answers, generate},
        tree,
    };

    fn manifest(path: &std::path::Path) -> Table {
        tree::read(path).unwrap().parse().unwrap()
    }

    fn in_place() -> Table {
        manifest(&tree::root().join("template/Cargo.toml"))
    }

    fn generated(database: &'static str) -> Table {
        let folder = tempfile::tempdir().unwrap();
        let answers = Answers {
            database,
            ..Answers::DEFAULT
        };
        let service = generate("my-service", answers, folder.path()).unwrap();
        manifest(&service.join("Cargo.toml"))
    }

    /// The manifest in place as it would be with one database alone, of which it then
    /// has no features.
    fn with_database(mut manifest: Table, database: &str) -> Table {
        let features = manifest["features"].as_table_mut().unwrap();
        let databases = features.remove("default").unwrap();
        let mut switched = None;
        for feature in databases.as_array().unwrap().iter().map(|f| f.as_str()) {
            let parts = features.remove(feature.unwrap()).unwrap();
            if feature == Some(database) {
                switched = parts.as_array().cloned();
            }
        }
        let dependencies = manifest["dependencies"].as_table_mut().unwrap();
        let sqlx = dependencies["sqlx"].as_table_mut().unwrap();
        sqlx.remove("optional");
        let Some(switched) = switched else {
            dependencies.remove("sqlx");
            return manifest;
        };
        let own = sqlx["features"].as_array().unwrap().clone();
        let added = switched
            .iter()
            .filter_map(|feature| feature.as_str()?.strip_prefix("sqlx/"))
            .map(Value::from);
        let all: BTreeSet<_> = own
            .into_iter()
            .chain(added)
            .map(|f| f.to_string())
            .collect();
        let all: Vec<_> = all.iter().map(|f| f.trim_matches('"')).collect();
        sqlx.insert("features".to_owned(), Value::from(all));
        manifest
    }

    #[test]
    fn what_is_generated_depends_on_what_was_built_in_place() {
        for (database, feature) in [("postgres", "postgres"), ("sqlite", "sqlite"), ("none", "")] {
            let expected = with_database(in_place(), feature);
            let generated = generated(database);
            for section in [
                "features",
                "dependencies",
                "dev-dependencies",
                "lib",
                "lints",
            ] {
                assert_eq!(
                    generated[section], expected[section],
                    "{database}: {section}"
                );
            }
            let hardening = &in_place()["features"]["hardening"];
            assert_eq!(&generated["features"]["hardening"], hardening);
            assert_eq!(generated["target"], in_place()["target"], "{database}");
            for key in ["version", "edition", "rust-version", "publish"] {
                assert_eq!(generated["package"][key], expected["package"][key], "{key}");
            }
        }
    }

    #[test]
    fn what_is_generated_is_linted_and_built_as_in_place() {
        let root = manifest(&tree::root().join("Cargo.toml"));
        let generated = generated("postgres");
        assert_eq!(generated["workspace"]["lints"], root["workspace"]["lints"]);
        assert_eq!(
            generated["workspace"]["resolver"],
            root["workspace"]["resolver"]
        );
        // No release is built in place.
        assert_eq!(generated["profile"]["dev"], root["profile"]["dev"]);
        let chassis = manifest(&tree::root().join("template/crates/chassis/Cargo.toml"));
        assert_eq!(chassis["lints"], root["workspace"]["lints"]);
    }

    #[test]
    fn the_layers_manifest_stands_alone() {
        let chassis = tree::read(&tree::root().join("template/crates/chassis/Cargo.toml")).unwrap();
        assert!(!chassis.contains("workspace = true"));
        let default = &chassis.parse::<Table>().unwrap()["features"]["default"];
        assert_eq!(default.as_array().map(Vec::len), Some(0));
    }

    #[test]
    fn exactly_the_files_that_end_in_liquid_are_rendered() {
        let configuration = manifest(&tree::root().join("cargo-generate.toml"));
        let include = configuration["template"]["include"].as_array().unwrap();
        let included: BTreeSet<_> = include
            .iter()
            .map(|f| f.as_str().unwrap().to_owned())
            .collect();
        let files = tree::files(&tree::root().join("template")).unwrap();
        let liquid: BTreeSet<_> = files
            .iter()
            .filter_map(|file| file.to_str()?.strip_suffix(".liquid"))
            .map(|file| format!("/{file}"))
            .collect();
        assert_eq!(included, liquid);
        assert!(liquid.len() < 10, "Liquid spreads: {liquid:?}");
    }

    #[test]
    fn a_project_names_the_version_that_it_was_made_from() {
        let chassis = manifest(&tree::root().join("template/crates/chassis/Cargo.toml"));
        let folder = tempfile::tempdir().unwrap();
        let service = generate("my-service", Answers::DEFAULT, folder.path()).unwrap();
        let answers = manifest(&service.join(".template-answers.toml"));
        assert_eq!(answers["version"], chassis["package"]["version"]);
    }
}
