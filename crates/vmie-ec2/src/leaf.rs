//! Values that are one text on the wire.

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ValueError, StrDeserializer};
use vmie_rules::guest::{BootMode, Platform};
use vmie_rules::license::LicenseType;
use vmie_rules::status::{Status, TaskState};
use vmie_tasks::{Double, ImageId, InstanceId, SnapshotId, SourceUrl, TaskId, Timestamp, VolumeId};

use crate::rule::Rule;
use crate::table::Kind;
use crate::time;

/// A value that is one text, the same in requests and in replies.
pub(crate) trait Leaf: Sized {
    /// Its type, for the table.
    const KIND: Kind;

    /// Whether it may be a secret.
    const SECRET: bool = false;

    /// Reads it; the error says what is taken.
    fn parse(text: &str, rule: &Rule) -> Result<Self, String>;

    /// Writes it behind what is there.
    fn print(&self, rule: &Rule, out: &mut String);
}

/// Whether XML 1.0 can carry a character (<https://www.w3.org/TR/xml/#charsets>).
pub(crate) const fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

impl Leaf for String {
    const KIND: Kind = Kind::Text;

    fn parse(text: &str, rule: &Rule) -> Result<Self, String> {
        let one_of = rule.one_of;
        if !one_of.is_empty() && !one_of.iter().any(|one| one.eq_ignore_ascii_case(text)) {
            return Err(format!("Use {}.", listed(one_of)));
        }
        Ok(text.to_owned())
    }

    fn print(&self, _: &Rule, out: &mut String) {
        out.push_str(self);
    }
}

fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [word] => (*word).to_owned(),
        [words @ .., last] => format!("{} or {last}", words.join(", ")),
    }
}

impl Leaf for SourceUrl {
    const KIND: Kind = Kind::Text;
    const SECRET: bool = true;

    fn parse(text: &str, _: &Rule) -> Result<Self, String> {
        Ok(Self::new(text))
    }

    fn print(&self, _: &Rule, out: &mut String) {
        out.push_str(self.reveal());
    }
}

impl Leaf for bool {
    const KIND: Kind = Kind::Boolean;

    fn parse(text: &str, _: &Rule) -> Result<Self, String> {
        match text {
            _ if text.eq_ignore_ascii_case("true") => Ok(true),
            _ if text.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err("Use true or false.".to_owned()),
        }
    }

    fn print(&self, _: &Rule, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }
}

impl Leaf for i64 {
    const KIND: Kind = Kind::Integer;

    fn parse(text: &str, rule: &Rule) -> Result<Self, String> {
        let number = text.parse().ok();
        let fits = |number: &i64| rule.long || i32::try_from(*number).is_ok();
        number.filter(fits).ok_or_else(|| {
            let bits = if rule.long { 64 } else { 32 };
            format!("Use a whole number of {bits} bits.")
        })
    }

    fn print(&self, _: &Rule, out: &mut String) {
        out.push_str(&self.to_string());
    }
}

impl Leaf for u64 {
    const KIND: Kind = Kind::Long;

    /// A double may carry an exponent (SVC-TASK-10).
    fn parse(text: &str, rule: &Rule) -> Result<Self, String> {
        let whole = text
            .strip_suffix(".0")
            .filter(|_| rule.double)
            .unwrap_or(text);
        let number = whole.parse().ok();
        let number = number.or_else(|| rule.double.then(|| whole_number(text)).flatten());
        number.ok_or_else(|| "Use a whole number that is not negative.".to_owned())
    }

    fn print(&self, rule: &Rule, out: &mut String) {
        out.push_str(&self.to_string());
        if rule.double {
            out.push_str(".0");
        }
    }
}

/// The whole number that a double is, below 2^53, where doubles are exact.
fn whole_number(text: &str) -> Option<u64> {
    let number: f64 = text.parse().ok()?;
    let whole = number.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&number);
    // The shortest text of such a number is its digits.
    whole.then(|| format!("{number:.0}").parse().ok())?
}

impl Leaf for u8 {
    const KIND: Kind = Kind::Text;

    fn parse(text: &str, _: &Rule) -> Result<Self, String> {
        text.parse().map_err(|_| "Use a percentage.".to_owned())
    }

    fn print(&self, _: &Rule, out: &mut String) {
        out.push_str(&self.to_string());
    }
}

impl Leaf for Double {
    const KIND: Kind = Kind::Double;

    fn parse(text: &str, _: &Rule) -> Result<Self, String> {
        let plain = text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
        let number = text.parse().ok();
        number
            .filter(|number: &f64| plain && number.is_finite())
            .map(Self)
            .ok_or_else(|| "Use a number.".to_owned())
    }

    fn print(&self, _: &Rule, out: &mut String) {
        out.push_str(&format!("{:?}", self.0));
    }
}

impl Leaf for Timestamp {
    const KIND: Kind = Kind::Timestamp;

    fn parse(text: &str, _: &Rule) -> Result<Self, String> {
        time::parse(text).ok_or_else(|| "Use YYYY-MM-DDThh:mm:ss.SSSZ.".to_owned())
    }

    fn print(&self, rule: &Rule, out: &mut String) {
        time::write(out, *self, rule.millis);
    }
}

/// Ids know their own shape.
macro_rules! ids {
    ($($id:ident)+) => {
        $(
            impl Leaf for $id {
                const KIND: Kind = Kind::Text;

                fn parse(text: &str, _: &Rule) -> Result<Self, String> {
                    let text: StrDeserializer<'_, ValueError> = text.into_deserializer();
                    Self::deserialize(text).map_err(|error| error.to_string())
                }

                fn print(&self, _: &Rule, out: &mut String) {
                    out.push_str(self.as_str());
                }
            }
        )+
    };
}

ids! { TaskId ImageId SnapshotId InstanceId VolumeId }

/// Words of a short list.
macro_rules! words {
    ($($word:ident $from:expr, $expected:literal;)+) => {
        $(
            impl Leaf for $word {
                const KIND: Kind = Kind::Text;

                fn parse(text: &str, _: &Rule) -> Result<Self, String> {
                    let from: fn(&str) -> Option<Self> = $from;
                    from(text).ok_or_else(|| $expected.to_owned())
                }

                fn print(&self, _: &Rule, out: &mut String) {
                    out.push_str(self.as_str());
                }
            }
        )+
    };
}

/// The service's own words are more than those that are seen (SVC-TASK-1, SVC-TASK-11).
fn status(word: &str) -> Option<Status> {
    Status::from_word(word).or_else(|| match word {
        "error" => Some(Status::Deleted),
        word => Status::accepts(word).then_some(Status::Active),
    })
}

words! {
    Status status, "Use active, deleting, deleted or completed.";
    TaskState TaskState::from_word, "Use active, cancelling, cancelled or completed.";
    Platform |text| text.parse().ok(), "Use Linux or Windows.";
    LicenseType |text| text.parse().ok(), "Use AWS or BYOL.";
    BootMode |text| text.parse().ok(), "Use legacy-bios, uefi or uefi-preferred.";
}
