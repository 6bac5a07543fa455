//! The official SDK for Rust, as it is published, with a service at work and a store of objects behind it: imports
//! with their paginator and waiter, a cancel, an export, and errors as the SDK types them.
//!
//! Usage: sdk-client EC2-URL EC2-KEY-ID EC2-SECRET S3-URL S3-KEY-ID S3-SECRET OVA EXPORTED
//!
//! Puts the appliance `OVA` into the store by S3, and fetches the disk that the service exports into the file
//! `EXPORTED`. Prints what came of it, a name and a value on each line, for whoever compares the disks. Ends with 1 and
//! says why at the first thing that is not as it shall be.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use aws_sdk_ec2::Client as Ec2;
use aws_sdk_ec2::client::Waiters as _;
use aws_sdk_ec2::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::types::{
    DiskImageFormat, ExportTaskS3LocationRequest, Filter, ImageDiskContainer, ImportImageTask,
    SnapshotDiskContainer, UserBucket,
};
use aws_sdk_s3::Client as S3;
use aws_sdk_s3::primitives::ByteStream;

type Failure = Box<dyn std::error::Error>;

const IMPORTS: &str = "amzn-s3-demo-import-bucket";
const EXPORTS: &str = "amzn-s3-demo-export-bucket";
const OVA: &str = "sdk/my server vm.ova";
/// How often a task is asked after, and how often at most.
const DELAY: Duration = Duration::from_millis(200);
const TIMES: usize = 1500;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let Err(error) = run(&given).await {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn run(given: &[String]) -> Result<(), Failure> {
    let [url, id, secret, s3_url, s3_id, s3_secret, ova, exported] = given else {
        return Err("see the usage in main.rs".into());
    };
    let ec2 = ec2(url, id, secret);
    let s3 = s3(s3_url, s3_id, s3_secret);
    let body = ByteStream::from_path(ova).await?;
    let put = s3.put_object().bucket(IMPORTS).key(OVA).body(body).send();
    put.await.map_err(told)?;
    let (image, root) = import_image(&ec2).await?;
    println!("image {image}\nroot {root}");
    println!("snapshot {}", import_snapshot(&ec2, &s3, exported).await?);
    cancel(&ec2).await?;
    println!("pages {}", pages(&ec2).await?);
    export(&ec2, &s3, &image, exported).await?;
    failed_task(&ec2).await?;
    println!("errors {}", errors(&ec2, url, id).await?);
    Ok(())
}

/// What the SDK is told here and nowhere else: who asks, and where the service is.
fn ec2(url: &str, id: &str, secret: &str) -> Ec2 {
    let credentials = aws_sdk_ec2::config::Credentials::new(id, secret, None, None, "argument");
    let config = aws_sdk_ec2::Config::builder()
        .behavior_version(aws_sdk_ec2::config::BehaviorVersion::latest())
        .region(aws_sdk_ec2::config::Region::new("us-east-1"))
        .endpoint_url(url)
        .credentials_provider(credentials)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Ec2::from_conf(config)
}

fn s3(url: &str, id: &str, secret: &str) -> S3 {
    let credentials = aws_sdk_s3::config::Credentials::new(id, secret, None, None, "argument");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
        .region(aws_sdk_s3::config::Region::new("us-east-1"))
        .endpoint_url(url)
        .force_path_style(true)
        .credentials_provider(credentials)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    S3::from_conf(config)
}

/// An error of the SDK with all its causes.
fn told(error: impl std::error::Error) -> Failure {
    DisplayErrorContext(error).to_string().into()
}

/// What a check comes to.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, ours: T, expected: T) -> Result<(), Failure> {
    match ours == expected {
        true => Ok(()),
        false => Err(format!("{what}: {ours:?}, expected {expected:?}").into()),
    }
}

fn there<T>(what: &str, value: Option<T>) -> Result<T, Failure> {
    value.ok_or_else(|| format!("there is no {what} in an answer").into())
}

fn bucket(key: &str) -> UserBucket {
    let bucket = UserBucket::builder().s3_bucket(IMPORTS).s3_key(key);
    bucket.build()
}

fn appliance() -> ImageDiskContainer {
    let disk = ImageDiskContainer::builder().format("OVA");
    disk.user_bucket(bucket(OVA)).build()
}

/// An image of the appliance, and the snapshot of its disk. Asked for twice with one token (SVC-OBS-6).
async fn import_image(ec2: &Ec2) -> Result<(String, String), Failure> {
    let ask = || {
        let ask = ec2.import_image().description("by the SDK: ä < b & c");
        ask.client_token("sdk-1").disk_containers(appliance())
    };
    let first = ask().send().await.map_err(told)?;
    let task = there("ImportTaskId", first.import_task_id())?;
    same("status at first", first.status(), Some("active"))?;
    there("request id", first.request_id())?;
    let again = ask().send().await.map_err(told)?;
    same("the same token", again.import_task_id(), Some(task))?;
    let ended = image_task(ec2, task).await?;
    same("import-image", ended.status(), Some("completed"))?;
    let description = Some("by the SDK: ä < b & c");
    same("the description", ended.description(), description)?;
    same("the platform", ended.platform(), Some("Linux"))?;
    let disk = there("SnapshotDetails", ended.snapshot_details().first())?;
    let at = there("UserBucket", disk.user_bucket())?;
    same("its key", at.s3_key(), Some(OVA))?;
    let image = there("ImageId", ended.image_id())?;
    let root = there("SnapshotId", disk.snapshot_id())?;
    Ok((image.to_owned(), root.to_owned()))
}

/// A task to its end.
async fn image_task(ec2: &Ec2, task: &str) -> Result<ImportImageTask, Failure> {
    for _ in 0..TIMES {
        let asked = ec2.describe_import_image_tasks().import_task_ids(task);
        let found = asked.send().await.map_err(told)?;
        let one = there("task", found.import_image_tasks().first())?;
        if matches!(one.status(), Some("completed" | "deleted")) {
            return Ok(one.clone());
        }
        tokio::time::sleep(DELAY).await;
    }
    Err(format!("{task} does not end").into())
}

/// A snapshot of random bytes, waited for by the SDK's own waiter; the bytes stay in the file beside `exported`.
async fn import_snapshot(ec2: &Ec2, s3: &S3, exported: &str) -> Result<String, Failure> {
    let bytes: Vec<u8> = (0u32..3 << 20)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    std::fs::write(Path::new(exported).with_extension("small"), &bytes)?;
    let put = s3.put_object().bucket(IMPORTS).key("sdk/small.raw");
    let put = put.body(bytes.into()).send();
    put.await.map_err(told)?;
    let disk = SnapshotDiskContainer::builder().format("RAW");
    let disk = disk.user_bucket(bucket("sdk/small.raw")).build();
    let asked = ec2.import_snapshot().disk_container(disk).send().await;
    let asked = asked.map_err(told)?;
    let task = there("ImportTaskId", asked.import_task_id())?;
    let wait = ec2.wait_until_snapshot_imported().import_task_ids(task);
    let waited = wait.wait(Duration::from_secs(120)).await.map_err(told)?;
    let found = waited.into_result().map_err(told)?;
    let one = there("task", found.import_snapshot_tasks().first())?;
    let detail = there("SnapshotTaskDetail", one.snapshot_task_detail())?;
    same("import-snapshot", detail.status(), Some("completed"))?;
    Ok(there("SnapshotId", detail.snapshot_id())?.to_owned())
}

/// A task that is cancelled, and once more when it is over.
async fn cancel(ec2: &Ec2) -> Result<(), Failure> {
    let asked = ec2.import_image().disk_containers(appliance());
    let asked = asked.send().await.map_err(told)?;
    let task = there("ImportTaskId", asked.import_task_id())?;
    let cancel = || ec2.cancel_import_task().import_task_id(task);
    let said = cancel().cancel_reason("no longer wanted").send().await;
    let said = said.map_err(told)?;
    same("before", said.previous_state(), Some("active"))?;
    same("the task", said.import_task_id(), Some(task))?;
    let ended = image_task(ec2, task).await?;
    same("a cancelled import", ended.status(), Some("deleted"))?;
    let again = cancel().send().await;
    refused("a second cancel", again, "DeleteConversionTaskError")
}

/// All imports of images by pages of two, each task once; then those that a filter lets through, one by one.
async fn pages(ec2: &Ec2) -> Result<usize, Failure> {
    for number in 0..3 {
        let ask = ec2.import_image().description(format!("number {number}"));
        let asked = ask.disk_containers(appliance()).send().await;
        let asked = asked.map_err(told)?;
        let task = there("ImportTaskId", asked.import_task_id())?;
        let ended = image_task(ec2, task).await?;
        same("one more image", ended.status(), Some("completed"))?;
    }
    let whole = ec2.describe_import_image_tasks().send().await;
    let whole = whole.map_err(told)?;
    let ids = |tasks: &[ImportImageTask]| -> BTreeSet<String> {
        let ids = tasks.iter().filter_map(|one| one.import_task_id.clone());
        ids.collect()
    };
    let all = ids(whole.import_image_tasks());
    same("all tasks", all.len(), 5)?;
    let mut pages = ec2
        .describe_import_image_tasks()
        .into_paginator()
        .page_size(2)
        .send();
    let (mut seen, mut count) = (BTreeSet::new(), 0);
    while let Some(page) = pages.next().await {
        let page = page.map_err(told)?;
        let tasks = page.import_image_tasks();
        same("a page is no longer than asked", tasks.len() <= 2, true)?;
        for id in ids(tasks) {
            same("a task is on one page", seen.insert(id), true)?;
        }
        count += 1;
    }
    same("the pages have all tasks", seen, all)?;
    same("five tasks by two", count, 3)?;
    let completed = Filter::builder().name("task-state").values("completed");
    let filtered = ec2
        .describe_import_image_tasks()
        .filters(completed.build())
        .into_paginator()
        .page_size(1)
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .map_err(told)?;
    same("tasks of a filter", filtered.len(), 4)?;
    Ok(count)
}

/// The image to a VMDK in the store, and from there into a file.
async fn export(ec2: &Ec2, s3: &S3, image: &str, exported: &str) -> Result<(), Failure> {
    let place = ExportTaskS3LocationRequest::builder();
    let place = place.s3_bucket(EXPORTS).s3_prefix("sdk/").build();
    let ask = ec2.export_image().image_id(image);
    let ask = ask.disk_image_format(DiskImageFormat::Vmdk);
    let asked = ask.s3_export_location(place).send().await.map_err(told)?;
    let task = there("ExportImageTaskId", asked.export_image_task_id())?;
    let mut ended = false;
    for _ in 0..TIMES {
        let asked = ec2
            .describe_export_image_tasks()
            .export_image_task_ids(task);
        let found = asked.send().await.map_err(told)?;
        let one = there("task", found.export_image_tasks().first())?;
        match one.status() {
            Some("completed") => ended = true,
            Some("deleted") => return Err(format!("{one:?}").into()),
            _ => {}
        }
        if ended {
            break;
        }
        tokio::time::sleep(DELAY).await;
    }
    same("export-image", ended, true)?;
    let key = format!("sdk/{task}.vmdk");
    let object = s3.get_object().bucket(EXPORTS).key(&key).send().await;
    let bytes = object.map_err(told)?.body.collect().await?.into_bytes();
    std::fs::write(exported, &bytes)?;
    println!("exported {key}");
    Ok(())
}

/// An import of what is not there: the call is taken, and the task says why it ends.
async fn failed_task(ec2: &Ec2) -> Result<(), Failure> {
    let disk = ImageDiskContainer::builder().format("VMDK");
    let disk = disk.user_bucket(bucket("sdk/nothing.vmdk")).build();
    let asked = ec2.import_image().disk_containers(disk).send().await;
    let asked = asked.map_err(told)?;
    let ended = image_task(ec2, there("ImportTaskId", asked.import_task_id())?).await?;
    same(
        "an object that is not there",
        ended.status(),
        Some("deleted"),
    )?;
    let why = there("StatusMessage", ended.status_message())?;
    same("it says why", why.starts_with("ClientError"), true)
}

/// Refused with a code, as the SDK gives it: the service's own error, with its text and the request's id.
fn refused<T: std::fmt::Debug, E>(
    what: &str,
    answer: Result<T, SdkError<E>>,
    code: &str,
) -> Result<(), Failure>
where
    E: ProvideErrorMetadata + std::error::Error + RequestId + 'static,
{
    let error = match answer {
        Ok(taken) => return Err(format!("{what}: taken, {taken:?}").into()),
        Err(error) => error,
    };
    let Some(said) = error.as_service_error() else {
        return Err(format!("{what}: {}", DisplayErrorContext(&error)).into());
    };
    same(what, said.code(), Some(code))?;
    let text = said.message().unwrap_or_default();
    same(&format!("{what}: a text"), text.len() > 10, true)?;
    there("request id", said.request_id())?;
    let status = error.raw_response().map(|raw| raw.status().as_u16());
    let wanted = match code {
        "AuthFailure" => 401,
        "DryRunOperation" => 412,
        _ => 400,
    };
    same(what, status, Some(wanted))
}

/// Errors of all kinds: of a parameter, of a resource, of a token, of who asks.
async fn errors(ec2: &Ec2, url: &str, id: &str) -> Result<usize, Failure> {
    let image = || ec2.import_image();
    let raw = SnapshotDiskContainer::builder().format("qcow2");
    let raw = raw.user_bucket(bucket("sdk/small.raw")).build();
    refused(
        "a format that is none",
        ec2.import_snapshot().disk_container(raw).send().await,
        "InvalidParameter",
    )?;
    refused("no container", image().send().await, "MissingParameter")?;
    refused(
        "a dry run",
        image()
            .disk_containers(appliance())
            .dry_run(true)
            .send()
            .await,
        "DryRunOperation",
    )?;
    let other = image().disk_containers(appliance()).client_token("sdk-1");
    refused(
        "the token with another description",
        other.description("another").send().await,
        "IdempotentParameterMismatch",
    )?;
    let colour = Filter::builder().name("colour").values("red").build();
    refused(
        "an unknown filter",
        ec2.describe_import_image_tasks()
            .filters(colour)
            .send()
            .await,
        "InvalidFilter",
    )?;
    let gone = ec2.cancel_import_task();
    refused(
        "an unknown task",
        gone.import_task_id("import-ami-0123456789abcdef0")
            .send()
            .await,
        "InvalidConversionTaskId.Malformed",
    )?;
    let place = ExportTaskS3LocationRequest::builder();
    let place = place.s3_bucket(EXPORTS).s3_prefix("sdk/").build();
    let export = ec2.export_image().image_id("ami-0123456789abcdef0");
    let export = export.disk_image_format(DiskImageFormat::Raw);
    refused(
        "an unknown image",
        export.s3_export_location(place).send().await,
        "InvalidAMIID.NotFound",
    )?;
    refused(
        "an action that is not offered",
        ec2.describe_vpcs().send().await,
        "InvalidAction",
    )?;
    let forger = self::ec2(url, id, &"x".repeat(40));
    refused(
        "a wrong secret",
        forger.describe_images().send().await,
        "AuthFailure",
    )?;
    Ok(9)
}
