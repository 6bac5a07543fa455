//! The kernels that are installed.

use super::tree::Tree;
use crate::{Evidence, Kernel, KernelFlavour, KernelSource, bzimage, version};

/// Kernels that are looked at; a full /boot has some ten.
const MAX_KERNELS: usize = 64;

/// What the names of kernel images start with.
const PREFIXES: &[&str] = &[
    "vmlinuz-", "vmlinux-", "bzImage-", "kernel-", "Image-", "linux-",
];

/// The release that an image's name ends in.
pub(super) fn release_in_name(name: &str) -> Option<&str> {
    PREFIXES
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .filter(|release| is_release(release))
}

fn is_release(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_graphic())
        && text.len() <= 128
}

/// The release that an image itself names.
pub(super) fn release_in_image(tree: &Tree, path: &str) -> Option<(String, Evidence)> {
    let bytes = tree.read_at(path, 0, bzimage::HEAD)?;
    let at = bzimage::head(&bytes)?.version_at?;
    let text = tree.read_at(path, at, bzimage::VERSION_LEN)?;
    let release = bzimage::release(&text)?.to_owned();
    let evidence = tree
        .evidence(path, format!("the image's version string: {release}"))
        .offset(at);
    Some((release, evidence))
}

/// What kind of kernel a release names.
pub(super) fn flavour(release: &str) -> KernelFlavour {
    let has = |word: &str| {
        release
            .split(['-', '.', '_', '+'])
            .any(|part| part.eq_ignore_ascii_case(word))
    };
    if has("rescue") {
        KernelFlavour::Rescue
    } else if release.contains("uek") {
        KernelFlavour::Uek
    } else if has("debug") {
        KernelFlavour::Debug
    } else if has("rt") || has("realtime") || has("lowlatency") {
        KernelFlavour::Realtime
    } else if release.contains("xen") {
        KernelFlavour::Xen
    } else if ["cloud", "aws", "azure", "gcp", "kvm", "virt", "virtual"]
        .iter()
        .any(|word| has(word))
    {
        KernelFlavour::Cloud
    } else {
        KernelFlavour::Stock
    }
}

/// The installed kernels, newest first, rescue kernels last.
pub(super) fn installed(tree: &Tree) -> Vec<Kernel> {
    let mut kernels = Vec::new();
    let images = tree
        .names("/boot")
        .into_iter()
        .filter(|name| release_in_name(name).is_some())
        .take(MAX_KERNELS);
    for name in images {
        let path = format!("/boot/{name}");
        if tree.size(&path).is_none() {
            continue;
        }
        let Some(named) = release_in_name(&name) else {
            continue;
        };
        let seen = tree.evidence(&path, format!("an image named for {named}"));
        let mut seen = vec![(KernelSource::BootFile, seen)];
        let mut release = named.to_owned();
        // A rescue image is a copy of some kernel: its name is what tells it apart.
        if flavour(named) != KernelFlavour::Rescue
            && let Some((inside, evidence)) = release_in_image(tree, &path)
        {
            seen.push((KernelSource::ImageString, evidence));
            release = inside;
        }
        add(&mut kernels, &release, Some(path), seen);
    }
    for name in tree.names("/lib/modules").into_iter().take(MAX_KERNELS) {
        let path = format!("/lib/modules/{name}");
        if is_release(&name) && tree.is_dir(&path) {
            let seen = tree.evidence(&path, "a folder of modules");
            add(
                &mut kernels,
                &name,
                None,
                [(KernelSource::ModulesFolder, seen)],
            );
        }
    }
    kernels.sort_by(|a, b| {
        let rescue = |kernel: &Kernel| kernel.flavour == KernelFlavour::Rescue;
        rescue(a)
            .cmp(&rescue(b))
            .then_with(|| version::compare(&b.release, &a.release))
    });
    kernels
}

/// Notes that a release was seen: as a kernel of its own, or as one more trace of a known one.
pub(super) fn add(
    kernels: &mut Vec<Kernel>,
    release: &str,
    image: Option<String>,
    seen: impl IntoIterator<Item = (KernelSource, Evidence)>,
) {
    if !kernels.iter().any(|kernel| kernel.release == release) {
        kernels.push(Kernel {
            release: release.to_owned(),
            default: false,
            flavour: flavour(release),
            image: None,
            sources: Vec::new(),
            evidence: Vec::new(),
        });
    }
    let known = kernels.iter_mut().find(|kernel| kernel.release == release);
    let Some(kernel) = known else {
        return;
    };
    if kernel.image.is_none() {
        kernel.image = image;
    }
    for (source, evidence) in seen {
        if !kernel.sources.contains(&source) {
            kernel.sources.push(source);
            kernel.evidence.push(evidence);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_flavours() {
        for (name, release) in [
            ("vmlinuz-6.1.0-56-cloud-amd64", Some("6.1.0-56-cloud-amd64")),
            ("vmlinuz-0-rescue-ab12", Some("0-rescue-ab12")),
            ("vmlinuz", None),
            ("vmlinuz-linux", None),
            (".vmlinuz-5.14.hmac", None),
            ("initrd.img-6.1", None),
        ] {
            assert_eq!(release_in_name(name), release, "{name}");
        }
        for (release, expected) in [
            ("5.15.0-200.131.27.el9uek.x86_64", KernelFlavour::Uek),
            ("6.1.0-56-cloud-amd64", KernelFlavour::Cloud),
            ("0-rescue-ab12", KernelFlavour::Rescue),
            ("5.14.0-362.el9.x86_64", KernelFlavour::Stock),
            ("4.18.0-553.rt7.342.el8.x86_64+debug", KernelFlavour::Debug),
            ("6.1.0-18-rt-amd64", KernelFlavour::Realtime),
            ("5.15.0-91-generic", KernelFlavour::Stock),
        ] {
            assert_eq!(flavour(release), expected, "{release}");
        }
    }
}
