use http::{
    HeaderValue, StatusCode,
    header::{ACCEPT, ETAG, IF_NONE_MATCH},
};
use reqwest::{Client, RequestBuilder, Response, Url};

use super::{KeySourceError, MAX_DOCUMENT_BYTES};

/// A document as it came, with the head of its answer.
pub(super) struct Got {
    pub(super) head: http::HeaderMap,
    /// None if it is the known one.
    pub(super) body: Option<Vec<u8>>,
}

impl Got {
    pub(super) fn etag(&self) -> Option<&HeaderValue> {
        self.head.get(ETAG)
    }
}

/// Gets a document of bounded size from exactly this URL. The time is bounded by whoever
/// calls.
pub(super) async fn get(
    client: &Client,
    url: &Url,
    known: Option<&HeaderValue>,
) -> Result<Got, KeySourceError> {
    let request = client
        .get(url.clone())
        .header(ACCEPT, "application/jwk-set+json, application/json");
    let response = if_none_match(request, known)
        .send()
        .await
        .map_err(connection)?;
    // A client that was brought along may have followed.
    if response.url() != url {
        return Err(KeySourceError::Redirect);
    }
    let head = response.headers().clone();
    let body = match response.status() {
        StatusCode::OK => Some(read(response).await?),
        StatusCode::NOT_MODIFIED if known.is_some() => None,
        status if status.is_redirection() => return Err(KeySourceError::Redirect),
        status => return Err(KeySourceError::Status(status)),
    };
    Ok(Got { head, body })
}

fn if_none_match(request: RequestBuilder, known: Option<&HeaderValue>) -> RequestBuilder {
    match known {
        Some(etag) => request.header(IF_NONE_MATCH, etag),
        None => request,
    }
}

/// What comes in is counted, whatever was announced.
async fn read(mut response: Response) -> Result<Vec<u8>, KeySourceError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(connection)? {
        if body.len() + chunk.len() > MAX_DOCUMENT_BYTES {
            return Err(KeySourceError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn connection(error: reqwest::Error) -> KeySourceError {
    KeySourceError::Connection(error.without_url().into())
}
