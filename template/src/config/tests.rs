use std::{fs, io::Write};

use axum_chassis::trace::Propagation;

use super::*;

fn load(variables: &[(&str, &str)]) -> Result<Loaded, Faults> {
    Config::load(&Environment::from_iter(variables.iter().copied()))
}

fn development(variables: &[(&str, &str)]) -> Result<Loaded, Faults> {
    let profile = [("APP_PROFILE", "development")];
    load(&[&profile, variables].concat())
}

fn faults(variables: &[(&str, &str)]) -> String {
    development(variables).unwrap_err().to_string()
}

#[test]
fn the_development_profile_needs_nothing_else() {
    let config = development(&[]).unwrap().config;
    assert_eq!(config.auth.issuers["development"].issuer, "urn:development");
    assert!(config.http.address.ip().is_loopback());
}

#[test]
fn production_is_the_default_and_names_all_that_it_needs() {
    let faults = load(&[]).unwrap_err().to_string();
    assert!(faults.contains("such as auth.issuers.main"), "{faults}");
    let faults = load(&[(
        "APP_AUTH__ISSUERS__MAIN__JWKS_URL",
        "https://a.example/jwks",
    )]);
    let faults = faults.unwrap_err().to_string();
    assert!(faults.contains("auth.issuers.main.issuer"), "{faults}");
    assert!(faults.contains("auth.issuers.main.audience"), "{faults}");
}

#[test]
fn the_development_secret_is_refused_in_production() {
    let secret = "for-development-only-and-known-to-everyone";
    let faults = load(&[
        ("APP_AUTH__ISSUERS__MAIN__ISSUER", "https://issuer.example"),
        ("APP_AUTH__ISSUERS__MAIN__AUDIENCE", "items"),
        ("APP_AUTH__ISSUERS__MAIN__HMAC_SECRET", secret),
    ])
    .unwrap_err()
    .to_string();
    assert!(faults.contains("known to everyone"), "{faults}");
    assert!(!faults.contains(secret), "{faults}");
}

#[test]
fn keys_come_from_one_source() {
    let variable = "APP_AUTH__ISSUERS__DEVELOPMENT__JWKS_FILE";
    let faults = faults(&[(variable, "/etc/jwks.json")]);
    assert!(
        faults.contains("jwks_file, hmac_secret: leave one"),
        "{faults}"
    );
}

#[test]
fn what_no_verifier_takes_is_a_fault_of_its_setting() {
    let faults = faults(&[
        ("APP_AUTH__LEEWAY", "10m"),
        ("APP_AUTH__ISSUERS__DEVELOPMENT__ROLES_AT", "roles"),
        ("APP_AUTH__ISSUERS__MAIN__ISSUER", "urn:development"),
        ("APP_AUTH__ISSUERS__MAIN__AUDIENCE", "items"),
        (
            "APP_AUTH__ISSUERS__MAIN__HMAC_SECRET",
            "a secret of more than thirty-two bytes",
        ),
    ]);
    assert!(faults.contains("3 faults"), "{faults}");
    assert!(
        faults.contains("auth.leeway = 10m   (from APP_AUTH__LEEWAY)"),
        "{faults}"
    );
    assert!(faults.contains("above five minutes"), "{faults}");
    let roles = "auth.issuers.development.roles_at = roles";
    assert!(faults.contains(roles), "{faults}");
    assert!(faults.contains("does not point at roles"), "{faults}");
    let twice = "auth.issuers.main.issuer = urn:development";
    assert!(faults.contains(twice), "{faults}");
    assert!(
        faults.contains("is that of auth.issuers.development, too"),
        "{faults}"
    );
    assert!(development(&[("APP_AUTH__LEEWAY", "5m")]).is_ok());
}

#[test]
fn a_key_file_that_cannot_be_read_is_named_with_the_reason() {
    let faults = load(&[
        ("APP_AUTH__ISSUERS__MAIN__ISSUER", "https://issuer.example"),
        ("APP_AUTH__ISSUERS__MAIN__AUDIENCE", "items"),
        ("APP_AUTH__ISSUERS__MAIN__JWKS_FILE", "/no/such/jwks.json"),
    ])
    .unwrap_err()
    .to_string();
    assert!(faults.contains("auth.issuers.main.jwks_file"), "{faults}");
    assert!(faults.contains("No such file"), "{faults}");
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_profile() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"[http]\nrequest_timeout = \"3s\"\nconcurrent_requests = 7\n[auth.issuers.development]\naudience = \"from-file\"\n")
        .unwrap();
    let path = file.path().to_str().unwrap();
    let loaded = development(&[
        ("APP_CONFIG_FILE", path),
        ("APP_HTTP__CONCURRENT_REQUESTS", "9"),
    ])
    .unwrap();
    assert_eq!(loaded.config.http.request_timeout.as_secs(), 3);
    assert_eq!(loaded.config.http.concurrent_requests, 9);
    let issuer = &loaded.config.auth.issuers["development"];
    assert_eq!(issuer.audience, "from-file");
    assert_eq!(issuer.issuer, "urn:development");
}

#[test]
fn all_faults_are_reported_at_once_each_with_its_source() {
    let faults = faults(&[
        ("APP_HTTP__ADDRESS", "somewhere"),
        ("APP_HTTP__CONCURRENT_REQUESTS", "many"),
        ("APP_LOG__FORMAT", "xml"),
        ("APP_SHUTDOWN__DRAIN_TIMEOUT", "0s"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
    ]);
    assert!(faults.contains("5 faults"), "{faults}");
    assert!(
        faults.contains("http.address = somewhere   (from APP_HTTP__ADDRESS)"),
        "{faults}"
    );
    assert!(
        faults.contains("must be an integer; the default is 1024"),
        "{faults}"
    );
    assert!(
        faults.contains("expected one of `auto`, `json`, `pretty`"),
        "{faults}"
    );
    assert!(faults.contains("shutdown.drain_timeout = 0s"), "{faults}");
    assert!(faults.contains("allowed: otlp, none"), "{faults}");
}

#[test]
fn directives_that_cannot_be_read_are_a_fault_whoever_has_given_them() {
    for (variable, field) in [("APP_LOG__FILTER", "log.filter"), ("RUST_LOG", "RUST_LOG")] {
        let faults = faults(&[(variable, "info,service=loud")]);
        let given = format!("{field} = info,service=loud");
        assert!(faults.contains(&given), "{faults}");
        assert!(faults.contains("such as info,sqlx=warn"), "{faults}");
    }
    assert!(development(&[("RUST_LOG", "")]).is_ok());
}

#[test]
fn each_directive_that_cannot_be_read_is_named() {
    let faults = faults(&[("RUST_LOG", "info,service=loud,sqlx=warn,h2==off")]);
    assert!(faults.contains("`service=loud`: "), "{faults}");
    assert!(faults.contains("`h2==off`: "), "{faults}");
    assert!(!faults.contains("`sqlx=warn`"), "{faults}");
}

#[test]
fn blanks_around_a_directive_mean_nothing() {
    let read = |directives| log_filter(directives).unwrap().to_string();
    // The last has a blank of two bytes, as it comes from a page that it was copied from.
    for directives in [
        "info, sqlx=warn",
        " info ,sqlx=warn, ",
        "info,\u{a0}sqlx=warn",
    ] {
        assert_eq!(read(directives), read("info,sqlx=warn"), "{directives}");
    }
}

#[test]
fn an_unknown_key_is_refused_with_those_that_exist() {
    let faults = faults(&[
        ("APP_HTTP__ADRESS", "127.0.0.1:80"),
        ("APP_SERVER__PORT", "80"),
    ]);
    assert!(
        faults.contains("http.adress   (from APP_HTTP__ADRESS)"),
        "{faults}"
    );
    assert!(
        faults.contains("those here are: address, allowed_origins"),
        "{faults}"
    );
    let audienc = ("APP_AUTH__ISSUERS__MAIN__AUDIENC", "items");
    let issuer = development(&[audienc]).unwrap_err().to_string();
    assert!(issuer.contains("auth.issuers.main.audienc"), "{issuer}");
    assert!(issuer.contains("`audience`"), "{issuer}");
    assert!(
        faults.contains("server.port   (from APP_SERVER__PORT)"),
        "{faults}"
    );
}

#[test]
fn a_file_that_is_not_toml_is_a_fault_of_its_variable() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"http = [").unwrap();
    let faults = faults(&[("APP_CONFIG_FILE", file.path().to_str().unwrap())]);
    assert!(faults.contains("APP_CONFIG_FILE"), "{faults}");
    assert!(faults.contains("line 1"), "{faults}");
}

#[test]
fn a_secret_beside_a_fault_of_the_file_is_not_shown() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"[auth.issuers.main]\nhmac_secret = \"hunter2\n")
        .unwrap();
    let faults = faults(&[("APP_CONFIG_FILE", file.path().to_str().unwrap())]);
    assert!(faults.contains("line 2"), "{faults}");
    assert!(!faults.contains("hunter2"), "{faults}");
}

#[test]
fn what_stands_in_the_place_of_a_section_is_not_shown() {
    for (variable, field) in [
        ("APP_STORE", "store"),
        ("APP_WEBHOOK", "webhook"),
        ("APP_AUTH__ISSUERS__MAIN", "auth.issuers.main"),
    ] {
        let faults = faults(&[(variable, "https://user:hunter2@a.example/")]);
        let told = format!("  {field}   (from {variable})");
        assert!(faults.contains(&told), "{faults}");
        assert!(faults.contains("is a section"), "{faults}");
        assert!(!faults.contains("hunter2"), "{faults}");
    }
}

#[test]
fn the_value_of_a_key_that_is_misspelled_is_not_shown() {
    let faults = faults(&[("APP_AUTH__ISSUERS__MAIN__HMAC_SECERT", "hunter2")]);
    let told = "  auth.issuers.main.hmac_secert   (from APP_AUTH__ISSUERS__MAIN__HMAC_SECERT)";
    assert!(faults.contains(told), "{faults}");
    assert!(!faults.contains("hunter2"), "{faults}");
}

#[test]
fn a_list_in_the_environment_is_separated_by_commas() {
    let origins = "https://a.example, https://b.example:8443";
    let config = development(&[("APP_HTTP__ALLOWED_ORIGINS", origins)]);
    let expected = ["https://a.example", "https://b.example:8443"];
    assert_eq!(config.unwrap().config.http.allowed_origins, expected);
}

#[test]
fn a_proxy_is_named_by_its_network_or_its_address() {
    let proxies = (
        "APP_CLIENTS__TRUSTED_PROXIES",
        "10.0.0.0/8, 192.0.2.1, fd00::1",
    );
    let config = development(&[proxies]).unwrap().config;
    let named = config.clients.trusted_proxies.iter();
    let named: Vec<_> = named.map(ToString::to_string).collect();
    assert_eq!(named, ["10.0.0.0/8", "192.0.2.1/32", "fd00::1/128"]);
    let faults = faults(&[("APP_CLIENTS__TRUSTED_PROXIES", "proxy.example")]);
    assert!(faults.contains("such as 10.0.0.0/8"), "{faults}");
}

#[test]
fn an_origin_has_no_path() {
    let faults = faults(&[("APP_HTTP__ALLOWED_ORIGINS", "https://a.example/app")]);
    assert!(faults.contains("is no origin"), "{faults}");
}

#[test]
fn an_address_is_one_that_a_request_can_be_sent_to() {
    for address in ["nowhere", "ftp://a.example/", "https://a.example/new items"] {
        let faults = faults(&[("APP_WEBHOOK__URL", address)]);
        assert!(faults.contains("is no address of the web"), "{faults}");
    }
    assert!(development(&[("APP_WEBHOOK__URL", "https://a.example/new?key=1")]).is_ok());
}

#[test]
fn an_address_with_a_user_whom_nobody_would_be_told_is_refused() {
    for address in ["https://user:hunter2@a.example/", "https://user@a.example/"] {
        let faults = faults(&[("APP_WEBHOOK__URL", address)]);
        assert!(faults.contains("webhook.url"), "{faults}");
        assert!(faults.contains("names a user"), "{faults}");
        assert!(!faults.contains("hunter2"), "{faults}");
    }
}

#[test]
fn the_report_shows_every_value_with_its_source_and_no_secret() {
    let loaded = development(&[("APP_HTTP__REQUEST_TIMEOUT", "3s")]).unwrap();
    let report = loaded.to_string();
    let line = |start: &str| {
        let line = report.lines().find(|line| line.starts_with(start));
        line.unwrap_or_else(|| panic!("no {start} in {report}"))
            .to_owned()
    };
    assert!(line("request_timeout = \"3s\"").ends_with("# APP_HTTP__REQUEST_TIMEOUT"));
    assert!(line("issuer").ends_with("# development profile"));
    assert!(line("concurrent_requests").ends_with("# default"));
    assert!(line("hmac_secret").starts_with("hmac_secret = \"***\""));
    assert!(!report.contains("known-to-everyone"));
}

#[test]
fn what_is_printed_to_find_a_fault_has_no_secret_either() {
    let secret = "a secret of more than thirty-two bytes";
    let variable = ("APP_AUTH__ISSUERS__DEVELOPMENT__HMAC_SECRET", secret);
    let loaded = development(&[variable]).unwrap();
    let printed = format!("{loaded:?} {:?}", Environment::from_iter([variable]));
    assert!(printed.contains("HMAC_SECRET"), "{printed}");
    assert!(!printed.contains(secret), "{printed}");
}

#[test]
fn the_report_is_itself_a_configuration_file() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let report = development(&[]).unwrap().to_string();
    // All but the secrets, which it masks.
    let report = report.lines().filter(|line| !line.contains("***"));
    fs::write(file.path(), report.collect::<Vec<_>>().join("\n")).unwrap();
    file.flush().unwrap();
    development(&[("APP_CONFIG_FILE", file.path().to_str().unwrap())]).unwrap();
}

#[test]
fn an_issuer_waits_for_a_restart_if_it_is_added_or_removed() {
    let one = development(&[]).unwrap();
    let two = development(&[
        ("APP_AUTH__ISSUERS__MAIN__ISSUER", "https://issuer.example"),
        ("APP_AUTH__ISSUERS__MAIN__AUDIENCE", "items"),
    ]);
    let two = two.unwrap();
    for (before, new) in [(&one, &two), (&two, &one)] {
        let Change { loaded, applied } = before.changed_by(new.clone());
        assert!(applied.is_empty(), "{applied:?}");
        let mut waiting = loaded.waiting();
        assert!(waiting.any(|key| key == "auth.issuers.main.issuer"));
        let issuers = |loaded: &Loaded| loaded.config.auth.issuers.len();
        assert_eq!(issuers(&loaded), issuers(before));
    }
}

#[test]
fn export_is_on_where_an_endpoint_is_named() {
    let otlp = |variables: &[(&str, &str)]| development(variables).unwrap().config.otlp;
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317");

    assert_eq!(otlp(&[]), Otlp::default());
    assert_eq!(
        otlp(&[endpoint]),
        Otlp {
            traces: true,
            metrics: true,
            ..Otlp::default()
        }
    );
    assert_eq!(
        otlp(&[endpoint, ("OTEL_METRICS_EXPORTER", "none")]),
        Otlp {
            traces: true,
            metrics: false,
            ..Otlp::default()
        },
    );
    assert_eq!(
        otlp(&[endpoint, ("OTEL_SDK_DISABLED", "true")]),
        Otlp::default()
    );
    assert_eq!(
        otlp(&[("OTEL_TRACES_EXPORTER", "otlp")]),
        Otlp {
            traces: true,
            metrics: false,
            ..Otlp::default()
        },
    );
}

#[test]
fn the_headers_of_traces_are_those_of_the_propagators() {
    let propagation = |names| {
        let config = development(&[("OTEL_PROPAGATORS", names)]);
        config.unwrap().config.otlp.propagation
    };
    assert_eq!(propagation(""), Propagation::w3c());
    assert_eq!(propagation("b3"), Propagation::none().with_b3());
    let faults = faults(&[("OTEL_PROPAGATORS", "b3,xray")]);
    assert!(faults.contains("OTEL_PROPAGATORS = b3,xray"), "{faults}");
    assert!(faults.contains("there are: tracecontext"), "{faults}");
}

#[test]
fn a_sampling_ratio_is_between_none_and_all() {
    assert!(faults(&[("OTEL_TRACES_SAMPLER_ARG", "1.5")]).contains("from 0 to 1"));
    assert!(faults(&[("OTEL_TRACES_SAMPLER", "sometimes")]).contains("parentbased_traceidratio"));
    assert!(development(&[("OTEL_TRACES_SAMPLER_ARG", "0.1")]).is_ok());
}

#[test]
fn the_deadlines_of_the_way_down_fit_into_what_kubernetes_grants() {
    let longest = Shutdown::default().longest();
    assert!(
        longest.as_secs() <= 25,
        "{longest:?} leaves no reserve below 30 s"
    );
}

#[test]
fn a_client_may_not_take_its_last_answer_for_longer_than_a_drain_lasts() {
    let drain = ("APP_SHUTDOWN__DRAIN_TIMEOUT", "5s");
    let faults = faults(&[drain]);
    assert!(faults.contains("1 fault:"), "{faults}");
    assert!(faults.contains("http.write_timeout = 8s"), "{faults}");
    assert!(faults.contains("shutdown.drain_timeout, 5s"), "{faults}");
    assert!(development(&[drain, ("APP_HTTP__WRITE_TIMEOUT", "5s")]).is_ok());
}

#[test]
fn a_route_has_a_ratio_of_its_own() {
    let ratios = "GET /api/v1/items=0.01, POST /api/v1/items=1";
    let config = development(&[("APP_TRACES__ROUTE_RATIOS", ratios)]).unwrap();
    let read = config.config.traces.route_ratios;
    let read: Vec<_> = read.iter().map(ToString::to_string).collect();
    assert_eq!(read.join(", "), ratios);
}

#[test]
fn a_ratio_of_a_route_that_is_none_is_told_with_an_example() {
    for (ratio, fault) in [
        ("/api/v1/items=0.1", "must be a method, a route and a ratio"),
        ("GET /api/v1/items", "must be a method, a route and a ratio"),
        ("GET /api/v1/items=2", "give a number from 0 to 1"),
        ("GET /api/v1/items=NaN", "give a number from 0 to 1"),
    ] {
        let faults = faults(&[("APP_TRACES__ROUTE_RATIOS", ratio)]);
        assert!(faults.contains(fault), "{faults}");
        assert!(faults.contains("traces.route_ratios"), "{faults}");
    }
    let faults = faults(&[("APP_TRACES__LIMIT_PER_SECOND", "0")]);
    assert!(faults.contains("traces.limit_per_second"), "{faults}");
}

#[test]
fn the_samplers_variables_say_which_traces_are_sampled() {
    let sampler = |name, argument| {
        let variables = [
            ("OTEL_TRACES_SAMPLER", name),
            ("OTEL_TRACES_SAMPLER_ARG", argument),
        ];
        let HeadSampler {
            parent_based,
            ratio,
        } = development(&variables).unwrap().config.otlp.sampler;
        (parent_based, ratio)
    };
    assert_eq!(sampler("", ""), (true, 1.0));
    assert_eq!(sampler("always_off", ""), (false, 0.0));
    assert_eq!(sampler("traceidratio", "0.5"), (false, 0.5));
    assert_eq!(sampler("parentbased_traceidratio", "0.25"), (true, 0.25));
    assert_eq!(sampler("parentbased_always_on", "0.25"), (true, 1.0));
}

#[test]
fn by_default_no_client_is_waited_for_longer_than_ten_seconds() {
    let config = Config::default();
    let grace = Duration::from_secs(1);
    for wait in [
        config.tls.handshake_timeout,
        config.http.header_read_timeout,
        config.http.keep_alive_timeout + grace,
        config.http2.ping_interval + config.http2.ping_timeout,
    ] {
        assert!(wait < Duration::from_secs(10), "{wait:?}");
    }
}

#[test]
fn a_bound_of_nothing_would_let_nothing_pass_and_is_refused() {
    for (variable, value, field) in [
        ("APP_HTTP__CONNECTIONS", "0", "http.connections"),
        (
            "APP_HTTP__HEADER_LIMIT_FIELDS",
            "0",
            "http.header_limit_fields",
        ),
        (
            "APP_HTTP__HEADER_LIMIT_BYTES",
            "100",
            "http.header_limit_bytes",
        ),
        (
            "APP_HTTP__KEEP_ALIVE_TIMEOUT",
            "0s",
            "http.keep_alive_timeout",
        ),
        ("APP_HTTP__WRITE_TIMEOUT", "0s", "http.write_timeout"),
        (
            "APP_HTTP2__CONCURRENT_STREAMS",
            "0",
            "http2.concurrent_streams",
        ),
        ("APP_HTTP2__PING_INTERVAL", "0s", "http2.ping_interval"),
        ("APP_OPERATIONS__CONNECTIONS", "0", "operations.connections"),
        ("APP_TLS__RELOAD_INTERVAL", "0s", "tls.reload_interval"),
        ("APP_TLS__HANDSHAKE_TIMEOUT", "0s", "tls.handshake_timeout"),
    ] {
        let faults = faults(&[(variable, value)]);
        assert!(faults.contains("1 fault:"), "{faults}");
        assert!(faults.contains(field), "{faults}");
    }
}

#[test]
fn a_bound_beyond_what_can_be_counted_is_refused() {
    for (variable, field, most) in [
        (
            "APP_CLIENTS__REQUESTS_PER_SECOND",
            "clients.requests_per_second",
            1_000_000_000,
        ),
        (
            "APP_HTTP__HEADER_LIMIT_FIELDS",
            "http.header_limit_fields",
            16_384,
        ),
    ] {
        let (most, above) = (most.to_string(), (most + 1).to_string());
        let faults = faults(&[(variable, &*above)]);
        assert!(faults.contains("1 fault:"), "{faults}");
        let told = format!("{field} = {above}");
        assert!(faults.contains(&told), "{faults}");
        assert!(development(&[(variable, &*most)]).is_ok());
    }
}

#[test]
fn what_needs_tls_is_refused_without_it() {
    for (variable, value) in [
        ("APP_TLS__CLIENT_CA_FILE", "ca.pem"),
        ("APP_TLS__REDIRECT_ADDRESS", "0.0.0.0:8081"),
        ("APP_TLS__HSTS_MAX_AGE", "1day"),
    ] {
        assert!(
            faults(&[(variable, value)]).contains("needs TLS"),
            "{variable}"
        );
    }
}
