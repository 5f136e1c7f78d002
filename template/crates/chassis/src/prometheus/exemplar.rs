use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};

use opentelemetry::{
    Context, SpanId, TraceId,
    trace::{SpanContext, TraceContextExt},
};

use super::milliseconds::Milliseconds;

/// One measurement, and the trace that it was made in.
pub(super) struct Exemplar {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    pub(super) value: f64,
    pub(super) time: Milliseconds,
}

/// Where a counter, or a bucket of a histogram, keeps its exemplar.
///
/// It takes the first measurement after each scrape that was made in a sampled
/// span. All others cost one relaxed load: no clock is read, and nobody waits.
///
/// A sequence lock: who reads takes all words, and none of them if somebody has written
/// meanwhile. A scrape reads some thousands, and a lock would make it wait for each one's
/// memory before it asks for the next one's.
#[derive(Default)]
pub(super) struct ExemplarSlot {
    is_taken: AtomicBool,
    /// Zero before the first one, and odd while somebody writes.
    version: AtomicU32,
    words: [AtomicU64; WORDS],
}

/// As many as an exemplar has.
const WORDS: usize = 5;

impl ExemplarSlot {
    /// Keeps the measurement, if it is wanted and made in a sampled span.
    pub(super) fn offer(&self, value: f64) {
        if !self.is_taken.load(Ordering::Relaxed) {
            self.keep(value);
        }
    }

    #[cold]
    fn keep(&self, value: f64) {
        let Some(span) = sampled_span() else { return };
        let exemplar = Exemplar {
            trace_id: span.trace_id(),
            span_id: span.span_id(),
            value,
            time: Milliseconds::now(),
        };
        self.write(exemplar.to_words());
    }

    /// Unless somebody else does.
    fn write(&self, words: [u64; WORDS]) {
        let version = self.version.load(Ordering::Relaxed);
        if version % 2 == 1 || !self.swap_version(version, version.wrapping_add(1)) {
            return;
        }
        // Nobody who sees one of the words takes the version for an even one.
        fence(Ordering::Release);
        for (place, word) in self.words.iter().zip(words) {
            place.store(word, Ordering::Relaxed);
        }
        self.is_taken.store(true, Ordering::Relaxed);
        // Not zero again, after however many.
        let next = version.wrapping_add(2).max(2);
        self.version.store(next, Ordering::Release);
    }

    fn swap_version(&self, from: u32, to: u32) -> bool {
        let (set, fetch) = (Ordering::Acquire, Ordering::Relaxed);
        self.version.compare_exchange(from, to, set, fetch).is_ok()
    }

    /// The last one, unless it is being replaced; from now on the next is wanted.
    pub(super) fn show(&self) -> Option<Exemplar> {
        let version = self.version.load(Ordering::Acquire);
        if version == 0 || version % 2 == 1 {
            return None;
        }
        let words = self.words.each_ref();
        let words = words.map(|word| word.load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        let is_whole = self.version.load(Ordering::Relaxed) == version;
        self.is_taken.store(false, Ordering::Relaxed);
        is_whole.then(|| Exemplar::of_words(words))
    }
}

impl Exemplar {
    fn to_words(&self) -> [u64; WORDS] {
        let trace_id = u128::from_be_bytes(self.trace_id.to_bytes());
        [
            (trace_id >> 64) as u64,
            trace_id as u64,
            u64::from_be_bytes(self.span_id.to_bytes()),
            self.value.to_bits(),
            self.time.0,
        ]
    }

    fn of_words([high, low, span_id, value, time]: [u64; WORDS]) -> Self {
        Self {
            trace_id: TraceId::from(u128::from(high) << 64 | u128::from(low)),
            span_id: SpanId::from(span_id),
            value: f64::from_bits(value),
            time: Milliseconds(time),
        }
    }
}

fn sampled_span() -> Option<SpanContext> {
    Context::map_current(|context| {
        if !context.has_active_span() {
            return None;
        }
        let span = context.span();
        let span = span.span_context();
        (span.is_valid() && span.is_sampled()).then(|| span.clone())
    })
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// One whose words tell each other.
    fn words(n: u64) -> [u64; WORDS] {
        [n; WORDS]
    }

    #[test]
    fn what_is_kept_is_shown_to_the_last_bit() {
        let exemplar = Exemplar {
            trace_id: TraceId::from(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c),
            span_id: SpanId::from(0xb7ad_6b71_6920_3331),
            value: -0.1,
            time: Milliseconds(1_700_000_000_123),
        };
        let slot = ExemplarSlot::default();
        assert!(slot.show().is_none());
        slot.write(exemplar.to_words());
        let shown = slot.show().unwrap();
        assert_eq!(shown.trace_id, exemplar.trace_id);
        assert_eq!(shown.span_id, exemplar.span_id);
        assert_eq!(shown.value, exemplar.value);
        assert_eq!(shown.time.0, exemplar.time.0);
    }

    #[test]
    fn one_that_is_being_written_is_neither_shown_nor_written_by_others() {
        let slot = ExemplarSlot::default();
        slot.write(words(1));
        let version = slot.version.fetch_add(1, Ordering::Relaxed);
        slot.write(words(2));
        assert!(slot.show().is_none());
        slot.version.store(version, Ordering::Relaxed);
        assert_eq!(slot.show().unwrap().to_words(), words(1));
    }

    #[test]
    fn after_four_billion_it_is_still_shown() {
        let slot = ExemplarSlot::default();
        slot.version.store(u32::MAX - 1, Ordering::Relaxed);
        slot.write(words(1));
        assert_eq!(slot.show().unwrap().to_words(), words(1));
    }

    #[test]
    fn who_reads_while_others_write_sees_one_of_theirs_whole() {
        const TIMES: u64 = 20_000;
        let slot = ExemplarSlot::default();
        let write = |from: u64| (from..from + TIMES).for_each(|n| slot.write(words(n)));
        thread::scope(|scope| {
            let writers = [1, 1_000_000].map(|from| scope.spawn(move || write(from)));
            while !writers.iter().all(|writer| writer.is_finished()) {
                if let Some(shown) = slot.show() {
                    let shown = shown.to_words();
                    assert_eq!(shown, words(shown[0]));
                }
            }
        });
        assert!(slot.show().is_some());
    }
}
