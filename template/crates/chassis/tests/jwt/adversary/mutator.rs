//! Makes bad tokens of good ones. The same seed makes the same changes.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::issuer::{ALGORITHMS, ISSUER, NOW, encode};

/// What is put into tokens: base64url, what is nearly that, and what is far from it.
const CHARACTERS: &[u8] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=.~,;: %\"{}\0\t\n\x7f\xff";

/// The names that a token's header and claims may have, and some that they may not.
const NAMES: [&str; 16] = [
    "alg", "kid", "typ", "crit", "jwk", "cty", "iss", "sub", "aud", "exp", "nbf", "iat", "jti",
    "scope", "roles", "",
];

type Mutation = fn(&mut Mutator, &str) -> String;

const MUTATIONS: [Mutation; 11] = [
    Mutator::flip_a_bit,
    Mutator::change_a_character,
    Mutator::insert,
    Mutator::remove,
    Mutator::cut_off,
    Mutator::repeat,
    Mutator::splice,
    Mutator::swap_parts,
    Mutator::change_bytes_of_a_part,
    // Twice, for it is what gets farthest.
    Mutator::change_the_json_of_a_part,
    Mutator::change_the_json_of_a_part,
];

pub struct Mutator {
    good: Vec<String>,
    random: u64,
}

impl Mutator {
    pub fn new(good: &[String], seed: u64) -> Self {
        Self {
            good: good.to_vec(),
            random: seed,
        }
    }

    /// One to three changes to a good token; now and then they undo each other.
    pub fn mutant(&mut self) -> String {
        let mut token = self.good_token();
        for _ in 0..=self.below(3) {
            let mutation = MUTATIONS[self.below(MUTATIONS.len())];
            token = mutation(self, &token);
        }
        token
    }

    /// SplitMix64: of a seed, it makes the same numbers everywhere and for ever.
    fn number(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to one below the end; 0 if that is the end.
    fn below(&mut self, end: usize) -> usize {
        (self.number() % end.max(1) as u64) as usize
    }

    fn good_token(&mut self) -> String {
        let which = self.below(self.good.len());
        self.good[which].clone()
    }

    fn flip_a_bit(&mut self, token: &str) -> String {
        let (place, bit) = (self.below(token.len()), self.below(8));
        with_bytes(token, |bytes| {
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= 1 << bit;
            }
        })
    }

    fn change_a_character(&mut self, token: &str) -> String {
        let (place, other) = (self.below(token.len()), self.below(CHARACTERS.len()));
        with_bytes(token, |bytes| {
            if let Some(byte) = bytes.get_mut(place) {
                *byte = CHARACTERS[other];
            }
        })
    }

    fn insert(&mut self, token: &str) -> String {
        let place = self.below(token.len() + 1);
        let count = 1 + self.below(4);
        let some: Vec<u8> = (0..count)
            .map(|_| CHARACTERS[self.below(CHARACTERS.len())])
            .collect();
        with_bytes(token, |bytes| drop(bytes.splice(place..place, some)))
    }

    fn remove(&mut self, token: &str) -> String {
        let start = self.below(token.len());
        let end = token.len().min(start + 1 + self.below(8));
        with_bytes(token, |bytes| drop(bytes.drain(start..end)))
    }

    fn cut_off(&mut self, token: &str) -> String {
        let length = self.below(token.len());
        with_bytes(token, |bytes| bytes.truncate(length))
    }

    fn repeat(&mut self, token: &str) -> String {
        let start = self.below(token.len());
        let end = start + self.below(token.len() - start);
        with_bytes(token, |bytes| bytes.extend_from_within(start..end))
    }

    /// The beginning of one, the end of another: at the same place, or anywhere.
    fn splice(&mut self, token: &str) -> String {
        let other = self.good_token();
        let place = self.below(token.len());
        let from = match self.below(2) {
            0 => place.min(other.len()),
            _ => self.below(other.len()),
        };
        with_bytes(token, |bytes| {
            bytes.truncate(place);
            bytes.extend_from_slice(&other.as_bytes()[from..]);
        })
    }

    /// A part of another token, or another part of the same.
    fn swap_parts(&mut self, token: &str) -> String {
        let other = match self.below(4) {
            0 => token.to_owned(),
            _ => self.good_token(),
        };
        let others: Vec<&str> = other.split('.').collect();
        let same_place = self.below(4) > 0;
        self.with_a_part(token, |mutator, place, _| {
            let place = if same_place { place } else { mutator.below(3) };
            others.get(place).copied().unwrap_or_default().to_owned()
        })
    }

    /// So that it is still base64url.
    fn change_bytes_of_a_part(&mut self, token: &str) -> String {
        self.with_a_part(token, |mutator, _, part| {
            let mut bytes = decode(part);
            let place = mutator.below(bytes.len());
            match mutator.below(5) {
                0 if !bytes.is_empty() => bytes[place] ^= 1 << mutator.below(8),
                1 if !bytes.is_empty() => bytes[place] = mutator.number() as u8,
                2 => bytes.insert(place, mutator.number() as u8),
                3 => bytes.truncate(place),
                _ => bytes.push(0),
            }
            encode(bytes)
        })
    }

    /// So that it is still JSON, if it was.
    fn change_the_json_of_a_part(&mut self, token: &str) -> String {
        self.with_a_part(token, |mutator, _, part| {
            let Ok(mut json) = serde_json::from_slice::<Value>(&decode(part)) else {
                return part.to_owned();
            };
            if let Some(object) = json.as_object_mut() {
                let name = NAMES[mutator.below(NAMES.len())];
                match mutator.below(4) {
                    0 => drop(object.remove(name)),
                    _ => drop(object.insert(name.to_owned(), mutator.value())),
                }
            }
            encode(json.to_string())
        })
    }

    fn value(&mut self) -> Value {
        let number = self.number();
        match self.below(12) {
            0 => json!(null),
            1 => json!([]),
            2 => json!({ "alg": "none" }),
            3 => json!(number),
            4 => json!(-1),
            5 => json!(1e300),
            6 => json!(NOW + number % 1000),
            7 => json!("none"),
            8 => json!("root"),
            9 => json!(ISSUER),
            10 => json!("x".repeat(self.below(6000))),
            _ => json!(ALGORITHMS[self.below(ALGORITHMS.len())]),
        }
    }

    /// Changes one of the parts, by its place.
    fn with_a_part(
        &mut self,
        token: &str,
        change: impl Fn(&mut Self, usize, &str) -> String,
    ) -> String {
        let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
        let place = self.below(parts.len());
        parts[place] = change(self, place, &parts[place]);
        parts.join(".")
    }
}

/// A token is text: a byte that is no ASCII becomes two.
fn with_bytes(token: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut bytes = token.as_bytes().to_vec();
    change(&mut bytes);
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => error.into_bytes().into_iter().map(char::from).collect(),
    }
}

/// Nothing, if it is not base64url.
fn decode(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap_or_default()
}
