//! Instances and volumes that are imported by a manifest.

use crate::told::{Client, import_instance};
use vmie_tasks::{Action, Reply};

#[test]
fn svc_err_17_an_instance_is_not_started_before_it_has_a_root() {
    let client = Client::new(&[]);
    assert!(
        client
            .engine
            .check_start(&client.caller, "i-0123456789abcdef0")
            .is_ok()
    );
    let devices = (
        "devices = [{ device_name = \"/dev/sda1\", snapshot_id = \"snap-0123456789abcdef0\", volume_size = 8 }]",
        "devices = []",
    );
    let mut client = Client::new(&[devices]);
    let text = |id: &str| {
        format!(
            "Error starting instances: Invalid value {id} for instanceId. Instance does not have a volume attached at root (/dev/sda1)."
        )
    };
    let error = client
        .engine
        .check_start(&client.caller, "i-0123456789abcdef0")
        .unwrap_err();
    assert_eq!(error.message, text("i-0123456789abcdef0"));

    let Ok(Reply::ImportInstance(task)) = client.call(Action::ImportInstance(import_instance()))
    else {
        panic!("not taken")
    };
    let id = task
        .import_instance
        .unwrap()
        .instance_id
        .unwrap()
        .to_string();
    let error = client.engine.check_start(&client.caller, &id).unwrap_err();
    assert_eq!(
        (error.message.as_str(), error.cause_code()),
        (text(&id).as_str(), Some("conversion-not-complete"))
    );
    client.works();
    assert!(client.engine.check_start(&client.caller, &id).is_ok());
}

#[test]
fn svc_task_3_linux_goes_into_some_types_and_regions_only() {
    let with_type = |text: &str| {
        let mut request = import_instance();
        request.launch_specification.as_mut().unwrap().instance_type = Some(text.into());
        Action::ImportInstance(request)
    };
    let mut client = Client::new(&[]);
    assert!(client.call(with_type("HI1.8xlarge")).is_ok());
    let refused = client.refused(with_type("m5.large"));
    assert_eq!(
        refused.1,
        "Linux is not supported on the requested instance"
    );
    client.caller.region = "eu-north-1".into();
    assert_eq!(
        client.refused(with_type("m3.large")).2,
        "region-takes-no-linux"
    );
    // Windows goes anywhere.
    client.caller.region = "us-east-1".into();
    let mut windows = import_instance();
    windows.platform = Some("windows".into());
    windows.launch_specification.as_mut().unwrap().instance_type = Some("m5.large".into());
    assert!(client.call(Action::ImportInstance(windows)).is_ok());
}

#[test]
fn svc_err_27_linux_on_an_instance_type_that_does_not_take_it() {
    let mut request = import_instance();
    request.launch_specification.as_mut().unwrap().instance_type = Some("t3.micro".into());
    let refused = Client::new(&[]).refused(Action::ImportInstance(request));
    assert_eq!(refused.2, "instance-type-takes-no-linux");
}
