//! Both directions against each other, over the tables; and what must not get through.
#![allow(clippy::arithmetic_side_effects, reason = "tests may panic")]

use std::collections::BTreeMap;

use vmie_rules::api::ApiCode;
use vmie_tasks::{Action, ApiError, Reply};

use crate::samples::{Dice, sample_action, sample_reply};
use crate::{
    ACTIONS, Answer, Entry, Kind, Limits, XmlCause, decode_answer, decode_request, encode_error,
    encode_reply, encode_request, fields, parameters,
};

const ID: &str = "59dbff89-35bd-4eac-99ed-be587EXAMPLE";

fn decode(form: &str) -> Result<Action, ApiError> {
    decode_request(form.as_bytes(), &Limits::default())
}

fn answer(xml: &str) -> Result<Answer, crate::XmlError> {
    decode_answer(xml.as_bytes(), &Limits::default())
}

/// A value that a parameter takes.
fn value(entry: &Entry) -> &'static str {
    match entry.kind {
        Kind::Text => entry.one_of.first().copied().unwrap_or("text"),
        Kind::Boolean => "true",
        Kind::Integer | Kind::Long => "17",
        Kind::Double => "3.115815424E9",
        Kind::Timestamp => "2026-11-26T12:31:45.000Z",
    }
}

/// All that an action must have, by name; of lists the first item.
fn minimal(action: &str) -> BTreeMap<String, String> {
    let entries = parameters(action)
        .into_iter()
        .filter(|entry| entry.required);
    entries
        .map(|entry| (first_item(&entry.name), value(&entry).to_owned()))
        .collect()
}

fn first_item(name: &str) -> String {
    let parts = name
        .split('.')
        .map(|part| if part == "N" { "1" } else { part });
    parts.collect::<Vec<_>>().join(".")
}

fn form(action: &str, parameters: &BTreeMap<String, String>) -> String {
    let mut form = format!("Action={action}&Version=2016-11-15");
    for (name, value) in parameters {
        form.push_str(&format!("&{name}={value}"));
    }
    form
}

/// Calls with each parameter of each action, and a form that is right without it.
fn each_parameter(mut check: impl FnMut(&str, &Entry, &BTreeMap<String, String>)) {
    let mut count = 0;
    for action in ACTIONS {
        let base = minimal(action);
        for entry in parameters(action) {
            check(action, &entry, &base);
            count += 1;
        }
    }
    assert_eq!(count, 213, "parameters in the tables");
}

fn with(base: &BTreeMap<String, String>, entry: &Entry, value: &str) -> BTreeMap<String, String> {
    let mut parameters = base.clone();
    parameters.insert(first_item(&entry.name), value.to_owned());
    parameters
}

#[test]
fn every_parameter_is_taken_and_comes_back() {
    each_parameter(|action, entry, base| {
        let sent = form(action, &with(base, entry, value(entry)));
        let taken = decode(&sent).unwrap_or_else(|error| panic!("{sent}: {error}"));
        let again = encode_request(&taken).unwrap();
        let name = first_item(&entry.name);
        assert!(again.contains(&format!("&{name}=")), "{again} has {name}");
        assert_eq!(decode(&again).as_ref(), Ok(&taken));
    });
}

#[test]
fn every_parameter_that_is_absent() {
    each_parameter(|action, entry, base| {
        let mut parameters = base.clone();
        let name = first_item(&entry.name);
        parameters.remove(&name);
        let result = decode(&form(action, &parameters));
        if entry.required {
            let error = result.unwrap_err();
            assert_eq!(error.code, ApiCode::MissingParameter, "{action} {name}");
            let named = error.message.rsplit(' ').next().unwrap();
            assert!(name.starts_with(named), "{name}: {error}");
        } else {
            assert!(result.is_ok(), "{action} {name}: {result:?}");
        }
    });
}

#[test]
fn every_parameter_that_is_empty_or_of_another_type() {
    each_parameter(|action, entry, base| {
        let sent = |value: &str| decode(&form(action, &with(base, entry, value)));
        let free = entry.kind == Kind::Text && entry.one_of.is_empty();
        for value in [
            "",
            "nonsense",
            "1e999",
            "NaN",
            "0x10",
            "2026-11-26",
            "9223372036854775808",
        ] {
            let result = sent(value);
            if free || (entry.kind == Kind::Double && value == "9223372036854775808") {
                assert!(result.is_ok(), "{action} {}: {result:?}", entry.name);
                continue;
            }
            let error = result.unwrap_err();
            assert_eq!(
                error.code,
                ApiCode::InvalidParameterValue,
                "{action} {error}"
            );
            let name = first_item(&entry.name);
            let start = format!("Value ({value}) for parameter {name} is invalid. Use ");
            assert!(error.message.starts_with(&start), "{error}");
        }
        if entry.kind == Kind::Integer {
            assert!(sent("2147483648").is_err() && sent("-2147483648").is_ok());
        }
    });
}

#[test]
fn every_parameter_that_is_huge_or_cannot_be_shown() {
    let huge = "9".repeat(200 << 10);
    each_parameter(|action, entry, base| {
        for value in [huge.as_str(), "%00", "%EF%BF%BE", "a%1Fb", "%EF%BF%BF"] {
            let error = decode(&form(action, &with(base, entry, value))).unwrap_err();
            assert_eq!(error.code, ApiCode::InvalidParameterValue, "{action}");
            assert!(error.message.contains(&first_item(&entry.name)), "{error}");
            assert!(error.message.len() < 200, "{error}");
        }
    });
}

#[test]
fn every_parameter_that_is_doubled_or_goes_on() {
    each_parameter(|action, entry, base| {
        let name = first_item(&entry.name);
        let sent = form(action, &with(base, entry, value(entry)));
        let error = decode(&format!("{sent}&{name}=other")).unwrap_err();
        assert_eq!(error.code, ApiCode::MalformedQueryString, "{action} {name}");
        let error = decode(&format!("{sent}&{name}.Child=other")).unwrap_err();
        assert_eq!(error.code, ApiCode::UnknownParameter, "{action} {name}");
        let error = decode(&format!("{sent}&{name}s=other")).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("UnknownParameter: The parameter {name}s is not recognized")
        );
        if let Some((parent, _)) = name.rsplit_once('.') {
            let error = decode(&format!("{sent}&{parent}=other")).unwrap_err();
            assert_eq!(error.code, ApiCode::UnknownParameter, "{action} {parent}");
        }
    });
}

#[test]
fn every_list_with_a_gap_or_a_strange_number() {
    each_parameter(|action, entry, base| {
        for (at, _) in entry.name.match_indices(".N") {
            if !matches!(entry.name.as_bytes().get(at + 2), None | Some(b'.')) {
                continue;
            }
            let list = first_item(&entry.name[..at]);
            let rest = first_item(&entry.name[at + 2..]);
            let sent = form(action, base);
            let known = base.keys().any(|key| key.starts_with(&format!("{list}.1")));
            for number in ["2", "3", "1000", "4294967295"]
                .iter()
                .skip(usize::from(known))
            {
                let error = decode(&format!("{sent}&{list}.{number}{rest}={}", value(entry)));
                let error = error.unwrap_err();
                assert_eq!(
                    error.code,
                    ApiCode::MissingParameter,
                    "{list}.{number} {error}"
                );
            }
            for number in ["0", "01", "-1", "+1", "x", "", "99999999999999999999"] {
                let error = decode(&format!("{sent}&{list}.{number}{rest}=1")).unwrap_err();
                assert_eq!(
                    error.code,
                    ApiCode::UnknownParameter,
                    "{list}.{number} {error}"
                );
            }
        }
    });
}

#[test]
fn svc_task_10_enumerations_are_taken_without_regard_to_case() {
    each_parameter(|action, entry, base| {
        for word in entry.one_of {
            for word in [word.to_ascii_uppercase(), word.to_ascii_lowercase()] {
                let sent = form(action, &with(base, entry, &word));
                assert!(decode(&sent).is_ok(), "{sent}");
            }
        }
    });
    let sent = "Action=ImportImage&Version=2016-11-15&LicenseType=aws\
        &DiskContainer.1.Format=OVA&DiskContainer.1.Url=S3%3A%2F%2Fbucket_name%2Fsql_std_image.ova\
        &ClientData.UploadSize=3.115815424E9";
    let Ok(Action::ImportImage(request)) = decode(sent) else {
        panic!("{sent}");
    };
    assert_eq!(
        request.disk_containers[0].url.as_ref().unwrap().reveal(),
        "S3://bucket_name/sql_std_image.ova"
    );
    assert_eq!(
        request.client_data.unwrap().upload_size.unwrap().0,
        3_115_815_424.0
    );
}

#[test]
fn a_form_that_is_none() {
    for (sent, code, text) in [
        (
            "",
            "MissingAction",
            "The request must contain the parameter Action",
        ),
        (
            "Action=",
            "MissingAction",
            "The request must contain the parameter Action",
        ),
        (
            "Version=2016-11-15",
            "MissingAction",
            "The request must contain the parameter Action",
        ),
        (
            "Action=RunInstances",
            "InvalidAction",
            "The action RunInstances is not valid for this web service.",
        ),
        (
            "Action=importImage",
            "InvalidAction",
            "The action importImage is not valid for this web service.",
        ),
        (
            "Action=ImportImage",
            "MissingParameter",
            "The request must contain the parameter Version",
        ),
        (
            "Action=ImportImage&Version=2015-10-01",
            "InvalidParameterValue",
            "Value (2015-10-01) for parameter Version is invalid. Use 2016-11-15.",
        ),
        (
            "Action.1=ImportImage",
            "UnknownParameter",
            "The parameter Action.1 is not recognized",
        ),
        (
            "Action=A&Action=B",
            "MalformedQueryString",
            "The query string is malformed: the parameter 'Action' may only be specified once",
        ),
        (
            "Action=%",
            "MalformedQueryString",
            "The query string is malformed: an escape is no byte, or the bytes are no UTF-8",
        ),
        ("=x", "UnknownParameter", "The parameter  is not recognized"),
        (
            "A..B=x",
            "MissingAction",
            "The request must contain the parameter Action",
        ),
        (
            "Action=ImportImage&Version=2016-11-15&A..B=x",
            "UnknownParameter",
            "The parameter A..B is not recognized",
        ),
        (
            "A.B.C.D.E.F=x",
            "UnknownParameter",
            "The parameter A.B.C.D.E.F is not recognized",
        ),
        (
            "Action=ImportSnapshot&Version=2016-11-15&DiskContainer.DeviceName=x",
            "UnknownParameter",
            "The parameter DiskContainer.DeviceName is not recognized",
        ),
    ] {
        let error = decode(sent).unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            (code, text),
            "{sent}"
        );
    }
    let error = decode_request(b"Action=\xff", &Limits::default()).unwrap_err();
    assert_eq!(error.code, ApiCode::MalformedQueryString);
}

#[test]
fn parameters_of_a_signature_are_passed_over() {
    let signed = "Action=DeleteSnapshot&&Version=2016-11-15&SnapshotId=snap-1234567890abcdef0\
        &X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2Fb&X-Amz-Date=20261126T123145Z\
        &X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=feedface&X-Amz-Security-Token=t\
        &AWSAccessKeyId=a&Signature=s&SignatureMethod=HmacSHA256&SignatureVersion=2\
        &Timestamp=2026-11-26T12%3A31%3A45Z&Expires=60&SecurityToken=t&";
    assert!(matches!(decode(signed), Ok(Action::DeleteSnapshot(_))));
}

#[test]
fn svc_sec_3_no_address_stands_in_an_error() {
    let url = "https%3A%2F%2Fb%2Fk%3FX-Amz-Signature%3Dfeedface";
    for name in [
        "Urls",
        "DiskContainer.1.Url.More",
        "DiskContainer.Url",
        "DiskContainer.2.Url",
    ] {
        let sent = format!("Action=ImportImage&Version=2016-11-15&{name}={url}");
        let error = decode(&sent).unwrap_err();
        assert!(!error.to_string().contains("feedface"), "{error}");
    }
    for action in ACTIONS {
        for entry in parameters(action).iter().chain(&fields(action)) {
            let url = entry.name.to_ascii_lowercase().ends_with("url");
            assert_eq!(entry.secret, url, "{action} {}", entry.name);
            // What is refused for its value is shown.
            assert!(!entry.secret || (entry.kind == Kind::Text && entry.one_of.is_empty()));
        }
    }
}

#[test]
fn forms_beyond_the_limits() {
    let items = |count: usize| {
        let mut sent = "Action=DescribeImportImageTasks&Version=2016-11-15".to_owned();
        for number in 1..=count {
            sent.push_str(&format!(
                "&ImportTaskId.{number}=import-ami-1234567890abcdef0"
            ));
        }
        sent
    };
    let Ok(Action::DescribeImportImageTasks(request)) = decode(&items(1000)) else {
        panic!("1000 items are taken");
    };
    assert_eq!(request.import_task_ids.len(), 1000);
    for (count, code, text) in [
        (
            1001,
            "InvalidParameterValue",
            "The parameter ImportTaskId has 1001 items; at most 1000 are taken",
        ),
        (
            9998,
            "InvalidParameterValue",
            "The parameter ImportTaskId has 9998 items; at most 1000 are taken",
        ),
        (
            9999,
            "MalformedQueryString",
            "The query string is malformed: it has more than 10000 parameters",
        ),
    ] {
        let error = decode(&items(count)).unwrap_err();
        assert_eq!((error.code.as_str(), error.message.as_str()), (code, text));
    }
    // A name is shown as far as a person reads it, whatever is wrong with its value.
    let long = "a".repeat(60_000);
    let error = decode(&format!("Action=ImportImage&{long}=%00")).unwrap_err();
    assert!(
        error
            .message
            .ends_with(" has a character that XML cannot carry")
    );
    assert!(error.message.len() < 2048, "{}", error.message.len());
    let error = decode(&format!(
        "Action=ImportImage&{long}={}",
        "b".repeat(900_000)
    ))
    .unwrap_err();
    assert!(error.message.len() < 2048, "{}", error.message.len());
    let error = decode(&"a".repeat((1 << 20) + 1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "MalformedQueryString: The query string is malformed: it has 1048577 bytes; at most 1048576 are taken"
    );
}

#[test]
fn replies_have_a_field_for_each_value() {
    for action in ACTIONS {
        let names: Vec<_> = fields(action).into_iter().map(|entry| entry.name).collect();
        let mut unique = names.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(names.len(), unique.len(), "{action}");
        assert!(!names.is_empty(), "{action}");
    }
    let names = |action| {
        fields(action)
            .into_iter()
            .map(|entry| entry.name)
            .collect::<Vec<_>>()
    };
    assert!(!names("ImportImage").contains(&"bootMode".to_owned()));
    assert!(
        names("DescribeImportImageTasks").contains(&"importImageTaskSet.item.bootMode".to_owned())
    );
    assert!(!names("ImportVolume").contains(&"conversionTask.importVolume.status".to_owned()));
}

#[test]
fn a_reply_reads_as_the_api_says() {
    let Some(Reply::ImportSnapshot(mut task)) = sample_reply("ImportSnapshot", &mut Dice::new(1))
    else {
        panic!("a reply");
    };
    task.description = Some("My <server> VM".into());
    task.tags.clear();
    let detail = &mut task.snapshot_task_detail;
    detail.description = None;
    detail.disk_image_size = 0;
    detail.encrypted = Some(false);
    detail.format = Some("VMDK".into());
    detail.kms_key_id = None;
    detail.progress = Some(3);
    detail.snapshot_id = None;
    detail.status = vmie_rules::status::Status::Active;
    detail.status_message = Some("pending".into());
    detail.url = None;
    detail.user_bucket = None;
    let id = task.import_task_id.as_str().to_owned();
    let expected = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <ImportSnapshotResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
         <requestId>{ID}</requestId><description>My &lt;server&gt; VM</description>\
         <importTaskId>{id}</importTaskId><snapshotTaskDetail><diskImageSize>0.0</diskImageSize>\
         <encrypted>false</encrypted><format>VMDK</format><progress>3</progress><status>active</status>\
         <statusMessage>pending</statusMessage></snapshotTaskDetail></ImportSnapshotResponse>"
    );
    assert_eq!(
        encode_reply(&Reply::ImportSnapshot(task), ID).as_deref(),
        Ok(expected.as_str())
    );
    assert_eq!(
        encode_reply(&Reply::CancelExportTask, ID)
            .unwrap()
            .split_once("</requestId>")
            .unwrap()
            .1,
        "<return>true</return></CancelExportTaskResponse>"
    );
    let empty = Reply::DescribeExportTasks { tasks: Vec::new() };
    assert!(
        encode_reply(&empty, ID)
            .unwrap()
            .contains("<exportTaskSet></exportTaskSet>")
    );
}

#[test]
fn every_error_comes_back() {
    for code in ApiCode::ALL {
        let error = ApiError::new(*code, "a <b> & \"c\" ]]> \u{0}\u{fffe}\r\n");
        let xml = encode_error(&error, ID);
        let Ok(Answer::Error {
            request_id,
            code: read,
            message,
        }) = answer(&xml)
        else {
            panic!("{xml}");
        };
        assert_eq!((request_id.as_str(), read.as_str()), (ID, code.as_str()));
        assert_eq!(message, "a <b> & \"c\" ]]> \u{fffd}\u{fffd}\r\n");
    }
    let dry = ApiError::new(ApiCode::DryRunOperation, vmie_rules::api::DRY_RUN);
    assert_eq!(dry.code.http_status(), 412);
    assert_eq!(
        encode_error(&dry, "x").split_once('\n').unwrap().1,
        "<Response><Errors><Error><Code>DryRunOperation</Code><Message>Request would have succeeded, \
         but DryRun flag is set.</Message></Error></Errors><RequestID>x</RequestID></Response>"
    );
}

#[test]
fn documents_that_are_no_answers() {
    let cause = |xml: &str| answer(xml).unwrap_err().cause;
    assert_eq!(cause(""), XmlCause::Malformed);
    assert_eq!(cause("<a>"), XmlCause::Malformed);
    assert_eq!(cause("<a/><b/>"), XmlCause::Malformed);
    assert_eq!(cause("<html/>"), XmlCause::Root);
    assert_eq!(cause("<RunInstancesResponse/>"), XmlCause::Root);
    assert_eq!(
        cause("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"),
        XmlCause::DocType
    );
    assert_eq!(cause("<a>&b;</a>"), XmlCause::Entity);
    assert_eq!(cause(&"<a>".repeat(33)), XmlCause::TooDeep);
    assert_eq!(
        cause("<Response/>"),
        XmlCause::Missing {
            name: "Errors".into()
        }
    );
    assert_eq!(
        cause("<CancelImportTaskResponse/>"),
        XmlCause::Missing {
            name: "importTaskId".into()
        }
    );
    assert!(matches!(
        cause("<CancelExportTaskResponse/>"),
        XmlCause::Value { .. }
    ));
    assert!(matches!(
        cause("<RegisterImageResponse><imageId>image</imageId></RegisterImageResponse>"),
        XmlCause::Value { .. }
    ));
    let error = decode_answer(b"<a>\xff</a>", &Limits::default()).unwrap_err();
    assert_eq!((error.cause, error.offset), (XmlCause::NotUtf8, 3));
    let limits = Limits {
        xml_elements: 3,
        ..Limits::default()
    };
    let error = decode_answer(b"<a><b/><b/><b/></a>", &limits).unwrap_err();
    assert_eq!(error.cause, XmlCause::TooManyElements);
    let limits = Limits {
        xml_bytes: 3,
        ..Limits::default()
    };
    let error = decode_answer(b"<a/>", &limits).unwrap_err();
    assert_eq!(error.cause, XmlCause::TooLarge);
}

#[test]
fn elements_that_are_not_known_and_prefixes_are_passed_over() {
    let xml = "<?xml version='1.0'?><!-- c --><x:CancelExportTaskResponse xmlns:x='u'><x:new><deep/></x:new>\
               <x:return> true </x:return></x:CancelExportTaskResponse>";
    let expected = Answer::Reply {
        request_id: String::new(),
        reply: Reply::CancelExportTask,
    };
    assert_eq!(answer(xml), Ok(expected));
}

#[test]
fn every_truncated_answer_is_none() {
    for action in ACTIONS {
        let reply = sample_reply(action, &mut Dice::new(7)).unwrap();
        let xml = encode_reply(&reply, ID).unwrap();
        for cut in 0..xml.len() {
            let result = decode_answer(&xml.as_bytes()[..cut], &Limits::default());
            assert!(result.is_err(), "{action} cut at {cut}");
        }
    }
}

#[test]
fn truncated_forms_never_pass_for_more_than_they_are() {
    for action in ACTIONS {
        let request = sample_action(action, &mut Dice::new(7)).unwrap();
        let sent = encode_request(&request).unwrap();
        for cut in 0..sent.len() {
            if let Ok(taken) = decode(&sent[..cut]) {
                let again = encode_request(&taken).unwrap();
                assert!(again.len() <= cut + 64, "{again}");
            }
        }
    }
}

proptest::proptest! {
    #[test]
    fn requests_come_back(seed: u64) {
        for action in ACTIONS {
            let request = sample_action(action, &mut Dice::new(seed)).unwrap();
            let sent = encode_request(&request).unwrap();
            proptest::prop_assert_eq!(decode(&sent), Ok(request), "{}", sent);
        }
    }

    #[test]
    fn replies_come_back(seed: u64) {
        for action in ACTIONS {
            let reply = sample_reply(action, &mut Dice::new(seed)).unwrap();
            let xml = encode_reply(&reply, ID).unwrap();
            let expected = Answer::Reply { request_id: ID.to_owned(), reply };
            proptest::prop_assert_eq!(answer(&xml), Ok(expected), "{}", xml);
        }
    }

    #[test]
    fn the_order_of_parameters_means_nothing(seed: u64, shuffle: u64) {
        let mut dice = Dice::new(seed);
        let action = ACTIONS[usize::try_from(dice.below(21)).unwrap()];
        let request = sample_action(action, &mut dice).unwrap();
        let sent = encode_request(&request).unwrap();
        let mut pairs: Vec<_> = sent.split('&').collect();
        let mut dice = Dice::new(shuffle);
        for index in (1..pairs.len()).rev() {
            let other = usize::try_from(dice.below(u64::try_from(index + 1).unwrap())).unwrap();
            pairs.swap(index, other);
        }
        proptest::prop_assert_eq!(decode(&pairs.join("&")), Ok(request));
    }

    #[test]
    fn no_bytes_make_the_readers_panic(bytes: Vec<u8>, text in "[A-Za-z0-9.&=%+<>/;!\\[\\]-]{0,200}") {
        let limits = Limits::default();
        let _ = decode_request(&bytes, &limits);
        let _ = decode_request(text.as_bytes(), &limits);
        let _ = decode_answer(&bytes, &limits);
        let _ = decode_answer(text.as_bytes(), &limits);
    }
}
