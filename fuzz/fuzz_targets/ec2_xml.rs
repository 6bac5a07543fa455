//! Answers: what is read is written, read again and the same.
#![no_main]

use vmie_ec2::{Answer, Limits, decode_answer, encode_reply};

libfuzzer_sys::fuzz_target!(|xml: &[u8]| {
    let limits = Limits::default();
    let Ok(Answer::Reply { request_id, reply }) = decode_answer(xml, &limits) else {
        return;
    };
    // What XML cannot carry is replaced once, and then stays; so do fractions of milliseconds.
    let first = encode_reply(&reply, &request_id).expect("a reply of the protocol");
    let again = decode_answer(first.as_bytes(), &limits).expect("our own writing");
    let Answer::Reply { request_id, reply } = &again else {
        panic!("{first}");
    };
    let second = encode_reply(reply, request_id).expect("a reply of the protocol");
    assert_eq!(first, second);
    assert_eq!(decode_answer(second.as_bytes(), &limits), Ok(again));
});
