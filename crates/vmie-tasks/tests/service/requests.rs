//! What becomes of calls: first replies, stages, lists, tokens, cancels.

use crate::client::{NOW, call, call_as, caller, engine, image_request};
use vmie_rules::api::ApiCode;
use vmie_rules::format::ImageFormat;
use vmie_rules::guest::{BootMode, Platform};
use vmie_rules::license::{LicenseType, LicensedSystem};
use vmie_rules::status::Status;
use vmie_tasks::{
    Action, Attempt, Begin, Caller, CancelRequest, Config, Converted, DescribeRequest,
    DiskContainer, DiskFacts, Engine, Failure, Filter, GuestFacts, ImportImageRequest,
    ImportImageTask, ImportSnapshotRequest, ImportSnapshotTask, Output, Reply, Step, Tag,
    TagSpecification, TaskId, UserBucket, Validated, Verdict, Work, WorkerEvent,
};

fn images(engine: &mut Engine) -> Vec<ImportImageTask> {
    let action = Action::DescribeImportImageTasks(DescribeRequest::default());
    match call(engine, action).unwrap() {
        Reply::DescribeImportImageTasks { tasks, .. } => tasks,
        other => panic!("{other:?}"),
    }
}

fn snapshots(engine: &mut Engine) -> Vec<ImportSnapshotTask> {
    let action = Action::DescribeImportSnapshotTasks(DescribeRequest::default());
    match call(engine, action).unwrap() {
        Reply::DescribeImportSnapshotTasks { tasks, .. } => tasks,
        other => panic!("{other:?}"),
    }
}

/// Reports, and gives the orders and aborts that follow.
fn tell(engine: &mut Engine, begin: &Begin, event: WorkerEvent) -> (Vec<Begin>, Vec<Step>) {
    engine
        .report(NOW, &begin.order, begin.attempt, event)
        .unwrap();
    let mut begun = Vec::new();
    let mut aborted = Vec::new();
    loop {
        match engine.poll() {
            Output::Begin(begin) => begun.push(begin),
            Output::Abort { order, .. } => aborted.push(order.step),
            Output::Idle { .. } => return (begun, aborted),
            _ => {}
        }
    }
}

fn disk(member: u32) -> DiskFacts {
    DiskFacts {
        container: 0,
        member,
        format: ImageFormat::Vmdk,
        stored_size: 705_638_400 + u64::from(member),
        virtual_size: 8 << 30,
    }
}

fn validated(disks: u32) -> WorkerEvent {
    WorkerEvent::Validated(Validated {
        disks: (0..disks).map(disk).collect(),
        guest: GuestFacts {
            platform: Some(Platform::Linux),
            system: Some(LicensedSystem::Linux),
            architecture: Some("x86_64".into()),
            boot_mode: Some(BootMode::LegacyBios),
            ena_support: Some(true),
        },
        verdict: Verdict::Accepted,
    })
}

fn converted() -> WorkerEvent {
    WorkerEvent::Converted(Converted {
        sha256: "0".repeat(64),
        virtual_size: 8 << 30,
        data_bytes: 1 << 20,
    })
}

fn failure(message: &str, retryable: bool) -> Failure {
    Failure {
        code: "test".into(),
        message: message.into(),
        detail: "in a test".into(),
        svc: Vec::new(),
        retryable,
    }
}

/// Status, message and progress of the one image task.
fn shown(engine: &mut Engine) -> (Status, Option<String>, Option<u8>) {
    let task = images(engine).remove(0);
    (task.status, task.status_message, task.progress)
}

#[test]
fn svc_obs_3_the_first_reply_is_as_the_service_gives_it() {
    let mut engine = engine();
    let (reply, begun) = call_as(&mut engine, caller(), Action::ImportImage(image_request()));
    let Reply::ImportImage(task) = reply.unwrap() else {
        panic!("another reply")
    };
    assert_eq!(task.status, Status::Active);
    assert_eq!(task.status_message.as_deref(), Some("pending"));
    assert_eq!(task.progress, Some(1));
    let detail = &task.snapshot_details[0];
    assert_eq!(detail.disk_image_size, 0);
    assert_eq!(detail.format.as_deref(), Some("ova"));
    assert!(detail.url.is_some());
    assert_eq!(
        detail.user_bucket,
        Some(UserBucket {
            bucket: "amzn-s3-demo-import-bucket".into(),
            key: "vms/my-server-vm.ova".into()
        })
    );
    assert_eq!(
        begun[0].order.to_string(),
        format!("{}/validate", task.import_task_id)
    );
    assert_eq!(begun[0].attempt, Attempt::FIRST);
}

#[test]
fn an_image_import_goes_through_its_stages() {
    let mut engine = engine();
    let mut request = image_request();
    request.tag_specifications = vec![TagSpecification {
        resource_type: "import-image-task".into(),
        tags: vec![Tag {
            key: "team".into(),
            value: "blue".into(),
        }],
    }];
    let begun = call_as(&mut engine, caller(), Action::ImportImage(request)).1;
    let active =
        |message: &str, progress| (Status::Active, Some(message.to_owned()), Some(progress));

    tell(&mut engine, &begun[0], WorkerEvent::Started);
    assert_eq!(shown(&mut engine), active("validating", 4));
    let converts = tell(&mut engine, &begun[0], validated(2)).0;
    assert_eq!(converts.len(), 2);
    assert_eq!(shown(&mut engine), active("validated", 8));

    tell(
        &mut engine,
        &converts[0],
        WorkerEvent::Progress {
            done: 4 << 30,
            total: 8 << 30,
        },
    );
    assert_eq!(shown(&mut engine), active("converting", 13));
    let task = images(&mut engine).remove(0);
    assert_eq!(task.snapshot_details.len(), 2);
    assert_eq!(task.snapshot_details[1].format.as_deref(), Some("VMDK"));
    assert_eq!(task.snapshot_details[1].disk_image_size, 705_638_401);
    assert_eq!(task.platform, None);

    assert!(tell(&mut engine, &converts[0], converted()).0.is_empty());
    let update = tell(&mut engine, &converts[1], converted()).0;
    assert_eq!(shown(&mut engine), active("converting", 28));
    tell(&mut engine, &update[0], WorkerEvent::Started);
    assert_eq!(shown(&mut engine), active("updating", 29));
    let publish = tell(
        &mut engine,
        &update[0],
        WorkerEvent::Updated { changed: false },
    )
    .0;
    assert_eq!(shown(&mut engine), active("updated", 41));
    let task = images(&mut engine).remove(0);
    assert_eq!(task.platform, Some(Platform::Linux));
    assert_eq!(task.license_type, Some(LicenseType::Byol));
    assert_eq!(
        task.snapshot_details[0].device_name.as_deref(),
        Some("/dev/sda1")
    );
    assert_eq!(
        task.snapshot_details[1].device_name.as_deref(),
        Some("/dev/sdb")
    );
    assert_eq!(task.snapshot_details[0].snapshot_id, None);

    tell(&mut engine, &publish[0], WorkerEvent::Started);
    assert_eq!(shown(&mut engine), active("preparing ami", 63));
    let task = images(&mut engine).remove(0);
    assert!(task.snapshot_details[0].snapshot_id.is_some() && task.image_id.is_none());
    let Work::PublishImage(work) = &publish[0].work else {
        panic!("another work")
    };
    assert_eq!(work.name, task.import_task_id.to_string());
    assert_eq!(work.tags, task.tags);

    tell(&mut engine, &publish[0], WorkerEvent::Published);
    assert_eq!(shown(&mut engine), (Status::Completed, None, None));
    let task = images(&mut engine).remove(0);
    assert_eq!(task.image_id, Some(work.image_id.clone()));
    assert_eq!(task.snapshot_details[0].status, Some(Status::Completed));
}

#[test]
fn a_snapshot_import_goes_through_its_stages() {
    let mut engine = engine();
    let request = ImportSnapshotRequest {
        description: Some("My server VM".into()),
        disk_container: Some(DiskContainer {
            description: Some("My server VMDK".into()),
            format: Some("VMDK".into()),
            user_bucket: Some(UserBucket {
                bucket: "amzn-s3-demo-import-bucket".into(),
                key: "vms/my-server-vm.vmdk".into(),
            }),
            ..DiskContainer::default()
        }),
        ..ImportSnapshotRequest::default()
    };
    let (reply, begun) = call_as(&mut engine, caller(), Action::ImportSnapshot(request));
    let Reply::ImportSnapshot(task) = reply.unwrap() else {
        panic!("another reply")
    };
    assert_eq!(task.snapshot_task_detail.progress, Some(3));
    assert_eq!(
        task.snapshot_task_detail.status_message.as_deref(),
        Some("pending")
    );
    let convert = tell(&mut engine, &begun[0], validated(1)).0;
    tell(&mut engine, &convert[0], WorkerEvent::Started);
    let detail = snapshots(&mut engine).remove(0).snapshot_task_detail;
    assert_eq!(
        detail.status_message.as_deref(),
        Some("downloading/converting")
    );
    assert_eq!(
        (detail.progress, detail.disk_image_size),
        (Some(19), 705_638_400)
    );
    let publish = tell(&mut engine, &convert[0], converted()).0;
    assert_eq!(
        snapshots(&mut engine)[0].snapshot_task_detail.progress,
        Some(22)
    );
    tell(&mut engine, &publish[0], WorkerEvent::Published);
    let detail = snapshots(&mut engine).remove(0).snapshot_task_detail;
    assert_eq!(
        (detail.status, detail.progress, detail.status_message),
        (Status::Completed, None, None)
    );
    assert!(detail.snapshot_id.is_some());
}

#[test]
fn a_failure_stays_in_the_message_until_after_the_end() {
    let mut engine = engine();
    let begun = call_as(&mut engine, caller(), Action::ImportImage(image_request())).1;
    let converts = tell(&mut engine, &begun[0], validated(2)).0;
    let text = "ClientError: Uncompressed data has an invalid length";
    let failed = WorkerEvent::Failed(failure(text, false));
    let (cleanup, aborted) = tell(&mut engine, &converts[1], failed);
    assert_eq!(aborted, [Step::Convert(0)]);
    assert_eq!(cleanup[0].order.step, Step::Cleanup);
    assert_eq!(
        shown(&mut engine),
        (Status::Deleting, Some(text.into()), Some(8))
    );
    tell(&mut engine, &cleanup[0], WorkerEvent::Cleaned);
    assert_eq!(
        shown(&mut engine),
        (Status::Deleted, Some(text.into()), None)
    );
    assert_eq!(engine.failure(&begun[0].order.task).unwrap().message, text);
}

#[test]
fn undetermined_guests_are_refused_unless_the_host_allows_them() {
    for (allow_undetermined, next) in [(false, Step::Cleanup), (true, Step::Convert(0))] {
        let mut engine = Engine::new(
            Config {
                allow_undetermined,
                ..Config::default()
            },
            7,
        );
        let begun = call_as(&mut engine, caller(), Action::ImportImage(image_request())).1;
        let WorkerEvent::Validated(mut found) = validated(1) else {
            panic!("another event")
        };
        found.verdict =
            Verdict::Undetermined(failure("ClientError: Unknown OS / Missing OS files", false));
        let next_orders = tell(&mut engine, &begun[0], WorkerEvent::Validated(found)).0;
        assert_eq!(next_orders[0].order.step, next);
    }
}

#[test]
fn what_the_service_limits_fails_the_task() {
    for (change, code) in [
        (
            (|found| found.disks.clear()) as fn(&mut Validated),
            "no-disk",
        ),
        (|found| found.disks[0].container = 9, "no-disk"),
        (
            |found| found.disks = (0..22).map(disk).collect(),
            "too-many-volumes",
        ),
        (
            |found| found.disks[0].virtual_size = 8 << 40,
            "disk-too-large",
        ),
    ] {
        let mut engine = engine();
        let begun = call_as(&mut engine, caller(), Action::ImportImage(image_request())).1;
        let WorkerEvent::Validated(mut found) = validated(1) else {
            panic!("another event")
        };
        change(&mut found);
        tell(&mut engine, &begun[0], WorkerEvent::Validated(found));
        assert_eq!(engine.failure(&begun[0].order.task).unwrap().code, code);
    }
    let mut engine = engine();
    let request = ImportImageRequest {
        license_type: Some("aws".into()),
        ..image_request()
    };
    let begun = call_as(&mut engine, caller(), Action::ImportImage(request)).1;
    tell(&mut engine, &begun[0], validated(1));
    assert_eq!(
        engine.failure(&begun[0].order.task).unwrap().code,
        "license-not-allowed"
    );
}

#[test]
fn a_failure_that_can_pass_is_tried_again_at_its_time() {
    let mut engine = engine();
    let begun = call_as(&mut engine, caller(), Action::ImportImage(image_request())).1;
    engine
        .report(
            NOW,
            &begun[0].order,
            Attempt(1),
            WorkerEvent::Failed(failure("busy", true)),
        )
        .unwrap();
    let wake = loop {
        if let Output::Idle { wake_at } = engine.poll() {
            break wake_at.unwrap();
        }
    };
    // Up to half of the wait is left out by chance.
    assert!(wake > NOW.plus_millis(999) && wake <= NOW.plus_secs(2));
    engine.tick(NOW.plus_millis(999));
    assert!(matches!(engine.poll(), Output::Idle { .. }));
    engine.tick(wake);
    assert!(matches!(engine.poll(), Output::Commit(_)));
    let Output::Begin(again) = engine.poll() else {
        panic!("no order")
    };
    assert_eq!((again.attempt, &again.work), (Attempt(2), &begun[0].work));
}

#[test]
fn a_cancel_is_final_before_publishing_and_refused_after() {
    let mut engine = engine();
    let begun = call_as(&mut engine, caller(), Action::ImportImage(image_request())).1;
    let id = begun[0].order.task.to_string();
    let cancel = |reason: Option<&str>| {
        Action::CancelImportTask(CancelRequest {
            cancel_reason: reason.map(Into::into),
            dry_run: false,
            import_task_id: Some(id.clone()),
        })
    };
    let stranger = Caller {
        account: "444455556666".into(),
        ..caller()
    };
    let error = call_as(&mut engine, stranger, cancel(None)).0.unwrap_err();
    assert_eq!(error.code, ApiCode::InvalidConversionTaskIdMalformed);

    let (reply, cleanup) = call_as(&mut engine, caller(), cancel(Some("wrong file")));
    let Ok(Reply::CancelImportTask {
        previous_state,
        state,
        ..
    }) = reply
    else {
        panic!("refused")
    };
    assert_eq!((previous_state, state), (Status::Active, Status::Deleting));
    assert_eq!(
        shown(&mut engine),
        (Status::Deleting, Some("wrong file".into()), Some(1))
    );
    let late = engine.report(NOW, &begun[0].order, begun[0].attempt, validated(1));
    assert_eq!(late, Err(vmie_tasks::ReportError::Stale));
    assert!(call(&mut engine, cancel(None)).is_ok());
    tell(&mut engine, &cleanup[0], WorkerEvent::Cleaned);
    let error = call(&mut engine, cancel(None)).unwrap_err();
    assert_eq!(error.code, ApiCode::DeleteConversionTaskError);
    assert_eq!(error.message, "The conversion task cannot be canceled.");
}

#[test]
fn publishing_cannot_be_cancelled() {
    let mut engine = engine();
    let begun = call_as(&mut engine, caller(), Action::ImportImage(image_request())).1;
    let convert = tell(&mut engine, &begun[0], validated(1)).0;
    let update = tell(&mut engine, &convert[0], converted()).0;
    tell(
        &mut engine,
        &update[0],
        WorkerEvent::Updated { changed: false },
    );
    let cancel = CancelRequest {
        import_task_id: Some(begun[0].order.task.to_string()),
        ..CancelRequest::default()
    };
    let error = call(&mut engine, Action::CancelImportTask(cancel)).unwrap_err();
    assert_eq!(error.code, ApiCode::DeleteConversionTaskError);
}

#[test]
fn svc_obs_6_a_token_gives_the_same_reply_and_no_second_task() {
    let mut engine = engine();
    let request = ImportImageRequest {
        client_token: Some("t".into()),
        ..image_request()
    };
    let (first, begun) = call_as(&mut engine, caller(), Action::ImportImage(request.clone()));
    tell(&mut engine, &begun[0], WorkerEvent::Started);
    let (second, nothing) = call_as(&mut engine, caller(), Action::ImportImage(request.clone()));
    assert_eq!(first, second);
    assert!(nothing.is_empty());
    let other = ImportImageRequest {
        description: Some("x".into()),
        ..request.clone()
    };
    let error = call(&mut engine, Action::ImportImage(other)).unwrap_err();
    assert_eq!(error.code, ApiCode::IdempotentParameterMismatch);
    let elsewhere = Caller {
        region: "us-east-1".into(),
        ..caller()
    };
    let elsewhere = call_as(&mut engine, elsewhere, Action::ImportImage(request)).0;
    assert_ne!(elsewhere.unwrap(), first.unwrap());
    assert_eq!(images(&mut engine).len(), 1);
}

#[test]
fn svc_obs_5_svc_task_11_lists_come_in_pages_and_through_filters() {
    let mut engine = engine();
    for _ in 0..5 {
        call(&mut engine, Action::ImportImage(image_request())).unwrap();
    }
    let all: Vec<TaskId> = images(&mut engine)
        .into_iter()
        .map(|task| task.import_task_id)
        .collect();
    let mut paged = Vec::new();
    let mut next_token = None;
    loop {
        let request = DescribeRequest {
            max_results: Some(2),
            next_token,
            ..DescribeRequest::default()
        };
        let Ok(Reply::DescribeImportImageTasks {
            tasks,
            next_token: next,
        }) = call(&mut engine, Action::DescribeImportImageTasks(request))
        else {
            panic!("refused")
        };
        assert!(tasks.len() <= 2);
        paged.extend(tasks.into_iter().map(|task| task.import_task_id));
        next_token = next;
        if next_token.is_none() {
            break;
        }
    }
    assert_eq!(paged, all);

    let cancel = CancelRequest {
        import_task_id: Some(all[1].to_string()),
        ..CancelRequest::default()
    };
    call(&mut engine, Action::CancelImportTask(cancel)).unwrap();
    for (state, count) in [
        ("Active", 4),
        ("deleting", 1),
        ("completed", 0),
        ("error", 0),
    ] {
        let filters = vec![Filter {
            name: "task-state".into(),
            values: vec![state.into()],
        }];
        let request = DescribeRequest {
            filters,
            ..DescribeRequest::default()
        };
        let Ok(Reply::DescribeImportImageTasks { tasks, .. }) =
            call(&mut engine, Action::DescribeImportImageTasks(request))
        else {
            panic!("refused")
        };
        assert_eq!(tasks.len(), count, "{state}");
    }
}

#[test]
fn an_end_is_shown_for_seven_days_and_then_forgotten() {
    let mut engine = engine();
    let begun = call_as(&mut engine, caller(), Action::ImportImage(image_request())).1;
    let failed = WorkerEvent::Failed(failure("ClientError: no", false));
    let cleanup = tell(&mut engine, &begun[0], failed).0;
    tell(&mut engine, &cleanup[0], WorkerEvent::Cleaned);
    let end = NOW.plus_secs(604_800);
    assert_eq!(engine.poll(), Output::Idle { wake_at: Some(end) });
    engine.tick(NOW.plus_secs(604_799));
    assert_eq!(images(&mut engine).len(), 1);
    engine.tick(end);
    assert!(matches!(engine.poll(), Output::Commit(commit) if commit.changes.len() == 1));
    assert!(images(&mut engine).is_empty());
}
