//! What `cargo xtask capacity` sets beside the service: a bare router that gives the
//! same answer, and an issuer of tokens.

mod bare;
mod issuer;

use anyhow::{Context, Result, bail};

const USAGE: &str = "serve <address> <item.json> [<certificate.pem> <key.pem>], or issue <folder>";

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve", address, item] => bare::serve(address, item, None),
        ["serve", address, item, certificate, key] => {
            bare::serve(address, item, Some((certificate, key)))
        }
        ["issue", folder] => issuer::issue(folder.as_ref()).context("nothing is issued"),
        _ => bail!(USAGE),
    }
}
