//! Policies and bucket ACLs: reading them, asking them, and writing those that imports and exports
//! need (SVC-IAM-1 … SVC-IAM-7).
//!
//! This is the part of IAM that service roles, keys, buckets and callers use: `Allow` and `Deny`
//! with `Not…` forms, wildcards, principals, and the conditions on strings, ARNs, booleans and
//! absent keys. An answer says why: one text of the service (SVC-ERR-6) stands for a role that is
//! missing, a trust policy without the external id, an object that may not be read, and a key that
//! may not be used; here they are told apart.
//!
//! ```
//! use vmie_rules::iam::{Asker, Evaluation, Miss, Policy, PolicyKind, Question, evaluate};
//!
//! let trust = Policy::parse(
//!     r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow",
//!         "Principal": {"Service": "vmie.amazonaws.com"}, "Action": "sts:AssumeRole",
//!         "Condition": {"StringEquals": {"sts:ExternalId": "somebody"}}}}"#,
//!     PolicyKind::Trust,
//! )
//! .unwrap();
//! let question = Question::new("sts:AssumeRole")
//!     .asked_by(Asker::Service("vmie.amazonaws.com"))
//!     .given("sts:Externalid", "vmimport");
//! let Evaluation::NotAllowed(miss) = evaluate([&trust], &question) else { panic!() };
//! assert!(matches!(miss, Miss::Condition { .. }));
//! assert_eq!(
//!     miss.to_string(),
//!     "statement 1 asks for sts:ExternalId StringEquals somebody; it is vmimport"
//! );
//! ```
//!
//! What is not evaluated is on the safe side: a statement with an operator or a policy variable
//! that this crate does not know never allows, and always denies. [`Policy::findings`] names them.
//!
//! The grammar is that of <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>.

mod acl;
mod condition;
pub mod documents;
mod error;
mod evaluate;
mod json;
mod parse;
mod pattern;
mod policy;

pub use acl::{Acl, Grant, Grantee, Permission};
pub use condition::{Comparison, Operator, Quantity};
pub use error::{InvalidPolicy, PolicyCause};
pub use evaluate::{Asker, Evaluation, Miss, Place, Question, evaluate};
pub use parse::{MAX_DOCUMENT, PolicyKind};
pub use pattern::fits_wildcards;
pub use policy::{
    Condition, Effect, Finding, Policy, PrincipalKind, PrincipalSet, Principals, Scope, Statement,
    Texts, Version,
};

#[cfg(test)]
mod tests;
