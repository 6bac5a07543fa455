//! What the service would say of a file: facts of `vmie-formats` in the words of `vmie-rules`.
//!
//! One text of the service stands for many causes; here the cause keeps its own name beside it.

use vmie_formats::{Cause, Format, ImageInfo, NoteKind, Variant};
use vmie_io::ErrorKind;
use vmie_rules::SvcId;
use vmie_rules::limits::{DISK_SIZE_BOUND, IMPORT_IMAGE_DISK_SIZE_BOUND};
use vmie_rules::message::Message;

use crate::error::Below;
use crate::{Error, Image};

/// Something that the service would say of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileFinding {
    /// Which disk of an appliance, from 0; `None` when it is about the file.
    pub disk: Option<usize>,
    /// The stable name of the cause.
    pub code: String,
    /// The points that it rests on.
    pub svc: Vec<SvcId>,
    /// What is the matter, as a sentence without its full stop.
    pub title: String,
    /// The service's own text, where it has one.
    pub service_message: Option<String>,
    /// Byte offset in the file, where that has a meaning.
    pub offset: Option<u64>,
    /// What to do, as an imperative sentence without its full stop.
    pub remedy: String,
}

/// What keeps the service from taking an image; empty when nothing does.
#[must_use]
pub fn file_findings(image: &Image) -> Vec<FileFinding> {
    let mut findings = Vec::new();
    let in_appliance = image.appliance().is_some();
    for index in 0..image.disk_count() {
        let number = in_appliance.then_some(index);
        if image.is_chunked(index) {
            findings.push(chunked(number));
        }
        match image.disk(index) {
            Ok(disk) => findings.extend(of_info(disk.info(), number)),
            Err(error) => findings.push(of_error(&error, number)),
        }
    }
    findings
}

/// What the service says of a disk in chunks.
fn chunked(disk: Option<usize>) -> FileFinding {
    let cause = Cause::ChunkedFiles;
    let fault = vmie_formats::Error::new(cause).in_structure("File");
    of_error(&fault.field("chunkSize").into(), disk)
}

/// What the service would say of an error, which is why the file cannot be read here.
#[must_use]
pub fn of_error(error: &Error, disk: Option<usize>) -> FileFinding {
    let (code, message, mut svc) = match error.below() {
        Below::Formats(fault) => {
            let found = fault.value().map(ToString::to_string);
            let found = found.unwrap_or_default();
            let (message, svc) = words(fault.cause(), fault.structure(), &found);
            (kebab(&format!("{:?}", fault.cause())), message, svc)
        }
        Below::Host(fault) => {
            let code = kebab(&format!("{:?}", fault.cause()));
            (code, words_of_place(fault.cause()), Vec::new())
        }
        Below::Volumes(fault) => (kebab(&format!("{:?}", fault.cause())), None, Vec::new()),
        Below::Fs(fault) => (kebab(&format!("{:?}", fault.cause())), None, Vec::new()),
        Below::Guest(fault) => (kebab(&format!("{:?}", fault.cause())), None, Vec::new()),
    };
    if let Some(message) = &message {
        svc.insert(0, message.id());
    }
    FileFinding {
        disk,
        code,
        svc,
        title: error.what().into_owned(),
        service_message: message.map(|message| message.to_string()),
        offset: error.offset(),
        remedy: error.advice().to_owned(),
    }
}

/// Why the service refuses a file that cannot be read here, when that is for what the file is (a
/// kind that it does not take) and not for damage, which says nothing of the guest; `None` when it
/// would take the file.
#[must_use]
pub fn refusal(error: &Error) -> Option<FileFinding> {
    let kind = error.kind();
    if !matches!(kind, ErrorKind::Unsupported | ErrorKind::ReferenceDenied) {
        return None;
    }
    Some(of_error(error, None)).filter(|finding| finding.service_message.is_some())
}

/// The service's words for a place that is none (SVC-ERR-12).
fn words_of_place(cause: crate::Cause) -> Option<Message> {
    use crate::Cause as Place;
    let is_wrong = matches!(
        cause,
        Place::NotLocal | Place::BucketName | Place::KeyEscapes | Place::AddressDenied
    );
    is_wrong.then_some(Message::InvalidS3Location)
}

/// The service's words for a cause; `structure` and `found` are what the error names.
fn words(cause: Cause, structure: &str, found: &str) -> (Option<Message>, Vec<SvcId>) {
    match cause {
        // A VHD that cannot be read without its parent is a differencing one, and a badly made one
        // gets the same answer.
        Cause::ReferenceDenied | Cause::ReferenceMissing | Cause::ParentMismatch
            if structure.starts_with("VHD ") =>
        {
            (Some(Message::FootersNotIdentical), vec![SvcId::Fmt3])
        }
        Cause::ReferenceDenied | Cause::ReferenceMissing | Cause::ParentMismatch
            if structure.starts_with("VHDX") =>
        {
            (None, vec![SvcId::Fmt3])
        }
        Cause::VhdFooterMissing | Cause::VhdChecksum | Cause::VhdType => {
            (Some(Message::FootersNotIdentical), vec![SvcId::Fmt3])
        }
        Cause::ChunkedFiles => (Some(Message::ChunkedDisk), vec![SvcId::Fmt7]),
        Cause::VmdkCompressionNone => (Some(Message::UnsupportedCompression), vec![SvcId::Fmt8]),
        Cause::VmdkGrainLength | Cause::VmdkGrainData => {
            (Some(Message::InvalidGrainLength), vec![SvcId::Fmt8])
        }
        Cause::VmdkKind if found.contains("seSparse") => (
            Some(Message::UnsupportedVmdk),
            vec![SvcId::Fmt2, SvcId::Lim11],
        ),
        Cause::VmdkFlags | Cause::VmdkJournal => (
            Some(Message::UnsupportedVmdk),
            vec![SvcId::Fmt2, SvcId::Lim11],
        ),
        Cause::VmdkRawDevice => (
            Some(Message::UnsupportedVmdk),
            vec![SvcId::Fmt2, SvcId::Lim3],
        ),
        Cause::VmdkKind
        | Cause::VmdkVersion
        | Cause::VmdkExtentAlone
        | Cause::VmdkEncrypted
        | Cause::ParentImage
        | Cause::ReferenceDenied => (Some(Message::UnsupportedVmdk), vec![SvcId::Fmt2]),
        Cause::FormatNotRead if found.contains("vhd") => (None, vec![SvcId::Fmt3]),
        Cause::FormatNotRead => (Some(Message::NoValidPartitions), vec![SvcId::Fmt5]),
        // What was named is not what is there, whether that is another format or a compressed file.
        Cause::CompressedFile | Cause::WrongFormat => {
            (Some(Message::UnsupportedFileFormat), vec![SvcId::Fmt5])
        }
        _ => (None, Vec::new()),
    }
}

/// What the service would say of an image that can be read here.
fn of_info(info: &ImageInfo, disk: Option<usize>) -> Vec<FileFinding> {
    let mut findings = Vec::new();
    let mut say =
        |code: &str, message: Option<Message>, svc: &[SvcId], title: String, remedy: &str| {
            let mut ids: Vec<SvcId> = message.iter().map(Message::id).collect();
            ids.extend_from_slice(svc);
            findings.push(FileFinding {
                disk,
                code: code.to_owned(),
                svc: ids,
                title,
                service_message: message.map(|message| message.to_string()),
                offset: None,
                remedy: remedy.to_owned(),
            });
        };
    match (info.format, info.variant) {
        (Format::Vmdk, Some(Variant::VmdkStreamOptimized)) if !info.references.is_empty() => say(
            "vmdk-in-several-files",
            Some(Message::UnsupportedVmdk),
            &[SvcId::Fmt2],
            "the VMDK needs other files beside itself".to_owned(),
            "Convert it to one stream-optimized VMDK, or export the machine as OVF or OVA",
        ),
        (Format::Vmdk, Some(Variant::VmdkSeSparse)) => say(
            "vmdk-sesparse",
            Some(Message::UnsupportedVmdk),
            &[SvcId::Fmt2, SvcId::Lim11],
            "the VMDK is an SEsparse delta of VMware".to_owned(),
            "Delete or consolidate the machine's snapshots, then export it as OVF or OVA",
        ),
        (Format::Vhd, Some(Variant::VhdDifferencing)) => say(
            "vhd-differencing",
            Some(Message::FootersNotIdentical),
            &[SvcId::Fmt3],
            "the VHD holds only the differences to a parent".to_owned(),
            "Merge it with its parent into a fixed or dynamic VHD",
        ),
        (Format::Vhd, _) if info.notes.iter().any(|note| footers_differ(note.kind)) => say(
            "vhd-footers",
            Some(Message::FootersNotIdentical),
            &[SvcId::Fmt3],
            "the footer of the VHD and its copy are not identical".to_owned(),
            "Convert it to a new VHD",
        ),
        (Format::Vhdx, Some(Variant::VhdxDifferencing)) => say(
            "vhdx-differencing",
            None,
            &[SvcId::Fmt3],
            "the VHDX holds only the differences to a parent".to_owned(),
            "Merge it with its parent into a fixed or dynamic VHDX",
        ),
        (Format::Raw | Format::Vhd | Format::Vhdx | Format::Ova, _)
        | (Format::Vmdk, None | Some(Variant::VmdkStreamOptimized)) => {}
        (Format::Vmdk, Some(variant)) => say(
            "vmdk-not-stream-optimized",
            Some(Message::UnsupportedVmdk),
            &[SvcId::Fmt2],
            format!(
                "the VMDK is of the kind {}, not streamOptimized",
                variant.name()
            ),
            "Convert it to a stream-optimized VMDK, or export the machine as OVF or OVA",
        ),
        (other, _) => say(
            "format-not-imported",
            Some(Message::NoValidPartitions),
            &[SvcId::Fmt5],
            format!("images of the format {other} are not imported"),
            "Convert the image to raw, VHD, VHDX or a stream-optimized VMDK",
        ),
    }
    if info.virtual_size >= DISK_SIZE_BOUND {
        say(
            "disk-too-large",
            None,
            &[SvcId::Fmt9],
            "the disk is not smaller than 16 TiB".to_owned(),
            "Split the data over smaller disks",
        );
    } else if info.virtual_size >= IMPORT_IMAGE_DISK_SIZE_BOUND {
        say(
            "disk-too-large-for-image",
            None,
            &[SvcId::Fmt9],
            "the disk is not smaller than 8 TiB".to_owned(),
            "Import it by a manifest, or split the data over smaller disks",
        );
    }
    findings
}

/// Whether the two footers of a VHD are not the same, or only one of them is whole (SVC-ERR-8).
pub(crate) fn footers_differ(kind: NoteKind) -> bool {
    matches!(kind, NoteKind::FootersDiffer | NoteKind::SecondCopyUsed)
}

/// A variant's name as programs see it: `VmdkGrainLength` → `vmdk-grain-length`. What a variant
/// carries is left out.
pub(crate) fn kebab(debug: &str) -> String {
    let mut code = String::with_capacity(debug.len().saturating_add(4));
    for c in debug.chars().take_while(|c| c.is_ascii_alphanumeric()) {
        if c.is_ascii_uppercase() && !code.is_empty() {
            code.push('-');
        }
        code.push(c.to_ascii_lowercase());
    }
    code
}

/// The message with which a task ends that failed for this reason. Where the service has no text
/// of its own for a cause, the cause stands in the form that its validation errors have.
#[must_use]
pub fn task_message(finding: &FileFinding) -> String {
    match &finding.service_message {
        Some(message) => message.clone(),
        None => format!("ClientError: Disk validation failed [{}]", finding.title),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_cause(cause: Cause, found: &str) -> FileFinding {
        let fault = vmie_formats::Error::new(cause).at("header", 7).found(found);
        of_error(&fault.into(), None)
    }

    #[test]
    fn causes_keep_their_names_beside_the_services_text() {
        for (cause, found, code, message, svc) in [
            (
                Cause::ChunkedFiles,
                "disk.vmdk",
                "chunked-files",
                "ClientError: Disk validation failed [OVF file parsing error: OVA with chunked disk files is not supported]",
                SvcId::Err3,
            ),
            (
                Cause::VmdkKind,
                "vmfsSparse",
                "vmdk-kind",
                "ClientError: Disk validation failed [Unsupported VMDK File Format]",
                SvcId::Err4,
            ),
            (
                Cause::FormatNotRead,
                "qcow2",
                "format-not-read",
                "ClientError: No valid partitions. Not a valid volume.",
                SvcId::Err28,
            ),
            (
                Cause::CompressedFile,
                "gzip",
                "compressed-file",
                "Disk validation failed [unsupported specified file format]",
                SvcId::Err30,
            ),
            (
                Cause::WrongFormat,
                "",
                "wrong-format",
                "Disk validation failed [unsupported specified file format]",
                SvcId::Err30,
            ),
        ] {
            let finding = of_cause(cause, found);
            assert_eq!(finding.code, code);
            assert_eq!(task_message(&finding), message);
            assert_eq!(finding.svc.first(), Some(&svc));
            assert_eq!(finding.offset, Some(7));
        }
    }

    #[test]
    fn svc_fmt_8_grains_that_are_damaged_or_not_compressed() {
        let damaged = of_cause(Cause::VmdkGrainData, "");
        assert_eq!(damaged.code, "vmdk-grain-data");
        assert_eq!(damaged.svc, [SvcId::Err9, SvcId::Fmt8]);
        let text = "ClientError: Uncompressed data has an invalid length";
        assert_eq!(task_message(&damaged), text);
        let plain = of_cause(Cause::VmdkCompressionNone, "");
        assert_eq!(plain.code, "vmdk-compression-none");
        assert_eq!(plain.svc, [SvcId::Err11, SvcId::Fmt8]);
        let text = "ERROR: File uses unsupported compression algorithm 0";
        assert_eq!(task_message(&plain), text);
    }

    #[test]
    fn svc_lim_3_and_svc_lim_11_kinds_of_vmdk_that_are_never_taken() {
        let unsupported = "ClientError: Disk validation failed [Unsupported VMDK File Format]";
        let sparse = of_cause(Cause::VmdkKind, "seSparse");
        assert!(sparse.svc.contains(&SvcId::Lim11));
        assert_eq!(task_message(&sparse), unsupported);
        let device = of_cause(Cause::VmdkRawDevice, "vmfsRDM");
        assert!(device.svc.contains(&SvcId::Lim3));
        assert_eq!(device.svc.first(), Some(&SvcId::Err4));
        assert_eq!(task_message(&device), unsupported);
    }

    #[test]
    fn svc_fmt_2_only_streams_in_one_file_are_taken() {
        let info = |variant| vmie_formats::ImageInfo::new(Format::Vmdk, 512, 512).of(variant);
        let said = |info: &ImageInfo| of_info(info, None).first().map(task_message);
        let unsupported = "ClientError: Disk validation failed [Unsupported VMDK File Format]";
        let mut stream = info(Variant::VmdkStreamOptimized);
        assert_eq!(said(&stream), None);
        for variant in [
            Variant::VmdkMonolithicSparse,
            Variant::VmdkMonolithicFlat,
            Variant::VmdkTwoGbSparse,
            Variant::VmdkTwoGbFlat,
            Variant::VmdkVmfs,
            Variant::VmdkVmfsThin,
            Variant::VmdkCowd,
            Variant::VmdkSeSparse,
            Variant::VmdkOther,
        ] {
            assert_eq!(said(&info(variant)).as_deref(), Some(unsupported));
        }
        let findings = of_info(&info(Variant::VmdkSeSparse), None);
        assert!(findings[0].svc.contains(&SvcId::Lim11));
        let kind = vmie_formats::ReferenceKind::Parent;
        stream
            .references
            .push(vmie_formats::Reference::new(kind, "base.vmdk"));
        assert_eq!(said(&stream).as_deref(), Some(unsupported));
    }

    #[test]
    fn a_kind_that_is_not_taken_is_a_refusal_and_damage_is_none() {
        let refused = |cause, found: &str| {
            let fault = vmie_formats::Error::new(cause).at("header", 7).found(found);
            refusal(&fault.into()).map(|finding| finding.code)
        };
        assert_eq!(
            refused(Cause::ChunkedFiles, "d.vmdk").as_deref(),
            Some("chunked-files")
        );
        assert_eq!(
            refused(Cause::FormatNotRead, "qcow2").as_deref(),
            Some("format-not-read")
        );
        // The service takes these; they are only not read here.
        assert_eq!(refused(Cause::FormatNotRead, "vhdx"), None);
        assert_eq!(refused(Cause::VmdkGrainData, ""), None);
        assert_eq!(refused(Cause::TarChecksum, ""), None);
    }

    #[test]
    fn a_vhd_with_a_parent_or_two_footers_gets_the_services_answer() {
        let mut info = ImageInfo::new(Format::Vhd, 1 << 20, 1 << 20).of(Variant::VhdDifferencing);
        let finding = &of_info(&info, None)[0];
        let message = "ClientError: Footers not identical";
        assert_eq!(finding.service_message.as_deref(), Some(message));
        assert_eq!(finding.svc, [SvcId::Err8, SvcId::Fmt3]);
        info.variant = Some(Variant::VhdDynamic);
        assert_eq!(of_info(&info, None), []);
        let note = vmie_formats::ImageNote::new(NoteKind::FootersDiffer, Some(0), "they differ");
        info.notes.push(note);
        assert_eq!(of_info(&info, None)[0].code, "vhd-footers");
        // Without its parent it cannot even be opened.
        let fault = vmie_formats::Error::new(Cause::ReferenceDenied).at("VHD parent locator", 7);
        let finding = refusal(&fault.into()).unwrap();
        assert_eq!(finding.service_message.as_deref(), Some(message));
        let fault = vmie_formats::Error::new(Cause::ReferenceDenied).at("VHDX parent locator", 7);
        let finding = of_error(&fault.into(), None);
        assert_eq!(
            (finding.service_message, finding.svc),
            (None, vec![SvcId::Fmt3])
        );
    }

    #[test]
    fn what_the_service_has_no_text_for_is_still_said() {
        let finding = of_cause(Cause::TarChecksum, "");
        assert_eq!(finding.service_message, None);
        assert_eq!(
            task_message(&finding),
            "ClientError: Disk validation failed [the checksum of the tar header is wrong]"
        );
        assert_eq!(kebab("NotRead(Xfs)"), "not-read");
    }
}
