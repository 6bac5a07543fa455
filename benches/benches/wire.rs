//! How long a request and its reply take on the wire codec, both directions of both sides.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark"
)]

use criterion::{Criterion, criterion_group, criterion_main};
use vmie_ec2::{Answer, Limits, decode_answer, decode_request, encode_reply, encode_request};

/// An import of two disks, as an official client sends it.
const FORM: &str = "Action=ImportImage&Version=2016-11-15&Description=My+server+disks\
    &DiskContainer.1.Description=First+disk&DiskContainer.1.Format=vmdk\
    &DiskContainer.1.UserBucket.S3Bucket=amzn-s3-demo-import-bucket\
    &DiskContainer.1.UserBucket.S3Key=disks%2Fmy-server-vm-disk1.vmdk\
    &DiskContainer.2.Description=Second+disk&DiskContainer.2.Format=vmdk\
    &DiskContainer.2.UserBucket.S3Bucket=amzn-s3-demo-import-bucket\
    &DiskContainer.2.UserBucket.S3Key=disks%2Fmy-server-vm-disk2.vmdk\
    &Encrypted=true&KmsKeyId=0ea3fef3-80a7-4778-9d8c-1c0c6EXAMPLE&LicenseType=BYOL\
    &ClientToken=3f2504e0-4f89-11d3-9a0c-0305e82c3301\
    &TagSpecification.1.ResourceType=import-image-task&TagSpecification.1.Tag.1.Key=Name\
    &TagSpecification.1.Tag.1.Value=server";

/// The reply to it.
const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
    <ImportImageResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
    <requestId>59dbff89-35bd-4eac-99ed-be587EXAMPLE</requestId>\
    <description>My server disks</description><encrypted>true</encrypted>\
    <importTaskId>import-ami-1234567890abcdef0</importTaskId>\
    <kmsKeyId>0ea3fef3-80a7-4778-9d8c-1c0c6EXAMPLE</kmsKeyId><licenseType>BYOL</licenseType>\
    <progress>1</progress><snapshotDetailSet>\
    <item><description>First disk</description><diskImageSize>0.0</diskImageSize>\
    <format>vmdk</format><userBucket><s3Bucket>amzn-s3-demo-import-bucket</s3Bucket>\
    <s3Key>disks/my-server-vm-disk1.vmdk</s3Key></userBucket></item>\
    <item><description>Second disk</description><diskImageSize>0.0</diskImageSize>\
    <format>vmdk</format><userBucket><s3Bucket>amzn-s3-demo-import-bucket</s3Bucket>\
    <s3Key>disks/my-server-vm-disk2.vmdk</s3Key></userBucket></item></snapshotDetailSet>\
    <status>active</status><statusMessage>pending</statusMessage>\
    <tagSet><item><key>Name</key><value>server</value></item></tagSet></ImportImageResponse>";

fn bench(criterion: &mut Criterion) {
    let limits = Limits::default();
    let action = decode_request(FORM.as_bytes(), &limits).unwrap();
    let Ok(Answer::Reply { reply, .. }) = decode_answer(XML.as_bytes(), &limits) else {
        panic!("the reply reads");
    };
    criterion.bench_function("wire/decode_request", |b| {
        b.iter(|| decode_request(FORM.as_bytes(), &limits));
    });
    criterion.bench_function("wire/encode_request", |b| {
        b.iter(|| encode_request(&action))
    });
    criterion.bench_function("wire/encode_reply", |b| {
        b.iter(|| encode_reply(&reply, "id"))
    });
    criterion.bench_function("wire/decode_answer", |b| {
        b.iter(|| decode_answer(XML.as_bytes(), &limits));
    });
    // The whole way of a call, from the client to the server and back.
    criterion.bench_function("wire/round_trip", |b| {
        b.iter(|| {
            let form = encode_request(&action).unwrap();
            let action = decode_request(form.as_bytes(), &limits).unwrap();
            let xml = encode_reply(&reply, "id").unwrap();
            let answer = decode_answer(xml.as_bytes(), &limits).unwrap();
            (action, answer)
        });
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
