//! Policies: what is read is written and read back the same; a Deny in front never gives more; a
//! policy that has everything allowed beside it changes only by its denials.
#![no_main]

use vmie_rules::iam::{Acl, Asker, Evaluation, Policy, PolicyKind, Question, evaluate};

const ALL: &str = r#"{"Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*"}}"#;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(acl) = Acl::parse(text) {
        assert_eq!(Acl::parse(&acl.to_json()), Ok(acl));
    }
    let all = Policy::parse(ALL, PolicyKind::Resource).expect("a policy");
    for kind in [
        PolicyKind::Identity,
        PolicyKind::Trust,
        PolicyKind::Resource,
    ] {
        let Ok(policy) = Policy::parse(text, kind) else {
            continue;
        };
        let written = policy.to_json();
        assert_eq!(
            Policy::parse(&written, kind).as_ref(),
            Ok(&policy),
            "{written}"
        );
        let asker = match kind {
            PolicyKind::Identity => Asker::Holder,
            PolicyKind::Trust => Asker::Service("vmie.amazonaws.com"),
            PolicyKind::Resource => Asker::Arn("arn:aws:iam::111122223333:role/vmimport"),
        };
        let question = Question::new("s3:GetObject")
            .on("arn:aws:s3:::bucket/key")
            .asked_by(asker)
            .given("sts:ExternalId", "vmimport")
            .given(
                "aws:SourceArn",
                "arn:aws:vmie:eu-west-1:111122223333:task/x",
            );
        let alone = evaluate([&policy], &question);
        assert!(alone.to_string().len() < 200_000);
        let twice = evaluate([&policy, &policy], &question);
        assert_eq!(alone.is_allowed(), twice.is_allowed());
        let denied = matches!(alone, Evaluation::Denied { .. });
        let beside = evaluate([&all, &policy], &question);
        if kind == PolicyKind::Identity {
            // The other policy is not the holder's, and says nothing of them.
            assert_eq!(beside.is_allowed(), alone.is_allowed());
        } else {
            assert_eq!(beside.is_allowed(), !denied);
        }
    }
});
