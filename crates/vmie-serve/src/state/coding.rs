//! How a record is stored: a checksum over key and content, then the content.

use vmie_tasks::Record;

/// The bytes of a record.
pub(crate) fn encode(key: &str, record: &Record) -> Result<Vec<u8>, serde_json::Error> {
    let content = serde_json::to_vec(record)?;
    let mut value = checksum(key, &content).to_le_bytes().to_vec();
    value.extend_from_slice(&content);
    Ok(value)
}

/// The record of some bytes, or what is wrong with them.
pub(crate) fn decode(key: &str, value: &[u8]) -> Result<Record, String> {
    let Some((sum, content)) = value.split_first_chunk::<4>() else {
        return Err(format!("the record {key} is cut off"));
    };
    if checksum(key, content) != u32::from_le_bytes(*sum) {
        return Err(format!("the checksum of the record {key} is wrong"));
    }
    // The error would show what is in the record, and there are secrets in records.
    let record: Record = serde_json::from_slice(content).map_err(|error| {
        format!(
            "the record {key} is of another version ({:?})",
            error.classify()
        )
    })?;
    if record.key().to_string() != key {
        return Err(format!("the record {key} has another key"));
    }
    Ok(record)
}

fn checksum(key: &str, content: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(key.as_bytes()), content)
}
