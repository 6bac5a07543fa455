use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::*;

fn parse(text: &str, kind: PolicyKind) -> Policy {
    Policy::parse(text, kind).unwrap()
}

fn identity(statements: &str) -> Policy {
    let text = alloc::format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
    parse(&text, PolicyKind::Identity)
}

const ALLOW_S3: &str = r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}"#;

#[test]
fn svc_iam_3_a_deny_beats_an_allow_wherever_it_stands() {
    let deny = r#"{"Sid": "Secret", "Effect": "Deny", "Action": ["s3:GetObject"],
        "Resource": "arn:aws:s3:::b/secret/*"}"#;
    let open = Question::new("s3:GetObject").on("arn:aws:s3:::b/k");
    let secret = Question::new("S3:getobject").on("arn:aws:s3:::b/secret/k");
    let (allow, deny) = (identity(ALLOW_S3), identity(deny));
    for policies in [[&allow, &deny], [&deny, &allow]] {
        assert!(evaluate(policies, &open).is_allowed());
        let Evaluation::Denied { by } = evaluate(policies, &secret) else {
            panic!("denied");
        };
        assert_eq!(by.sid.as_deref(), Some("Secret"));
    }
    assert_eq!(
        evaluate([&allow, &deny], &secret).to_string(),
        "statement 1 (Secret) of policy 2 denies it"
    );
}

#[test]
fn svc_err_6_the_nearest_miss_is_told() {
    let policy = identity(
        r#"{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/*"},
           {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*",
            "Condition": {"StringLike": {"s3:prefix": ["in/*", "out/*"]}}}"#,
    );
    let ask = |question: &Question<'_>| evaluate([&policy], question).to_string();
    assert_eq!(
        ask(&Question::new("kms:Decrypt")),
        "no statement allows kms:Decrypt"
    );
    assert_eq!(
        ask(&Question::new("s3:GetObject").on("arn:aws:s3:::b/k")),
        "statement 1 allows it, but not on arn:aws:s3:::b/k"
    );
    let list = Question::new("s3:ListBucket").on("arn:aws:s3:::b");
    assert_eq!(
        ask(&list),
        "statement 2 asks for s3:prefix StringLike in/*, out/*; it is absent"
    );
    assert_eq!(
        ask(&list.clone().given("S3:Prefix", "in/x")),
        "statement 2 allows it"
    );
}

#[test]
fn svc_iam_2_the_trust_policy_asks_for_the_external_id() {
    let policy = documents::trust_policy(&documents::TrustConditions {
        source_account: Some("111122223333"),
        source_arn: Some("arn:aws:vmie:*:111122223333:*"),
    });
    let full = Question::new("sts:AssumeRole")
        .asked_by(Asker::Service(documents::SERVICE))
        .given("sts:ExternalId", "vmimport")
        .given("aws:SourceAccount", "111122223333")
        .given(
            "aws:SourceArn",
            "arn:aws:vmie:eu-west-1:111122223333:import-image-task/x",
        );
    assert!(evaluate([&policy], &full).is_allowed());
    for missing in 0..3 {
        let mut question = full.clone();
        let (key, _) = question.context.remove(missing);
        let Evaluation::NotAllowed(Miss::Condition {
            key: named, found, ..
        }) = evaluate([&policy], &question)
        else {
            panic!("{key} is asked for");
        };
        assert!(named.eq_ignore_ascii_case(key));
        assert_eq!(found, None);
    }
    let other = full.clone().asked_by(Asker::Service("ec2.amazonaws.com"));
    assert_eq!(
        evaluate([&policy], &other).to_string(),
        "statement 1 allows it, but to somebody else"
    );
    let holder = full.asked_by(Asker::Holder);
    assert!(!evaluate([&policy], &holder).is_allowed());
}

#[test]
fn svc_iam_6_a_key_policy_names_the_role_or_delegates_to_its_account() {
    let arn = "arn:aws:iam::111122223333:role/vmimport";
    let named = Policy {
        version: Version::V2012,
        id: None,
        statements: [documents::key_statement("111122223333", "vmimport")].into(),
    };
    let root = r#"{"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}}"#;
    let root = parse(root, PolicyKind::Resource);
    let question = Question::new("kms:Decrypt").asked_by(Asker::Arn(arn));
    let delegated = |policies: &[&Policy]| match evaluate(policies.iter().copied(), &question) {
        Evaluation::Allowed { delegated, .. } => Some(delegated),
        _ => None,
    };
    assert_eq!(delegated(&[&named]), Some(false));
    assert_eq!(delegated(&[&root]), Some(true));
    assert_eq!(delegated(&[&root, &named]), Some(false));
    let stranger =
        Question::new("kms:Decrypt").asked_by(Asker::Arn("arn:aws:iam::1:role/vmimport"));
    assert!(!evaluate([&root, &named], &stranger).is_allowed());
    let account = Question::new("kms:Decrypt").asked_by(Asker::Account("111122223333"));
    assert!(evaluate([&root], &account).is_allowed());
    assert!(!evaluate([&named], &account).is_allowed());
}

#[test]
fn svc_iam_7_a_bucket_policy_stands_in_for_the_acl() {
    let policy = documents::bucket_policy("exports", "eu-south-1");
    let id = crate::region::region("eu-south-1").unwrap().canonical_id;
    for (action, resource) in [
        ("s3:GetBucketAcl", "arn:aws:s3:::exports"),
        ("s3:PutObject", "arn:aws:s3:::exports/vms/x.ova"),
    ] {
        let question = Question::new(action).on(resource);
        let asked = |asker| evaluate([&policy], &question.clone().asked_by(asker)).is_allowed();
        assert!(asked(Asker::CanonicalUser(id)));
        assert!(!asked(Asker::CanonicalUser("somebody")));
    }
    let china = documents::bucket_policy("exports", "cn-north-1").to_json();
    assert!(china.contains("arn:aws-cn:s3:::exports/*"), "{china}");
}

#[test]
fn svc_iam_5_the_acl_of_an_export_bucket_grants_two_permissions() {
    for region in crate::region::REGIONS {
        let acl = Acl::for_export(region.code, Some("owner"));
        assert_eq!(acl.missing_for_export(region.code), []);
        assert!(acl.allows(region.canonical_id, Permission::Write));
        assert!(!acl.allows(region.canonical_id, Permission::Read));
        assert!(acl.allows("owner", Permission::WriteAcp));
        assert_eq!(Acl::parse(&acl.to_json()), Ok(acl));
    }
    let mut acl = Acl::for_export("eu-west-1", None);
    acl.grants
        .retain(|grant| grant.permission != Permission::ReadAcp);
    assert_eq!(acl.missing_for_export("eu-west-1"), [Permission::ReadAcp]);
    assert_eq!(acl.missing_for_export("eu-south-1"), Permission::FOR_EXPORT);
    let bad = r#"{"Grants": [{"Permission": "ALL", "Grantee": {"Type": "Group", "URI": "x"}}]}"#;
    assert_eq!(Acl::parse(bad).unwrap_err().at, "Grants[0].Permission");
}

#[test]
fn svc_err_2_a_file_name_in_place_of_a_policy() {
    for name in [
        r"C:\import\trust-policy.json",
        "trust-policy.json",
        "/home/me/trust-policy.json",
        "file:///C:/import/trust-policy.json",
    ] {
        let error = Policy::parse(name, PolicyKind::Trust).unwrap_err();
        assert_eq!(error.cause, PolicyCause::FileName, "{name}");
        assert_eq!(error.code().as_str(), "MalformedPolicyDocument");
        assert_eq!(error.message().to_string(), "Syntax errors in policy");
    }
    let error = Policy::parse("{\n \"Version\" 1}", PolicyKind::Trust).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no JSON at line 2, column 12: expected `:`"
    );
}

#[test]
fn svc_err_2_each_mistake_is_named_with_its_place() {
    let statement = |body: &str| alloc::format!(r#"{{"Statement": [{ALLOW_S3}, {{{body}}}]}}"#);
    let ok = r#""Effect": "Allow", "Action": "s3:*", "Resource": "*""#;
    let documents: Vec<(String, &str, &str)> = [
        ("[]".to_string(), "", "the element must be an object"),
        ("{}".to_string(), "Statement", "the element is missing; add it"),
        (r#"{"Statement": []}"#.to_string(), "Statement[0]", "the element is missing; add it"),
        (
            r#"{"Version": "2020-01-01", "Statement": []}"#.to_string(),
            "Version",
            "the value is \"2020-01-01\"; it must be 2012-10-17 or 2008-10-17",
        ),
        (
            r#"{"Version": 1, "Statement": []}"#.to_string(),
            "Version",
            "the element must be 2012-10-17 or 2008-10-17",
        ),
        (
            alloc::format!(r#"{{"Statement": {ALLOW_S3}, "statement": 1}}"#),
            "statement",
            "there is no such element; remove or correct it",
        ),
        (
            alloc::format!(r#"{{"Statement": {ALLOW_S3}, "Statement": {ALLOW_S3}}}"#),
            "Statement",
            "the element stands there twice; keep one",
        ),
        (
            statement(r#""Effect": "allow", "Action": "s3:*", "Resource": "*""#),
            "Statement[1].Effect",
            "the value is \"allow\"; it must be Allow or Deny",
        ),
        (
            statement(r#""Effect": "Deny", "Resource": "*""#),
            "Statement[1].Action",
            "the element is missing; add it",
        ),
        (
            statement(r#""Effect": "Deny", "Action": "s3:*""#),
            "Statement[1].Resource",
            "the element is missing; add it",
        ),
        (
            statement(r#""Effect": "Deny", "Action": ["GetObject"], "Resource": "*""#),
            "Statement[1].Action",
            "the value is \"GetObject\"; it must be a service and an action, such as s3:GetObject, or *",
        ),
        (
            statement(r#""Effect": "Deny", "Action": "s3:*", "NotAction": "s3:*", "Resource": "*""#),
            "Statement[1].NotAction",
            "the element cannot stand beside Action; keep one of them",
        ),
        (
            statement(r#""Effect": "Deny", "Action": "s3:*", "Resource": ["bucket/*"]"#),
            "Statement[1].Resource",
            "the value is \"bucket/*\"; it must be an ARN or *",
        ),
        (
            statement(r#""Effect": "Deny", "Action": "s3:*", "Resource": []"#),
            "Statement[1].Resource[0]",
            "the element is missing; add it",
        ),
        (
            statement(r#""Effect": "Deny", "Action": {"s3": 1}, "Resource": "*""#),
            "Statement[1].Action",
            "the element must be a text or a list of texts",
        ),
        (
            statement(&alloc::format!(r#"{ok}, "Principal": "*""#)),
            "Statement[1].Principal",
            "a permissions policy does not have the element; remove it",
        ),
        (
            statement(&alloc::format!(r#"{ok}, "Condition": {{"StringIs": {{}}}}"#)),
            "Statement[1].Condition.StringIs",
            "the value is \"StringIs\"; it must be an operator of conditions",
        ),
        (
            statement(&alloc::format!(
                r#"{ok}, "Condition": {{"Bool": {{"a": true, "A": false}}}}"#
            )),
            "Statement[1].Condition.Bool.A",
            "the element stands there twice; keep one",
        ),
    ]
    .into();
    for (document, at, text) in documents {
        let error = Policy::parse(&document, PolicyKind::Identity).unwrap_err();
        assert_eq!(error.at, at, "{document}");
        let prefix = if at.is_empty() {
            String::new()
        } else {
            alloc::format!("{at}: ")
        };
        assert_eq!(error.to_string(), alloc::format!("{prefix}{text}"));
    }
}

#[test]
fn svc_err_2_kinds_of_policy_have_their_elements() {
    let trust = |principal: &str| {
        alloc::format!(
            r#"{{"Statement": {{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {principal}}}}}"#
        )
    };
    let error = |text: &str, kind| Policy::parse(text, kind).unwrap_err();
    assert_eq!(
        error(&trust("\"*\""), PolicyKind::Resource).cause,
        PolicyCause::Missing
    );
    for (principal, at) in [
        ("1", "Statement.Principal"),
        ("\"me\"", "Statement.Principal"),
        ("{}", "Statement.Principal"),
        (r#"{"AWS": "role/*"}"#, "Statement.Principal.AWS"),
        (
            r#"{"AWS": "arn:aws:iam::1:role/*"}"#,
            "Statement.Principal.AWS",
        ),
        (r#"{"Service": "vmie"}"#, "Statement.Principal.Service"),
        (r#"{"Aws": "*"}"#, "Statement.Principal.Aws"),
    ] {
        assert_eq!(error(&trust(principal), PolicyKind::Trust).at, at);
    }
    let text = r#"{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*",
        "Resource": "*"}}"#;
    assert_eq!(error(text, PolicyKind::Trust).at, "Statement.Resource");
    parse(text, PolicyKind::Resource);
}

#[test]
fn conditions_hold_as_the_language_says() {
    let holds = |condition: &str, context: &[(&str, &str)]| {
        let policy = identity(&alloc::format!(
            r#"{{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {condition}}}"#
        ));
        let mut question = Question::new("s3:GetObject");
        question.context.extend_from_slice(context);
        evaluate([&policy], &question).is_allowed()
    };
    let k = |value| [("k", value)];
    for (condition, context, expected) in [
        (r#"{"StringEquals": {"K": "a*"}}"#, &k("a*")[..], true),
        (r#"{"StringEquals": {"K": "a*"}}"#, &k("ab")[..], false),
        (r#"{"StringEquals": {"K": "a"}}"#, &[][..], false),
        (r#"{"StringEqualsIfExists": {"K": "a"}}"#, &[][..], true),
        (
            r#"{"StringEqualsIfExists": {"K": "a"}}"#,
            &k("b")[..],
            false,
        ),
        (
            r#"{"StringNotEquals": {"K": ["a", "b"]}}"#,
            &k("b")[..],
            false,
        ),
        (
            r#"{"StringNotEquals": {"K": ["a", "b"]}}"#,
            &k("c")[..],
            true,
        ),
        (r#"{"StringNotEquals": {"K": "a"}}"#, &[][..], true),
        (
            r#"{"StringEqualsIgnoreCase": {"K": "A"}}"#,
            &k("a")[..],
            true,
        ),
        (r#"{"StringLike": {"K": "a*"}}"#, &k("ab")[..], true),
        (r#"{"StringNotLike": {"K": "a*"}}"#, &k("ab")[..], false),
        (
            r#"{"ArnEquals": {"K": "arn:aws:s3:::b*"}}"#,
            &k("arn:aws:s3:::bc")[..],
            true,
        ),
        (
            r#"{"ArnLike": {"K": "arn:*:b"}}"#,
            &k("arn:aws:s3:::b")[..],
            false,
        ),
        (
            r#"{"ArnNotLike": {"K": "arn:aws:s3:::*"}}"#,
            &k("arn:aws:s3:::b")[..],
            false,
        ),
        (r#"{"Bool": {"K": true}}"#, &k("TRUE")[..], true),
        (r#"{"Bool": {"K": "false"}}"#, &k("true")[..], false),
        (r#"{"Null": {"K": "true"}}"#, &[][..], true),
        (r#"{"Null": {"K": false}}"#, &k("")[..], true),
        (r#"{"StringEquals": {"K": []}}"#, &k("a")[..], false),
        (
            r#"{"StringEquals": {"K": "a"}, "Bool": {"J": "true"}}"#,
            &k("a")[..],
            false,
        ),
        (r#"{"NumericEquals": {"K": 1}}"#, &k("1")[..], false),
        (
            r#"{"ForAnyValue:StringEquals": {"K": "a"}}"#,
            &k("a")[..],
            false,
        ),
        (
            r#"{"StringEquals": {"K": "${aws:username}"}}"#,
            &k("me")[..],
            false,
        ),
        (
            r#"{"StringEquals": {"K": ["${aws:username}", "me"]}}"#,
            &k("me")[..],
            true,
        ),
    ] {
        assert_eq!(
            holds(condition, context),
            expected,
            "{condition} {context:?}"
        );
    }
}

#[test]
fn what_is_not_evaluated_denies_and_never_allows() {
    for body in [
        r#""Resource": "arn:aws:s3:::${aws:username}""#,
        r#""NotResource": "arn:aws:s3:::${aws:username}""#,
        r#""Resource": "*", "Condition": {"DateLessThan": {"aws:CurrentTime": "2030-01-01"}}"#,
    ] {
        let of = |effect: &str| {
            identity(&alloc::format!(
                r#"{{"Effect": "{effect}", "Action": "s3:*", {body}}}"#
            ))
        };
        let question = Question::new("s3:GetObject").on("arn:aws:s3:::b");
        let (allow, deny) = (of("Allow"), of("Deny"));
        assert_eq!(allow.findings().len(), 1, "{body}");
        assert!(matches!(
            evaluate([&allow], &question),
            Evaluation::NotAllowed(Miss::NotEvaluated { .. })
        ));
        let all = identity(ALLOW_S3);
        assert!(matches!(
            evaluate([&all, &deny], &question),
            Evaluation::Denied { .. }
        ));
    }
    let old = r#"{"Statement": {"Effect": "Allow", "Action": "s3:*",
        "Resource": "arn:aws:s3:::${aws:username}"}}"#;
    let old = parse(old, PolicyKind::Identity);
    assert_eq!(old.findings(), []);
    let question = Question::new("s3:GetObject").on("arn:aws:s3:::${aws:username}");
    assert!(evaluate([&old], &question).is_allowed());
}

#[test]
fn not_forms_turn_the_scope_round() {
    let policy = identity(
        r#"{"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "NotResource": "arn:aws:s3:::a*"}"#,
    );
    let allowed =
        |action, resource| evaluate([&policy], &Question::new(action).on(resource)).is_allowed();
    assert!(allowed("s3:GetObject", "arn:aws:s3:::b"));
    assert!(!allowed("s3:GetObject", "arn:aws:s3:::ab"));
    assert!(!allowed("IAM:PassRole", "arn:aws:s3:::b"));
    let text = r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*",
        "NotPrincipal": {"AWS": "111122223333"}}}"#;
    let policy = parse(text, PolicyKind::Resource);
    let asked = |account| {
        let question = Question::new("s3:GetObject").asked_by(Asker::Account(account));
        evaluate([&policy], &question).is_allowed()
    };
    assert!(asked("444455556666") && !asked("111122223333"));
}

#[test]
fn documents_too_large_and_too_deep_are_refused() {
    let large = " ".repeat(MAX_DOCUMENT + 1);
    let error = Policy::parse(&large, PolicyKind::Trust).unwrap_err();
    assert_eq!(error.cause, PolicyCause::TooLarge { size: 32_769 });
    let deep = "[".repeat(20_000);
    let error = Policy::parse(&deep, PolicyKind::Trust).unwrap_err();
    assert!(
        matches!(error.cause, PolicyCause::NotJson { .. }),
        "{error}"
    );
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC*") {
        let _ = Policy::parse(&text, PolicyKind::Resource);
        let _ = Acl::parse(&text);
    }

    #[test]
    fn a_policy_comes_back_from_its_document(
        sid in proptest::option::of("[A-Za-z0-9 ]{0,8}"),
        action in "[a-z]{1,5}:[A-Za-z*?]{1,8}",
        resources in proptest::collection::vec("arn:[a-z*?:/${}]{0,20}", 1..4),
        value in "\\PC{0,10}",
        deny: bool,
    ) {
        let policy = Policy {
            version: Version::V2012,
            id: None,
            statements: [Statement {
                sid,
                effect: if deny { Effect::Deny } else { Effect::Allow },
                principals: None,
                actions: Scope::Only(Texts::One(action)),
                resources: Some(Scope::AllBut(Texts::Many(resources))),
                conditions: [Condition {
                    operator: Operator::of(Comparison::StringLike),
                    keys: [("aws:Key".into(), Texts::One(value))].into(),
                }].into(),
            }].into(),
        };
        proptest::prop_assert_eq!(Policy::parse(&policy.to_json(), PolicyKind::Identity), Ok(policy));
    }

    #[test]
    fn truncated_documents_are_refused(cut in 0usize..4096) {
        let text = documents::user_policy(&["a", "b"]).to_json();
        let cut = cut.checked_rem(text.len()).unwrap();
        proptest::prop_assert!(Policy::parse(&text[..cut], PolicyKind::Identity).is_err());
    }
}
