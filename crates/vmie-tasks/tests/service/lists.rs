//! Lists, filters, pages and tokens.

use crate::told::{self, Client, end_of, export_image};
use vmie_tasks::{Action, DescribeRequest, DiskContainer, ImportSnapshotRequest, Reply, TaskId};

#[test]
fn svc_obs_6_the_token_of_an_image_export() {
    let mut client = Client::new(&[]);
    let request = vmie_tasks::ExportImageRequest {
        client_token: Some("token".into()),
        ..export_image()
    };
    let first = client.call(Action::ExportImage(request.clone())).unwrap();
    client.works();
    assert_eq!(
        client.call(Action::ExportImage(request.clone())).unwrap(),
        first
    );
    let other = vmie_tasks::ExportImageRequest {
        disk_image_format: Some("raw".into()),
        ..request
    };
    let refused = client.refused(Action::ExportImage(other));
    assert_eq!(refused.0, "IdempotentParameterMismatch");
}

#[test]
fn svc_obs_5_lists_filters_and_pages_that_survive_new_tasks() {
    let mut client = Client::new(&[]);
    let mut import = || {
        let request = ImportSnapshotRequest {
            disk_container: Some(DiskContainer {
                format: Some("raw".into()),
                ..told::container()
            }),
            ..ImportSnapshotRequest::default()
        };
        let Ok(Reply::ImportSnapshot(task)) = client.call(Action::ImportSnapshot(request)) else {
            panic!()
        };
        task.import_task_id
    };
    let ids: Vec<TaskId> = (0..5).map(|_| import()).collect();
    let first = client.begun[0].order.task.clone();
    while let Some(begin) = client
        .begun
        .iter()
        .find(|one| one.order.task == first)
        .cloned()
    {
        client.tell(&begin, end_of(&begin)).unwrap();
    }
    let mut page = |filter: Option<&str>, count: Option<i64>, token: Option<String>| {
        let request = DescribeRequest {
            filters: filter
                .map(|word| vmie_tasks::Filter {
                    name: "task-state".into(),
                    values: vec![word.into()],
                })
                .into_iter()
                .collect(),
            max_results: count,
            next_token: token,
            ..DescribeRequest::default()
        };
        match client.call(Action::DescribeImportSnapshotTasks(request)) {
            Ok(Reply::DescribeImportSnapshotTasks { tasks, next_token }) => {
                let ids: Vec<TaskId> = tasks.into_iter().map(|one| one.import_task_id).collect();
                Ok((ids, next_token))
            }
            Err(error) => Err(error.code.to_string()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        page(Some("completed"), None, None),
        Ok((vec![ids[0].clone()], None))
    );
    assert_eq!(page(Some("Active"), None, None).unwrap().0, ids[1..]);
    assert_eq!(page(Some("deleted"), None, None).unwrap().0, []);
    let (first_page, token) = page(None, Some(2), None).unwrap();
    assert_eq!(first_page, ids[..2]);
    let (second_page, token) = page(None, Some(2), token).unwrap();
    assert_eq!(second_page, ids[2..4]);
    let (third_page, token) = page(None, Some(2), token).unwrap();
    assert_eq!((third_page, token), (ids[4..].to_vec(), None));
    for bad in ["", "x", "import-snap-", "import-ami-0000000000000001"] {
        assert_eq!(
            page(None, None, Some(bad.into())),
            Err("InvalidNextToken".into())
        );
    }
    assert_eq!(page(None, Some(0), None), Err("InvalidMaxResults".into()));
    assert_eq!(
        page(None, Some(1001), None),
        Err("InvalidMaxResults".into())
    );
    assert_eq!(page(Some("done"), None, None), Err("InvalidFilter".into()));
}
