//! The file of the world as it is.

use crate::told::{
    self, ACCOUNT, Client, export_image, export_instance, import_image, import_instance,
    import_snapshot, import_volume,
};
use vmie_tasks::{Action, BucketRecord, Encryption, Engine};

const OWNER: &str = "owner = \"111122223333\"";

#[test]
fn the_world_as_it_is_takes_every_request() {
    for action in [
        Action::ImportImage(import_image()),
        Action::ImportSnapshot(import_snapshot()),
        Action::ImportInstance(import_instance()),
        Action::ImportVolume(import_volume()),
        Action::CreateInstanceExportTask(export_instance()),
        Action::ExportImage(export_image()),
    ] {
        let name = action.name();
        let mut client = Client::new(&[]);
        assert!(client.call(action).is_ok(), "{name}");
    }
}

#[test]
fn the_world_can_be_built_in_code_and_changed_while_tasks_run() {
    let mut client = Client::new(&[]);
    client.engine.world_mut().put_bucket(BucketRecord {
        name: "another".into(),
        owner: ACCOUNT.into(),
        region: "us-east-1".into(),
        encryption: Encryption::SseKms,
        ..BucketRecord::default()
    });
    let mut request = export_image();
    request.s3_export_location.as_mut().unwrap().s3_bucket = Some("another".into());
    assert_eq!(
        client.refused(Action::ExportImage(request)).2,
        "bucket-sse-kms"
    );
    let _: &Engine<vmie_tasks::ListedWorld> = &client.engine;
    assert!(told::WORLD.contains(OWNER));
}
