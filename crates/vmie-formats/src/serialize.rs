//! What images say of themselves, for programs: kinds by their names.

use serde::{Serialize, Serializer};

use crate::{Confidence, Format, NoteKind, ReferenceKind, Variant};

macro_rules! by_name {
    ($($kind:ty),*) => {$(
        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }
    )*};
}

by_name!(Format, Variant, NoteKind, ReferenceKind, Confidence);

#[cfg(test)]
mod tests {
    use crate::{ImageInfo, ImageNote, Reference};

    use super::*;

    #[test]
    fn kinds_go_by_their_names() {
        let mut info = ImageInfo::new(Format::Vhdx, 512, 1024).of(Variant::VhdxDynamic);
        info.notes
            .push(ImageNote::new(NoteKind::LogReplayed, Some(7), "replayed"));
        info.references
            .push(Reference::new(ReferenceKind::Parent, "base.vhdx"));
        let value = serde_json::to_value(&info).unwrap();
        assert_eq!(value["format"], "vhdx");
        assert_eq!(value["variant"], "dynamic");
        assert_eq!(value["virtual_size"], 512);
        assert_eq!(value["notes"][0]["kind"], "log-replayed");
        assert_eq!(value["references"][0]["name"], "base.vhdx");
        assert_eq!(
            serde_json::to_value(Confidence::Certain).unwrap(),
            "certain"
        );
    }
}
