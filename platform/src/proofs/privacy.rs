//! What must not leave the platform's own machines.

use anyhow::Result;

use crate::{
    client::Client,
    modes,
    proof::Outcome,
    setup::Setup,
    sink::Sink,
    spans::{Kind, SPANS, Seen, Trace, list, text},
};

/// An attribute, what is in it, and what becomes of it.
const ATTRIBUTES: [(&str, &str, Becomes); 12] = [
    (
        "http.request.header.authorization",
        "Bearer abcdefghijkl",
        Becomes::Nothing,
    ),
    (
        "http.request.header.cookie",
        "session=4711aa",
        Becomes::Nothing,
    ),
    ("url.query", "token=7gh3kd92", Becomes::Nothing),
    ("user.id", "person-4711", Becomes::Hash),
    ("client.address", "203.0.113.77", Becomes::Hash),
    ("user.email", "jane.hashed@example.org", Becomes::Hash),
    ("user.name", "Jane Smith", Becomes::Masked),
    (
        "db.query.text",
        "select 'jane.doe@example.org'",
        Becomes::Masked,
    ),
    (
        "app.note",
        "pays with 4111111111111111 today",
        Becomes::Masked,
    ),
    ("app.iban", "DE89370400440532013000", Becomes::Masked),
    (
        "app.jwt",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJqIn0.c2ln",
        Becomes::Masked,
    ),
    ("app.password", "hunter2-plain", Becomes::Masked),
];
/// A header, which is a list: masked, too.
const LISTED: (&str, &str) = ("http.request.header.x-contact", "jane.listed@example.org");
const KEPT: (&str, &str) = ("app.colour", "green");

#[derive(Clone, Copy, PartialEq)]
enum Becomes {
    Nothing,
    Hash,
    Masked,
}

pub async fn run(setup: Setup) -> Result<Outcome> {
    let sink = Sink::start().await?;
    let agent = modes::agent(&setup, &sink, &modes::all_are_kept()).await?;
    let attributes = || {
        let all = ATTRIBUTES.iter().map(|(key, value, _)| text(key, value));
        let listed = list(LISTED.0, &[LISTED.1]);
        all.chain([listed, text(KEPT.0, KEPT.1)]).collect()
    };
    let traces = [0, 1].map(|_| Trace::new(Kind::Ordinary).with(attributes()));
    Client::plain(&agent.grpc())?.traces(&traces, 1).await?;
    let all = (traces.len() * SPANS) as u64;
    sink.until("all spans have come", |sink| sink.counted() >= all)
        .await?;
    let spans = sink.spans();
    let told: String = spans.iter().map(|seen| seen.told(&[])).collect();
    let firsts: Vec<_> = spans
        .iter()
        .filter(|seen| seen.attribute(KEPT.0).is_some())
        .collect();
    let mut outcome = Outcome::of(format!(
        "{} attributes: {} deleted, {} hashed, one person's hash the same in two traces, {} masked",
        ATTRIBUTES.len(),
        count(Becomes::Nothing),
        count(Becomes::Hash),
        count(Becomes::Masked)
    ))
    .goal(
        firsts.len() == traces.len(),
        "what is harmless did not come",
    )
    .goal(
        !told.contains(LISTED.1),
        format!("{} came in a list", LISTED.1),
    );
    for (key, value, becomes) in ATTRIBUTES {
        outcome = outcome
            .goal(!told.contains(secret(value)), format!("{value} came"))
            .goal(
                firsts.iter().all(|seen| is_so(seen, key, becomes)),
                format!(
                    "{key} is {:?}",
                    firsts.iter().map(|s| s.attribute(key)).collect::<Vec<_>>()
                ),
            );
        if becomes == Becomes::Hash {
            let hashes: Vec<_> = firsts.iter().map(|seen| seen.attribute(key)).collect();
            outcome = outcome.goal(hashes.windows(2).all(|two| two[0] == two[1]), "two hashes");
        }
    }
    Ok(outcome)
}

fn is_so(seen: &Seen, key: &str, becomes: Becomes) -> bool {
    match (seen.attribute(key), becomes) {
        (None, Becomes::Nothing) => true,
        (Some(hash), Becomes::Hash) => {
            hash.len() >= 40 && hash.chars().all(|c| c.is_ascii_hexdigit())
        }
        (Some(text), Becomes::Masked) => text.contains("***") || text == "masked",
        _ => false,
    }
}

fn count(becomes: Becomes) -> usize {
    ATTRIBUTES.iter().filter(|one| one.2 == becomes).count()
}

/// The part that must not be found anywhere: the longest word.
fn secret(value: &str) -> &str {
    let words = value.split([' ', '\'']);
    words.max_by_key(|word| word.len()).unwrap_or(value)
}
