//! As much of Jaeger's `api_v2` as a batch of one span takes.

use anyhow::Result;
use prost::Message;
use tonic::{Request, client::Grpc, codegen::http::uri::PathAndQuery, transport::Channel};
use tonic_prost::ProstCodec;

use super::JaegerSpan;

#[derive(Clone, PartialEq, Message)]
struct PostSpansRequest {
    #[prost(message, optional, tag = "1")]
    batch: Option<Batch>,
}

#[derive(Clone, PartialEq, Message)]
struct PostSpansResponse {}

#[derive(Clone, PartialEq, Message)]
struct Batch {
    #[prost(message, repeated, tag = "1")]
    spans: Vec<Span>,
    #[prost(message, optional, tag = "2")]
    process: Option<Process>,
}

#[derive(Clone, PartialEq, Message)]
struct Process {
    #[prost(string, tag = "1")]
    service_name: String,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(string, tag = "3")]
    operation_name: String,
    #[prost(message, optional, tag = "6")]
    start_time: Option<Time>,
    #[prost(message, optional, tag = "7")]
    duration: Option<Time>,
}

/// A moment or a duration: both are written so.
#[derive(Clone, PartialEq, Message)]
struct Time {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

impl Time {
    fn of(microseconds: u64) -> Option<Self> {
        Some(Self {
            seconds: (microseconds / 1_000_000) as i64,
            nanos: (microseconds % 1_000_000 * 1_000) as i32,
        })
    }
}

pub async fn send(address: &str, service: &str, span: &JaegerSpan) -> Result<()> {
    let channel = Channel::from_shared(format!("http://{address}"))?
        .connect()
        .await?;
    let mut grpc = Grpc::new(channel);
    grpc.ready().await?;
    let request = PostSpansRequest {
        batch: Some(Batch {
            spans: vec![Span {
                trace_id: span.trace_id.to_be_bytes().to_vec(),
                span_id: span.span_id.to_be_bytes().to_vec(),
                operation_name: span.name.to_owned(),
                start_time: Time::of(span.start_microseconds),
                duration: Time::of(span.duration_microseconds),
            }],
            process: Some(Process {
                service_name: service.to_owned(),
            }),
        }),
    };
    let path = PathAndQuery::from_static("/jaeger.api_v2.CollectorService/PostSpans");
    let codec = ProstCodec::<_, PostSpansResponse>::default();
    grpc.unary(Request::new(request), path, codec).await?;
    Ok(())
}
