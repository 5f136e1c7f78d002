//! Clients that count what became of each request.

pub mod asking;
pub mod connecting;
pub mod paced;
mod times;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http_body_util::BodyExt;
use hyper::{StatusCode, header::CONNECTION};

pub use self::times::Times;
use crate::shared::client::Sent;

/// What became of requests, counted by all clients.
#[derive(Debug, Default)]
pub struct Tally {
    /// Answered with success.
    succeeded: AtomicU64,
    /// Answered otherwise.
    refused: AtomicU64,
    /// Sent, perhaps taken, and never answered whole.
    lost: AtomicU64,
    /// Connections that could not be made.
    unconnected: AtomicU64,
    /// What the first loss was.
    first_loss: std::sync::OnceLock<String>,
}

/// What a client may do after a request.
pub enum Next {
    /// Ask over the same connection.
    Ask,
    /// Ask over another one.
    Leave,
    /// Send the same request over another one: it never left.
    Repeat,
}

impl Tally {
    /// Takes the answer to its end, and counts what became of the request.
    pub async fn settle(&self, sent: Sent) -> Next {
        let answer = match sent {
            Sent::Answered(answer) => answer,
            Sent::Unsent => return Next::Repeat,
            Sent::Lost(error) => {
                self.lost(format!("no answer: {error:?}"));
                return Next::Leave;
            }
        };
        let status = answer.status();
        let leaves = answer.headers().get(CONNECTION);
        let leaves = leaves.is_some_and(|says| says.as_bytes().eq_ignore_ascii_case(b"close"));
        if let Err(error) = answer.into_body().collect().await {
            self.lost(format!("half an answer: {error:?}"));
            return Next::Leave;
        }
        self.answered(status);
        if leaves { Next::Leave } else { Next::Ask }
    }

    fn answered(&self, status: StatusCode) {
        if status.is_success() {
            self.succeeded.fetch_add(1, Relaxed);
        } else {
            self.refused.fetch_add(1, Relaxed);
            let _ = self.first_loss.set(status.to_string());
        }
    }

    fn lost(&self, why: impl ToString) {
        self.lost.fetch_add(1, Relaxed);
        let _ = self.first_loss.set(why.to_string());
    }

    pub fn unconnected(&self, why: impl ToString) {
        self.unconnected.fetch_add(1, Relaxed);
        let _ = self.first_loss.set(why.to_string());
    }

    pub fn succeeded(&self) -> u64 {
        self.succeeded.load(Relaxed)
    }

    /// All that did not go well.
    pub fn failed(&self) -> u64 {
        [&self.refused, &self.lost, &self.unconnected]
            .map(|count| count.load(Relaxed))
            .iter()
            .sum()
    }

    pub fn all(&self) -> u64 {
        self.succeeded() + self.failed()
    }

    /// `3 of 1,000 requests`, with what the first of them was.
    pub fn told(&self) -> String {
        let first = self.first_loss.get();
        let first = first.map_or_else(String::new, |first| format!(", the first: {first}"));
        format!(
            "{} of {} requests{first}",
            self.failed(),
            thousands(self.all())
        )
    }
}

/// `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut told = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            told.push(',');
        }
        told.push(digit);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_can_be_read() {
        let told = [0, 999, 1000, 1_234_567].map(thousands);
        assert_eq!(told, ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn a_tally_tells_what_the_first_failure_was() {
        let tally = Tally::default();
        tally.answered(StatusCode::OK);
        assert_eq!(tally.told(), "0 of 1 requests");
        tally.answered(StatusCode::BAD_GATEWAY);
        tally.lost("reset");
        assert_eq!(tally.told(), "2 of 3 requests, the first: 502 Bad Gateway");
    }
}
