use axum::response::Html;

/// What there is, and what it is for.
const ENDPOINTS: &[(&str, &str)] = &[
    ("/livez", "the runtime takes up work"),
    ("/readyz?verbose", "it wants requests; why not"),
    ("/startupz", "it has started"),
    ("/metrics", "for Prometheus"),
    ("/info", "which build this is"),
    ("/config", "the configuration in effect, with its sources"),
    ("/log-level", "what is logged; PUT for a while, DELETE"),
    ("/runtime", "what the process uses"),
    #[cfg(feature = "profiling")]
    ("/debug/pprof/profile?seconds=10", "where the CPU is"),
    #[cfg(feature = "profiling")]
    ("/debug/pprof/heap", "where the memory is"),
];

/// A page with a link to each.
pub(super) async fn show() -> Html<String> {
    let links = ENDPOINTS
        .iter()
        .map(|(path, about)| format!("<li><a href=\"{path}\">{path}</a> {about}</li>\n"));
    Html(format!(
        "<!doctype html>\n<html lang=\"en\">\n<title>{name}</title>\n<h1>{name}</h1>\n<ul>\n{links}</ul>\n</html>\n",
        name = env!("CARGO_PKG_NAME"),
        links = links.collect::<String>(),
    ))
}
