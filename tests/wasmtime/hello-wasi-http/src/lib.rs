//! Answers every HTTP request with one line.

use wasi::exports::http::incoming_handler::Guest;
use wasi::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

const BODY: &[u8] = b"hello from a pooled instance\n";

struct Hello;

impl Guest for Hello {
    fn handle(_request: IncomingRequest, answer: ResponseOutparam) {
        let headers = Fields::new();
        let length = BODY.len().to_string().into_bytes();
        headers
            .append("content-length", &length)
            .expect("the header is allowed");
        let response = OutgoingResponse::new(headers);
        let body = response.body().expect("the body is taken once");
        ResponseOutparam::set(answer, Ok(response));
        let stream = body.write().expect("the stream is taken once");
        stream
            .blocking_write_and_flush(BODY)
            .expect("the client listens");
        drop(stream);
        OutgoingBody::finish(body, None).expect("the body is as long as said");
    }
}

wasi::http::proxy::export!(Hello);
