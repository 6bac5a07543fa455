//! The codec behind a pipe, for peers in other languages: one JSON document a line, one answer a
//! line.
//!
//! | line | answer |
//! |---|---|
//! | `{"decode": FORM}` | `{"action": …, "form": encoded again}` or `{"error": {"code", "message"}}` |
//! | `{"reply": ACTION, "seed": N}` | a random reply: `{"xml": …, "reply": …}` |
//! | `{"error": CODE, "message": TEXT}` | `{"xml": …, "status": HTTP status}` |
//! | `{"tables": true}` | for each action its parameters and fields |

use std::io::{BufRead as _, Write as _};

use serde_json::{Value, json};
use vmie_ec2::samples::{Dice, sample_reply};
use vmie_ec2::{
    ACTIONS, Limits, decode_request, encode_error, encode_reply, encode_request, fields, parameters,
};
use vmie_tasks::ApiError;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let question: Value = serde_json::from_str(&line?)?;
        serde_json::to_writer(&mut out, &answer(&question)?)?;
        writeln!(out)?;
        out.flush()?;
    }
    Ok(())
}

fn answer(question: &Value) -> Result<Value> {
    let text = |key: &str| question.get(key).and_then(Value::as_str);
    if let Some(form) = text("decode") {
        return Ok(match decode_request(form.as_bytes(), &Limits::default()) {
            Ok(action) => json!({"form": encode_request(&action)?, "action": action}),
            Err(error) => json!({"error": {"code": error.code, "message": error.message}}),
        });
    }
    if let Some(action) = text("reply") {
        let seed = question.get("seed").and_then(Value::as_u64).unwrap_or(0);
        let reply = sample_reply(action, &mut Dice::new(seed)).ok_or("no such action")?;
        return Ok(json!({"xml": encode_reply(&reply, "the-request")?, "reply": reply}));
    }
    if let Some(code) = text("error") {
        let message = text("message").unwrap_or_default();
        let error = ApiError::new(code.parse()?, message);
        let status = error.code.http_status();
        return Ok(json!({"xml": encode_error(&error, "the-request"), "status": status}));
    }
    let names = |entries: Vec<vmie_ec2::Entry>| {
        let names = entries.into_iter().map(|entry| Value::from(entry.name));
        names.collect::<Vec<_>>()
    };
    let tables = ACTIONS.iter().map(|action| {
        let table =
            json!({"parameters": names(parameters(action)), "fields": names(fields(action))});
        ((*action).to_owned(), table)
    });
    Ok(Value::Object(tables.collect()))
}
