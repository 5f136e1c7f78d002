//! A gateway, and those who should not be let in.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use tokio::time::sleep;
use tonic::{Code, Status};

use crate::{
    client::Client,
    modes,
    pki::{Pki, TOKEN},
    proof::Outcome,
    setup::Setup,
    sink::Sink,
    spans::{Kind, Trace, requests},
};

const RENEWED: &str = "a-token-that-takes-its-place";
const PATIENCE: Duration = Duration::from_secs(60);

pub async fn run(setup: Setup) -> Result<Outcome> {
    let (folder, elsewhere) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let (pki, other) = (Pki::new(folder.path())?, Pki::new(elsewhere.path())?);
    let sink = Sink::start().await?;
    let gateway = modes::gateway(&setup, &sink, &pki, &modes::all_are_kept()).await?;
    let address = gateway.grpc();
    let secure = |token| Client::secure(&address, &pki.authority, token);
    let trusted = send(secure(Some(TOKEN))?).await;
    ensure!(trusted.is_ok(), "who may send was refused: {trusted:?}");
    sink.until("what may come has come", |sink| sink.counted() > 0)
        .await?;
    let before = sink.counted();
    let without = code(send(secure(None)?).await);
    let wrong = code(send(secure(Some("guessed"))?).await);
    let plain = code(send(Client::plain(&address)?).await);
    let untrusting = Client::secure(&address, &other.authority, Some(TOKEN))?;
    let stranger = code(send(untrusting).await);
    let page = reqwest::Client::new()
        .post(format!("http://{}/v1/traces", gateway.http()))
        .send()
        .await?
        .status();
    let came = sink.counted();
    // Both tokens first, then the new one alone: as an operator would.
    let tokens = folder.path().join("tokens");
    fs::write(&tokens, format!("{TOKEN}\n{RENEWED}\n"))?;
    until(|| secure(Some(RENEWED)), Code::Ok).await?;
    fs::write(&tokens, RENEWED)?;
    until(|| secure(Some(TOKEN)), Code::Unauthenticated).await?;
    Ok(Outcome::of(format!(
        "without a token {without:?}, with a wrong one {wrong:?}; without TLS {plain:?}; HTTP without TLS {page}; a client that does not know the authority does not send: {stranger:?}; a new token is taken, and the old one no more, without a restart",
    ))
    .goal(without == Code::Unauthenticated, "taken without a token")
    .goal(wrong == Code::Unauthenticated, "taken with a wrong token")
    .goal(plain != Code::Ok, "taken without TLS")
    .goal(page == 400, "HTTP taken without TLS")
    .goal(stranger != Code::Ok, "a stranger's certificate is trusted")
    .goal(came == before, "something came"))
}

/// Waits until sending ends so.
async fn until(client: impl Fn() -> Result<Client>, expected: Code) -> Result<()> {
    let begun = Instant::now();
    loop {
        let code = code(send(client()?).await);
        if code == expected {
            return Ok(());
        }
        ensure!(
            begun.elapsed() < PATIENCE,
            "{code:?} still, instead of {expected:?}"
        );
        sleep(Duration::from_millis(50)).await;
    }
}

async fn send(client: Client) -> Result<(), Status> {
    let traces = [Trace::new(Kind::Ordinary)];
    for request in requests(&traces) {
        client.send(request).await?;
    }
    Ok(())
}

fn code(sent: Result<(), Status>) -> Code {
    sent.err().map_or(Code::Ok, |status| status.code())
}
