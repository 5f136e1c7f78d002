//! The life of keys on a clock that is paused: it goes on as soon as all wait for it.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::{
    collections::VecDeque,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tokio::{
    sync::Semaphore,
    task::{JoinSet, yield_now},
    time::{Instant, advance},
};

use super::{
    KEY_COOLDOWN, KeySourceError, KeysTask, MAX_WAITING, backoff,
    origin::{Document, Fetched, Origin, Validator},
    task::{self, Settings},
};
use crate::jwt::{
    Claims, HmacAlgorithm, Issuer, Key, KeySet, Keys, Rejection, TokenError, Verifier,
    VerifierError,
};

const HOUR: Duration = Duration::from_secs(3600);
const SECRET: [u8; 32] = [7; 32];

/// Publishes what the test says, when the test says so.
#[derive(Clone)]
struct Fake {
    fetches: Arc<AtomicUsize>,
    /// The names of the keys, or that there is no answer. The last one stays.
    answers: Arc<Mutex<VecDeque<Option<&'static str>>>>,
    /// One permit for each answer.
    gate: Arc<Semaphore>,
}

impl Fake {
    fn answering(answers: impl IntoIterator<Item = Option<&'static str>>) -> Self {
        Self {
            fetches: Arc::default(),
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        }
    }

    /// Answers when it is let.
    fn hanging(self) -> Self {
        let gate = Arc::new(Semaphore::new(0));
        Self { gate, ..self }
    }

    fn start(&self) -> Live {
        self.start_with(KEY_COOLDOWN)
    }

    fn start_with(&self, cooldown: Duration) -> Live {
        let settings = Settings {
            source: "a test".to_owned(),
            cooldown,
            meter: None,
        };
        let (keys, task) = task::start(self.clone(), settings);
        let issuer = Issuer::new("issuer", "audience", keys.clone());
        let verifier = Verifier::builder().issuer(issuer).build().unwrap();
        Live {
            fake: self.clone(),
            keys,
            verifier,
            task: Some(task),
        }
    }
}

impl Origin for Fake {
    async fn fetch(&self, _: Option<&Validator>) -> Result<Fetched, KeySourceError> {
        self.fetches.fetch_add(1, Relaxed);
        self.gate.acquire().await.unwrap().forget();
        let mut answers = self.answers.lock().unwrap();
        let answer = match answers.len() {
            1 => answers[0],
            _ => answers.pop_front().unwrap(),
        };
        let bytes = answer.ok_or(KeySourceError::Redirect)?.into();
        let validator = None;
        Ok(Fetched {
            document: Some(Document { bytes, validator }),
            pause: HOUR,
        })
    }

    fn read(&self, document: &[u8]) -> Result<(KeySet, Vec<VerifierError>), KeySourceError> {
        let kids = str::from_utf8(document).unwrap().split_whitespace();
        let key = |kid| Key::hmac(HmacAlgorithm::Hs256, &SECRET).unwrap().kid(kid);
        let keys = KeySet::new(kids.map(key)).map_err(KeySourceError::Keys)?;
        Ok((keys, Vec::new()))
    }

    fn pause_after(&self, failures: u32) -> Duration {
        backoff::after_failures(failures)
    }
}

struct Live {
    fake: Fake,
    keys: Keys,
    verifier: Verifier,
    task: Option<KeysTask>,
}

impl Live {
    fn fetches(&self) -> usize {
        self.fake.fetches.load(Relaxed)
    }

    async fn authenticate(&self, kid: &str) -> Result<Claims, Rejection> {
        self.verifier.authenticate(&token(kid)).await
    }

    /// Many requests at the same time, which are now as far as they can get.
    async fn ask(&self, kids: impl IntoIterator<Item = String>) -> JoinSet<Verdict> {
        let mut requests = JoinSet::new();
        for kid in kids {
            let verifier = self.verifier.clone();
            requests.spawn(async move { verifier.authenticate(&token(&kid)).await.map(drop) });
        }
        settled().await;
        requests
    }
}

type Verdict = Result<(), Rejection>;

const UNKNOWN: Verdict = Err(Rejection::InvalidToken(TokenError::UnknownKey));

/// Until nobody gets further without an answer or a clock.
async fn settled() {
    for _ in 0..20 {
        yield_now().await;
    }
}

fn token(kid: &str) -> String {
    let encode = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let header = encode(serde_json::json!({ "alg": "HS256", "kid": kid }));
    let claims = encode(serde_json::json!({
        "iss": "issuer", "aud": "audience", "sub": "ada", "exp": now.as_secs() + 3600,
    }));
    let signed = format!("{header}.{claims}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &SECRET);
    let signature = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test(start_paused = true)]
async fn cold_requests_wait_for_one_fetch_and_all_pass() {
    let live = Fake::answering([Some("a")]).hanging().start();
    let requests = live.ask((0..1000).map(|_| "a".to_owned())).await;
    assert_eq!(live.fetches(), 1);

    live.fake.gate.add_permits(1);
    let verdicts = requests.join_all().await;
    assert!(verdicts.iter().all(Result::is_ok));
    assert_eq!(live.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_any_keys_requests_are_told_when_to_come_back() {
    let live = Fake::answering([None]).start();
    let verdict = live.authenticate("a").await.unwrap_err();
    let Rejection::KeysUnavailable { retry_after } = verdict else {
        panic!("{verdict:?}");
    };
    assert!(retry_after <= Duration::from_secs(1), "{retry_after:?}");
    assert_eq!(live.fetches(), 1);

    let begun = Instant::now();
    assert!(live.authenticate("a").await.is_err());
    assert_eq!(begun.elapsed(), Duration::ZERO, "nothing is in flight");
    assert_eq!(live.fetches(), 1);
}

/// So slow that the next attempt has begun each time.
#[tokio::test(start_paused = true)]
async fn who_is_slow_to_look_hears_that_there_are_no_keys_too() {
    let live = Fake::answering([None]).hanging().start();
    let mut request = pin!(live.authenticate("a"));
    let mut look = || {
        let mut context = Context::from_waker(Waker::noop());
        request.as_mut().poll(&mut context)
    };
    for _ in 0..2 {
        assert!(look().is_pending());
        live.fake.gate.add_permits(1);
        settled().await;
        advance(Duration::from_secs(60)).await;
        settled().await;
    }
    assert_eq!(live.fetches(), 3);
    let verdict = look();
    assert!(matches!(
        verdict,
        Poll::Ready(Err(Rejection::KeysUnavailable { .. }))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_first_failure_is_made_good_within_a_second() {
    let live = Fake::answering([None, Some("a")]).start();
    assert!(live.authenticate("a").await.is_err());
    advance(Duration::from_secs(1)).await;
    settled().await;
    assert!(live.authenticate("a").await.is_ok());
    assert_eq!(live.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn keys_are_fetched_again_when_their_time_has_come() {
    let live = Fake::answering([Some("a"), Some("a b")]).start();
    assert!(live.authenticate("a").await.is_ok());
    advance(HOUR - Duration::from_secs(1)).await;
    settled().await;
    assert_eq!(live.fetches(), 1);
    advance(Duration::from_secs(1)).await;
    settled().await;
    assert_eq!(live.fetches(), 2);
    assert!(live.verifier.verify(&token("b")).is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_outage_keeps_the_last_keys_and_retries_get_rarer() {
    let live = Fake::answering([Some("a"), None]).start();
    assert!(live.authenticate("a").await.is_ok());
    tokio::time::sleep(24 * HOUR).await;

    assert!(live.verifier.verify(&token("a")).is_ok());
    // One to two a minute for 23 hours, and a few before that.
    let retries = live.fetches() - 1;
    assert!((23 * 60..23 * 120 + 10).contains(&retries), "{retries}");
}

#[tokio::test(start_paused = true)]
async fn the_same_document_leaves_the_very_same_keys() {
    let live = Fake::answering([Some("a"), Some("a"), Some("a b")]).start();
    assert!(live.authenticate("a").await.is_ok());
    let first = Arc::clone(&live.keys.current());
    tokio::time::sleep(HOUR).await;
    settled().await;
    assert_eq!(live.fetches(), 2);
    assert!(Arc::ptr_eq(&first, &live.keys.current()));

    tokio::time::sleep(HOUR).await;
    settled().await;
    assert!(!Arc::ptr_eq(&first, &live.keys.current()));
}

#[tokio::test(start_paused = true)]
async fn sets_that_are_empty_or_ambiguous_are_not_used() {
    for unsound in ["", "a a", "b b"] {
        let live = Fake::answering([Some("a"), Some(unsound)]).start();
        assert!(live.authenticate("a").await.is_ok());
        assert_eq!(live.authenticate("b").await.map(drop), UNKNOWN);
        assert_eq!(live.fetches(), 2);
        assert!(live.authenticate("a").await.is_ok(), "{unsound:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_fetched_once_for_all_that_wait_for_it() {
    let live = Fake::answering([Some("a"), Some("a b")]).start();
    assert!(live.authenticate("a").await.is_ok());
    let requests = live.ask((0..1000).map(|_| "b".to_owned())).await;
    assert!(requests.join_all().await.iter().all(Result::is_ok));
    assert_eq!(live.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn known_keys_do_not_wait_for_a_fetch_that_hangs() {
    let fake = Fake::answering([Some("a")]).hanging();
    fake.gate.add_permits(1);
    let live = fake.start();
    assert!(live.authenticate("a").await.is_ok());
    let waiting = live.ask(["b".to_owned()]).await;
    assert_eq!(live.fetches(), 2);

    let begun = Instant::now();
    assert!(live.authenticate("a").await.is_ok());
    assert!(live.verifier.verify(&token("a")).is_ok());
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(waiting.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn in_the_cool_down_unknown_keys_are_refused_at_once() {
    let live = Fake::answering([Some("a"), Some("a"), Some("a b")]).start();
    assert!(live.authenticate("a").await.is_ok());
    assert_eq!(live.authenticate("x").await.map(drop), UNKNOWN);
    assert_eq!(live.fetches(), 2);

    for _ in 0..29 {
        advance(Duration::from_secs(1)).await;
        assert_eq!(live.authenticate("b").await.map(drop), UNKNOWN);
    }
    assert_eq!(live.fetches(), 2);
    advance(Duration::from_secs(1)).await;
    assert!(live.authenticate("b").await.is_ok());
    assert_eq!(live.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_cool_down_may_last_for_ever() {
    let live = Fake::answering([Some("a")]).start_with(Duration::MAX);
    assert!(live.authenticate("a").await.is_ok());
    for _ in 0..3 {
        assert_eq!(live.authenticate("b").await.map(drop), UNKNOWN);
        advance(HOUR / 10).await;
    }
    assert_eq!(live.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failed_fetch_starts_the_cool_down_too_and_no_retries() {
    let live = Fake::answering([Some("a"), None]).start();
    assert!(live.authenticate("a").await.is_ok());
    assert_eq!(live.authenticate("b").await.map(drop), UNKNOWN);
    assert_eq!(live.authenticate("b").await.map(drop), UNKNOWN);
    tokio::time::sleep(HOUR / 2).await;
    assert_eq!(live.fetches(), 2);
    assert_eq!(live.authenticate("b").await.map(drop), UNKNOWN);
    assert_eq!(live.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_began_before_the_key_was_published_is_followed_by_another() {
    let fake = Fake::answering([Some("a"), Some("a"), Some("a b")]).hanging();
    fake.gate.add_permits(1);
    let live = fake.start();
    assert!(live.authenticate("a").await.is_ok());
    advance(HOUR).await;
    settled().await;
    assert_eq!(live.fetches(), 2, "by schedule, and it hangs");

    let requests = live.ask((0..10).map(|_| "b".to_owned())).await;
    live.fake.gate.add_permits(2);
    assert!(requests.join_all().await.iter().all(Result::is_ok));
    assert_eq!(live.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn more_than_so_many_do_not_wait() {
    let live = Fake::answering([Some("a")]).hanging().start();
    let mut requests = live.ask((0..=MAX_WAITING).map(|_| "a".to_owned())).await;
    let first = requests.try_join_next().expect("one is over at once");
    assert!(matches!(
        first.unwrap(),
        Err(Rejection::KeysUnavailable { .. })
    ));
    assert!(requests.try_join_next().is_none());

    live.fake.gate.add_permits(1);
    assert!(requests.join_all().await.iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_leaves_its_place_to_others() {
    let live = Fake::answering([Some("a")]).hanging().start();
    for _ in 0..3 {
        let requests = live.ask((0..MAX_WAITING).map(|_| "a".to_owned())).await;
        assert_eq!(requests.len(), MAX_WAITING);
        drop(requests);
    }
    let requests = live.ask(["a".to_owned()]).await;
    live.fake.gate.add_permits(1);
    assert_eq!(requests.join_all().await, [Ok(())]);
    assert_eq!(live.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_task_ends_the_fetch_and_every_wait() {
    let mut live = Fake::answering([Some("a")]).hanging().start();
    let requests = live.ask(["a".to_owned()]).await;
    live.task = None;
    let verdicts = requests.join_all().await;
    assert!(matches!(
        verdicts[..],
        [Err(Rejection::KeysUnavailable { .. })]
    ));
    assert_eq!(Arc::strong_count(&live.fake.fetches), 1);
}

#[tokio::test(start_paused = true)]
async fn without_its_task_keys_stay_and_unknown_ones_are_refused() {
    let mut live = Fake::answering([Some("a")]).start();
    assert!(live.authenticate("a").await.is_ok());
    live.task = None;
    settled().await;
    assert_eq!(live.authenticate("b").await.map(drop), UNKNOWN);
    assert!(live.authenticate("a").await.is_ok());
    assert_eq!(live.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_fetch_is_made_for_an_algorithm_that_is_not_allowed() {
    let fake = Fake::answering([Some("a")]);
    let live = fake.start();
    assert!(live.authenticate("a").await.is_ok());
    let issuer = Issuer::new("issuer", "audience", live.keys.clone());
    let issuer = issuer.algorithms([crate::jwt::Algorithm::Es256]);
    assert!(matches!(
        Verifier::builder().issuer(issuer.clone()).build(),
        Err(VerifierError::NoKey)
    ));
    let both = issuer.algorithms([crate::jwt::Algorithm::Hs256]);
    let verifier = Verifier::builder().issuer(both).build().unwrap();
    let es256 = token("b").replacen(
        &URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","kid":"b"}"#),
        &URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","kid":"b"}"#),
        1,
    );
    assert_eq!(verifier.authenticate(&es256).await.map(drop), UNKNOWN);
    assert_eq!(live.fetches(), 1);
}
