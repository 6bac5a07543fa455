//! `vmie iam`

use vmie::rules::iam::Acl;
use vmie::rules::iam::documents::{
    RolePermissions, TrustConditions, bucket_policy, key_statement, role_policy, tasks_of,
    trust_policy, user_policy,
};

use crate::args::{IamArgs, IamDocument};
use crate::failure::{Exit, Failure};
use crate::out::Out;

pub(super) fn run(out: &Out, args: &IamArgs) -> Result<Exit, Failure> {
    let mut text = document(&args.document);
    text.push('\n');
    out.text(&text)?;
    Ok(Exit::Done)
}

fn document(document: &IamDocument) -> String {
    match document {
        IamDocument::TrustPolicy {
            source_account,
            source_arn,
        } => {
            let tasks = source_account.as_deref().map(tasks_of);
            trust_policy(&TrustConditions {
                source_account: source_account.as_deref(),
                source_arn: source_arn.as_deref().or(tasks.as_deref()),
            })
            .to_json()
        }
        IamDocument::RolePolicy {
            import_buckets,
            export_buckets,
            keys,
            licenses,
        } => role_policy(&RolePermissions {
            import_buckets: &texts(import_buckets),
            export_buckets: &texts(export_buckets),
            keys: &texts(keys),
            licenses: *licenses,
        })
        .to_json(),
        IamDocument::UserPolicy { buckets } => user_policy(&texts(buckets)).to_json(),
        IamDocument::KeyPolicy { account, role } => key_statement(account, role).to_json(),
        IamDocument::BucketAcl { region, owner } => {
            Acl::for_export(region, owner.as_deref()).to_json()
        }
        IamDocument::BucketPolicy { region, bucket } => bucket_policy(bucket, region).to_json(),
    }
}

fn texts(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}
