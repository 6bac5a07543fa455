//! A caller of the engine.

use vmie_tasks::{
    Action, ApiCall, ApiError, Begin, Caller, Config, DiskContainer, Engine, ImportImageRequest,
    Output, Reply, SourceUrl, Timestamp,
};

pub const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

pub fn caller() -> Caller {
    Caller {
        account: "111122223333".into(),
        region: "eu-central-1".into(),
    }
}

/// Calls, and gives the reply and the orders that came with it.
pub fn call_as(
    engine: &mut Engine,
    caller: Caller,
    action: Action,
) -> (Result<Reply, ApiError>, Vec<Begin>) {
    let asked = engine.request(NOW, ApiCall { caller, action });
    let mut answer = None;
    let mut begun = Vec::new();
    loop {
        match engine.poll() {
            Output::Reply { request, reply } => {
                assert_eq!(request, asked);
                answer = Some(reply);
            }
            Output::Begin(begin) => begun.push(begin),
            Output::Idle { .. } => return (answer.unwrap(), begun),
            _ => {}
        }
    }
}

pub fn call(engine: &mut Engine, action: Action) -> Result<Reply, ApiError> {
    call_as(engine, caller(), action).0
}

pub fn engine() -> Engine {
    Engine::new(Config::default(), 7)
}

pub fn ova() -> DiskContainer {
    DiskContainer {
        description: Some("My Server OVA".into()),
        format: Some("ova".into()),
        url: Some(SourceUrl::new(
            "S3://amzn-s3-demo-import-bucket/vms/my-server-vm.ova",
        )),
        ..DiskContainer::default()
    }
}

pub fn image_request() -> ImportImageRequest {
    ImportImageRequest {
        disk_containers: vec![ova()],
        ..ImportImageRequest::default()
    }
}
