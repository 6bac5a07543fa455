//! The uploads of conversion tasks and their manifests (SVC-MAN).

use crate::told::{self, Client, end_of, import_instance, import_volume};
use vmie_tasks::{
    Action, DescribeConversionTasksRequest, Reply, Step, Uploaded, Work, WorkerEvent,
};

#[test]
fn svc_task_3_the_instance_ends_stopped_with_its_volumes() {
    let mut client = Client::new(&[]);
    client
        .call(Action::ImportInstance(import_instance()))
        .unwrap();
    for step in [Step::Upload(0), Step::Validate, Step::Convert(0)] {
        client.ends(step);
    }
    let Work::PublishVolumes(work) = client.order(Step::Publish).work else {
        panic!()
    };
    let instance = work.instance.unwrap();
    assert_eq!(instance.launch.instance_type.as_deref(), Some("m3.large"));
    assert_eq!(work.volumes[0].device_name, "/dev/sda1");
    assert_eq!((work.volumes[0].size, work.uploads.len()), (8, 1));
    client.works();
    assert!(
        client
            .engine
            .check_start(&client.caller, instance.instance_id.as_str())
            .is_ok()
    );
}

#[test]
fn svc_man_3_an_upload_that_does_not_come_is_cancelled_after_seven_days() {
    let mut client = Client::new(&[]);
    let Ok(Reply::ImportVolume(task)) = client.call(Action::ImportVolume(import_volume())) else {
        panic!()
    };
    assert_eq!(task.expiration_time, Some(told::NOW.plus_secs(7 * 86_400)));
    for _ in 0..7 * 24 {
        if let Some(begin) = client.begun.first().cloned() {
            let nothing = WorkerEvent::Uploaded(Uploaded::default());
            client.tell(&begin, nothing).unwrap();
        }
        assert!(client.engine.failure(&task.conversion_task_id).is_none());
        client.tick(3600);
    }
    let failure = client.engine.failure(&task.conversion_task_id).unwrap();
    assert_eq!(failure.code, "upload-expired");
    client.works();
    let list = Action::DescribeConversionTasks(DescribeConversionTasksRequest::default());
    let Ok(Reply::DescribeConversionTasks { tasks }) = client.call(list) else {
        panic!()
    };
    assert_eq!(tasks[0].state.as_str(), "cancelled");
}

#[test]
fn svc_man_1_a_wrong_manifest_fails_the_task() {
    for (change, detail) in [
        (0, "the bytes from"),
        (1, "the request says"),
        (2, "the request says"),
    ] {
        let mut client = Client::new(&[]);
        let Ok(Reply::ImportVolume(task)) = client.call(Action::ImportVolume(import_volume()))
        else {
            panic!()
        };
        let begin = client.order(Step::Upload(0));
        let WorkerEvent::Uploaded(mut found) = end_of(&begin) else {
            panic!()
        };
        let manifest = found.manifest.as_mut().unwrap();
        match change {
            0 => {
                manifest.parts.remove(1);
            }
            1 => manifest.file_format = vmie_rules::format::ImageFormat::Vhd,
            _ => {
                *manifest = vmie_rules::manifest::Manifest::plan(manifest.file_format, 77, Some(8))
            }
        }
        client.tell(&begin, WorkerEvent::Uploaded(found)).unwrap();
        let failure = client.engine.failure(&task.conversion_task_id).unwrap();
        assert_eq!(failure.code, "invalid-manifest");
        assert!(failure.detail.contains(detail), "{}", failure.detail);
    }
}
