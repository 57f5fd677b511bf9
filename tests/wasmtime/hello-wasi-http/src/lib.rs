//! Answers every HTTP request with one line, or one of `/in-two-parts` with half of it, and the rest after the
//! request's body has ended.

use wasi::exports::http::incoming_handler::Guest;
use wasi::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasi::io::streams::StreamError;

const BODY: &[u8] = b"hello from a pooled instance\n";

struct Hello;

impl Guest for Hello {
    fn handle(request: IncomingRequest, answer: ResponseOutparam) {
        let headers = Fields::new();
        let length = BODY.len().to_string().into_bytes();
        headers
            .append("content-length", &length)
            .expect("the header is allowed");
        let response = OutgoingResponse::new(headers);
        let body = response.body().expect("the body is taken once");
        ResponseOutparam::set(answer, Ok(response));
        let stream = body.write().expect("the stream is taken once");
        let in_two_parts = request.path_with_query().as_deref() == Some("/in-two-parts");
        let (now, later) = BODY.split_at(if in_two_parts {
            BODY.len() / 2
        } else {
            BODY.len()
        });
        stream
            .blocking_write_and_flush(now)
            .expect("the client listens");
        if in_two_parts {
            wait_for_the_end(&request);
            stream
                .blocking_write_and_flush(later)
                .expect("the client listens");
        }
        drop(stream);
        OutgoingBody::finish(body, None).expect("the body is as long as said");
    }
}

/// Reads the body of a request to its end.
fn wait_for_the_end(request: &IncomingRequest) {
    let body = request.consume().expect("the body is taken once");
    let stream = body.stream().expect("the stream is taken once");
    loop {
        match stream.blocking_read(1024) {
            Ok(_) => {}
            Err(StreamError::Closed) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

wasi::http::proxy::export!(Hello);
