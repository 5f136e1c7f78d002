use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::conn::auto::Builder,
};

use super::activity::Patience;
use crate::config::Config;

/// So many fields hyper keeps on the stack; another number costs an allocation.
const FIELDS_ON_THE_STACK: usize = 100;

/// How HTTP is spoken: within which bounds, and how patiently.
pub(super) struct Protocol {
    pub(super) builder: Builder<TokioExecutor>,
    pub(super) patience: Patience,
    pub(super) header_limit_fields: usize,
}

impl Protocol {
    pub(super) fn new(config: &Config) -> Self {
        let (http, http2) = (&config.http, &config.http2);
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            // It would also end a connection that is kept alive: see `Activity`.
            .header_read_timeout(None)
            .max_buf_size(http.header_limit_bytes);
        if http.header_limit_fields != FIELDS_ON_THE_STACK {
            builder.http1().max_headers(http.header_limit_fields);
        }
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(http2.concurrent_streams)
            .max_header_list_size(u32::try_from(http.header_limit_bytes).unwrap_or(u32::MAX))
            .keep_alive_interval(http2.ping_interval)
            .keep_alive_timeout(http2.ping_timeout)
            .max_pending_accept_reset_streams(http2.pending_reset_streams)
            .max_local_error_reset_streams(http2.faulty_streams);
        Self {
            builder,
            patience: Patience {
                header_read: http.header_read_timeout,
                keep_alive: http.keep_alive_timeout,
                write: http.write_timeout,
            },
            header_limit_fields: http.header_limit_fields,
        }
    }
}
