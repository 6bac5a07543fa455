//! The instance types that import-instance takes Linux into (SVC-TASK-3).

/// Each of them.
pub const LINUX_INSTANCE_TYPES: &[&str] = &[
    "t2.micro",
    "t2.small",
    "t2.medium",
    "m3.medium",
    "m3.large",
    "m3.xlarge",
    "m3.2xlarge",
    "c3.large",
    "c3.xlarge",
    "c3.2xlarge",
    "c3.4xlarge",
    "c3.8xlarge",
    "cc1.4xlarge",
    "cc2.8xlarge",
    "r3.large",
    "r3.xlarge",
    "r3.2xlarge",
    "r3.4xlarge",
    "r3.8xlarge",
    "cr1.8xlarge",
    "i2.xlarge",
    "i2.2xlarge",
    "i2.4xlarge",
    "i2.8xlarge",
    "hi1.4xlarge",
    "hi1.8xlarge",
];

/// Whether import-instance takes Linux into a type, whatever its case (SVC-TASK-10).
#[must_use]
pub fn takes_linux(instance_type: &str) -> bool {
    LINUX_INSTANCE_TYPES
        .iter()
        .any(|one| one.eq_ignore_ascii_case(instance_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn svc_task_3_linux_goes_into_26_instance_types() {
        assert_eq!(LINUX_INSTANCE_TYPES.len(), 26);
        assert!(takes_linux("M3.Large") && takes_linux("hi1.8xlarge"));
        assert!(!takes_linux("m5.large") && !takes_linux(""));
    }
}
