//! What the three cancels do (SVC-TASK-6).

use crate::told::{Client, export_image, import_image, import_volume};
use vmie_tasks::{
    Action, CancelConversionTaskRequest, CancelExportTaskRequest, CancelRequest,
    DescribeConversionTasksRequest, Reply, Step, TaskId, Work,
};

#[test]
fn svc_task_6_cancel_of_an_import() {
    let mut client = Client::new(&[]);
    let Ok(Reply::ImportImage(task)) = client.call(Action::ImportImage(import_image())) else {
        panic!()
    };
    let id = task.import_task_id.to_string();
    let cancel = |reason: &str| {
        Action::CancelImportTask(CancelRequest {
            import_task_id: Some(id.clone()),
            cancel_reason: Some(reason.into()),
            ..CancelRequest::default()
        })
    };
    client.ends(Step::Validate);
    let reply = client.call(cancel("wrong file")).unwrap();
    let Reply::CancelImportTask {
        previous_state,
        state,
        ..
    } = reply
    else {
        panic!()
    };
    assert_eq!(
        (previous_state.as_str(), state.as_str()),
        ("active", "deleting")
    );
    assert_eq!(client.aborted[0].step, Step::Convert(0));
    client.ends(Step::Cleanup);
    assert_eq!(
        client.engine.failure(&task.import_task_id).unwrap().message,
        "wrong file"
    );
    let refused = client.refused(cancel(""));
    assert_eq!(refused.0, "DeleteConversionTaskError");
    assert_eq!(refused.1, "The conversion task cannot be canceled.");
}

#[test]
fn svc_task_6_cancel_of_a_conversion_task() {
    let mut client = Client::new(&[]);
    let Ok(Reply::ImportVolume(task)) = client.call(Action::ImportVolume(import_volume())) else {
        panic!()
    };
    let cancel = |id: &str| {
        Action::CancelConversionTask(CancelConversionTaskRequest {
            conversion_task_id: Some(id.into()),
            reason_message: Some("no more".into()),
            ..CancelConversionTaskRequest::default()
        })
    };
    let id = task.conversion_task_id.to_string();
    for (id, code) in [
        ("import-i-ffffffffffffffff0", "InvalidConversionTaskId"),
        (
            "import-ami-ffffffffffffffff0",
            "InvalidConversionTaskId.Malformed",
        ),
        ("x", "InvalidConversionTaskId.Malformed"),
    ] {
        assert_eq!(client.refused(cancel(id)).0, code);
    }
    assert_eq!(
        client.call(cancel(&id)).unwrap(),
        Reply::CancelConversionTask
    );
    client.works();
    assert_eq!(client.refused(cancel(&id)).0, "DeleteConversionTaskError");
    let list = Action::DescribeConversionTasks(DescribeConversionTasksRequest::default());
    let Ok(Reply::DescribeConversionTasks { tasks }) = client.call(list) else {
        panic!()
    };
    assert_eq!(tasks[0].state.as_str(), "cancelled");
    assert_eq!(tasks[0].status_message.as_deref(), Some("no more"));
}

#[test]
fn svc_task_6_cancel_of_an_export_removes_its_artifacts_and_comes_too_late_while_transferring() {
    let cancel = |id: &TaskId| {
        Action::CancelExportTask(CancelExportTaskRequest {
            export_task_id: Some(id.to_string()),
        })
    };
    let start = || {
        let mut client = Client::new(&[]);
        let reply = client.call(Action::ExportImage(export_image()));
        let Ok(Reply::ExportImage(task)) = reply else {
            panic!("{reply:?}")
        };
        (client, task.export_image_task_id)
    };
    let steps = [Step::Validate, Step::Update, Step::Convert(0)];
    for before in 0..steps.len() {
        let (mut client, id) = start();
        for step in &steps[..before] {
            client.ends(*step);
        }
        assert_eq!(client.call(cancel(&id)).unwrap(), Reply::CancelExportTask);
        let cleanup = client.order(Step::Cleanup);
        let Work::Cleanup(work) = &cleanup.work else {
            panic!()
        };
        assert_eq!(work.objects[0].key, format!("exports/{id}.vmdk"));
        client.works();
    }
    let (mut client, id) = start();
    for step in steps {
        client.ends(step);
    }
    let refused = client.refused(cancel(&id));
    assert_eq!(refused.2, "transferring-final-image");
    client.works();
    assert_eq!(client.refused(cancel(&id)).2, "task-ended");
    let mut client = Client::new(&[]);
    for (id, code) in [
        (
            "export-ami-ffffffffffffffff0",
            "InvalidExportTaskID.NotFound",
        ),
        ("export-i-ffffffffffffffff0", "InvalidExportTaskID.NotFound"),
        (
            "import-i-ffffffffffffffff0",
            "InvalidExportTaskID.Malformed",
        ),
    ] {
        let id = TaskId::parse_any(id).unwrap();
        assert_eq!(client.refused(cancel(&id)).0, code);
    }
}
