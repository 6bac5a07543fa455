//! What the engine is told of an error.

use std::io;

use vmie_guest::{Decision, Finding};
use vmie_rules::SvcId;
use vmie_rules::message::Message;
use vmie_tasks::{Failure, Verdict};

use crate::error::says;
use crate::service::{of_error, task_message};
use crate::{Error, Preflight};

/// The failure of an attempt that met this error.
pub(crate) fn of(error: &Error) -> Failure {
    let finding = of_error(error, None);
    let mut svc = finding.svc.clone();
    let message = if says(error, &|error| {
        error.kind() == io::ErrorKind::PermissionDenied
    }) {
        svc.insert(0, Message::SourceForbidden.id());
        Message::SourceForbidden.to_string()
    } else {
        task_message(&finding)
    };
    Failure {
        code: finding.code,
        message,
        detail: error.to_string(),
        svc,
        retryable: says(error, &can_pass),
    }
}

/// Whether trying again later can help against an error.
pub(super) fn can_pass_at_all(error: &Error) -> bool {
    says(error, &can_pass)
}

/// Whether trying again later can help.
pub(crate) fn can_pass(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::Interrupted
            | Kind::TimedOut
            | Kind::WouldBlock
            | Kind::ConnectionReset
            | Kind::ConnectionAborted
            | Kind::NetworkDown
            | Kind::NetworkUnreachable
            | Kind::HostUnreachable
            | Kind::StaleNetworkFileHandle
            | Kind::ResourceBusy
    )
}

/// What the engine is told of a judgement.
pub(crate) fn verdict(preflight: &Preflight) -> Verdict {
    let findings = &preflight.verdict.findings;
    match preflight.verdict.decision {
        Decision::Accepted => Verdict::Accepted,
        Decision::Refused => {
            let refuses = |finding: &&Finding| finding.severity == vmie_guest::Severity::Refuse;
            Verdict::Refused(of_findings(findings.iter().filter(refuses)))
        }
        Decision::Undetermined => {
            let undetermined = |finding: &&Finding| finding.is_undetermined();
            Verdict::Undetermined(of_findings(findings.iter().filter(undetermined)))
        }
    }
}

/// The first finding gives the message. The detail has a paragraph for each: whoever mends only the first would meet
/// the next with the next import.
fn of_findings<'a>(findings: impl Iterator<Item = &'a Finding>) -> Failure {
    let mut findings = findings.peekable();
    let Some(&first) = findings.peek() else {
        // A judge that decides says why; this is for one that does not.
        return Failure {
            code: "not-accepted".to_owned(),
            message: Message::UnknownOs.to_string(),
            detail: Message::UnknownOs.cause().to_owned(),
            svc: vec![Message::UnknownOs.id()],
            retryable: false,
        };
    };
    let details: Vec<String> = findings.map(paragraph).collect();
    Failure {
        code: first.code.to_owned(),
        message: match &first.service_message {
            Some(message) => message.clone(),
            None => format!("ClientError: {}", first.title),
        },
        detail: details.join("\n\n"),
        svc: first.svc.clone(),
        retryable: false,
    }
}

/// What was found, where it was seen, and what mends it.
fn paragraph(finding: &Finding) -> String {
    let mut text = format!("{}.", finding.title);
    for evidence in &finding.evidence {
        text.push_str(&format!(" Seen: {evidence}."));
    }
    if !finding.remedy.is_empty() {
        text.push_str(&format!(" {}.", finding.remedy));
    }
    text
}

/// The failure of a worker that ended without a word.
pub(crate) fn lost() -> Failure {
    of(&Error::new(crate::Cause::WorkerLost))
}

/// The failure of an order to encrypt, where nothing is encrypted.
pub(crate) fn encryption() -> Failure {
    Failure {
        code: "encryption-not-offered".to_owned(),
        message: "ClientError: Encryption is not supported by this store".to_owned(),
        detail: "images in this store are not encrypted. Import without encryption, and keep \
                 the store on an encrypted filesystem."
            .to_owned(),
        svc: vec![SvcId::Task7],
        retryable: false,
    }
}

/// The failure of an order to boot, which is not done here.
pub(crate) fn boot() -> Failure {
    Failure {
        code: "boot-not-offered".to_owned(),
        message: "ClientError: Booting is not supported by this host".to_owned(),
        detail: "guests are not booted here. Configure the engine without booting.".to_owned(),
        svc: Vec::new(),
        retryable: false,
    }
}
