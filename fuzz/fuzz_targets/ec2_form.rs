//! Requests: what is taken is encoded, taken again and the same; what is refused is refused with a
//! text that is short and can be sent.
#![no_main]

use vmie_ec2::{Answer, Limits, decode_answer, decode_request, encode_error, encode_request};

libfuzzer_sys::fuzz_target!(|form: &[u8]| {
    let limits = Limits::default();
    match decode_request(form, &limits) {
        Ok(action) => {
            let encoded = encode_request(&action).expect("an action of the protocol");
            assert!(encoded.is_ascii());
            assert_eq!(decode_request(encoded.as_bytes(), &limits), Ok(action));
        }
        Err(error) => {
            assert!(error.message.len() < 2048, "{error}");
            let xml = encode_error(&error, "id");
            let Ok(Answer::Error { code, message, .. }) = decode_answer(xml.as_bytes(), &limits)
            else {
                panic!("{xml}");
            };
            assert_eq!(
                (code.as_str(), message),
                (error.code.as_str(), error.message)
            );
        }
    }
});
