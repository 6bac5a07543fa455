//! Why a command ended without its result, and with which exit code.

use std::io;

use serde::Serialize;
use vmie::io::Found;

/// What the command line or the world made impossible.
#[derive(Debug)]
pub(crate) struct Failure {
    inner: Box<Inner>,
}

#[derive(Debug)]
struct Inner {
    exit: Exit,
    kind: &'static str,
    message: String,
    path: Option<String>,
    structure: Option<String>,
    field: Option<String>,
    offset: Option<u64>,
    value: Option<Value>,
    advice: String,
    service: Option<String>,
    svc: Vec<&'static str>,
    silent: bool,
}

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; accepted.
    Done,
    /// Failed; refused.
    Failed,
    /// The image cannot be read.
    Unreadable,
    /// It could not be found out.
    Undetermined,
    /// There is nothing that could be checked (as `qemu-img check` has it).
    NothingToCheck,
    /// The command line makes no sense (`EX_USAGE` of sysexits.h).
    Usage,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Unreadable => 2,
            Self::Undetermined => 3,
            Self::NothingToCheck => 63,
            Self::Usage => 64,
        }
    }
}

/// A value found, for programs: numbers stay numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Value {
    Number(u64),
    Text(String),
}

impl From<&Found> for Value {
    fn from(found: &Found) -> Self {
        match found {
            Found::Number(n) => Self::Number(*n),
            Found::Text(text) => Self::Text(text.to_string()),
            Found::Bytes(bytes) => Self::Text(bytes.escape_ascii().to_string()),
            other => Self::Text(other.to_string()),
        }
    }
}

/// The document `vmie.error`. All keys are always there; what is not known is null.
#[derive(Serialize)]
pub(crate) struct ErrorDocument<'a> {
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    kind: &'a str,
    message: &'a str,
    path: Option<&'a str>,
    structure: Option<&'a str>,
    field: Option<&'a str>,
    offset: Option<u64>,
    value: Option<&'a Value>,
    advice: &'a str,
    service_message: Option<&'a str>,
    svc: &'a [&'static str],
}

impl Failure {
    /// A failure of one of the libraries.
    pub(crate) fn of(exit: Exit, error: &vmie::Error) -> Self {
        let said = vmie::service::of_error(error, None);
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let inner = Inner {
            exit,
            kind: error.kind().name(),
            message: error.to_string(),
            path: error.path().map(|path| path.to_string_lossy().into_owned()),
            structure: some(error.structure()),
            field: some(error.field()),
            offset: error.offset(),
            value: error.value().map(Value::from),
            advice: error.advice().to_owned(),
            service: said.service_message,
            svc: said.svc.iter().map(|id| id.as_str()).collect(),
            silent: false,
        };
        Self {
            inner: Box::new(inner),
        }
    }

    /// A command line that makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        let advice = "For more information, try '--help'";
        Self::plain(Exit::Usage, "usage", message.into(), advice)
    }

    /// A failure that is no file's fault.
    pub(crate) fn plain(
        exit: Exit,
        kind: &'static str,
        message: impl Into<String>,
        advice: &str,
    ) -> Self {
        let inner = Inner {
            exit,
            kind,
            message: message.into(),
            path: None,
            structure: None,
            field: None,
            offset: None,
            value: None,
            advice: advice.to_owned(),
            service: None,
            svc: Vec::new(),
            silent: false,
        };
        Self {
            inner: Box::new(inner),
        }
    }

    /// The result could not be written. A reader that has gone away has seen what it wanted.
    pub(crate) fn output(error: io::Error) -> Self {
        let silent = error.kind() == io::ErrorKind::BrokenPipe;
        let message = format!("the result cannot be written: {error}.");
        let advice = "Check where the output goes";
        let mut failure = Self::plain(Exit::Failed, "io", message, advice);
        failure.inner.silent = silent;
        failure
    }

    /// Where it happened, when that is not said yet.
    pub(crate) fn in_file(mut self, path: &str) -> Self {
        if self.inner.path.is_none() {
            self.inner.path = Some(path.to_owned());
            self.inner.message = format!("{path}: {}", self.inner.message);
        }
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        self.inner.exit
    }

    /// Whether nobody wants to hear of it.
    pub(crate) fn is_silent(&self) -> bool {
        self.inner.silent
    }

    /// What failed, where, and what to do.
    pub(crate) fn sentence(&self) -> String {
        let mut sentence = self.inner.message.clone();
        if !sentence.contains(&self.inner.advice) {
            sentence = format!("{sentence} {}.", self.inner.advice);
        }
        if let Some(service) = &self.inner.service {
            sentence = format!("{sentence}\nThe service would say: {service}");
        }
        sentence
    }

    pub(crate) fn document(&self) -> ErrorDocument<'_> {
        ErrorDocument {
            error: ErrorBody {
                kind: self.inner.kind,
                message: &self.inner.message,
                path: self.inner.path.as_deref(),
                structure: self.inner.structure.as_deref(),
                field: self.inner.field.as_deref(),
                offset: self.inner.offset,
                value: self.inner.value.as_ref(),
                advice: &self.inner.advice,
                service_message: self.inner.service.as_deref(),
                svc: &self.inner.svc,
            },
        }
    }
}
