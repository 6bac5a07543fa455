//! Writing a manifest.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::format::VERSION;
use super::model::{ImportManifest, Part};
use crate::{Cause, Error};

type Xml = Writer<Vec<u8>>;

impl ImportManifest {
    /// The manifest as XML, its elements in the order that the service wants.
    ///
    /// # Errors
    /// As [`ImportManifest::validate`].
    pub fn to_xml(&self) -> Result<String, Error> {
        self.validate()?;
        let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
        // Only a text with characters that XML cannot have makes writing to memory fail.
        self.write(&mut xml)
            .map_err(|error| Error::new(Cause::ManifestXml).with_source(error))?;
        String::from_utf8(xml.into_inner())
            .map_err(|error| Error::new(Cause::ManifestXml).with_source(error))
    }

    fn write(&self, xml: &mut Xml) -> io::Result<()> {
        xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        let format = self.file_format.name().to_uppercase();
        xml.create_element("manifest").write_inner_content(|xml| {
            text(xml, "version", VERSION)?;
            text(xml, "file-format", &format)?;
            xml.create_element("importer").write_inner_content(|xml| {
                text(xml, "name", &self.importer.name)?;
                text(xml, "version", &self.importer.version)?;
                text(xml, "release", &self.importer.release)
            })?;
            text(xml, "self-destruct-url", self.self_destruct_url.reveal())?;
            xml.create_element("import").write_inner_content(|xml| {
                text(xml, "size", &self.size.to_string())?;
                text(xml, "volume-size", &self.volume_size.to_string())?;
                xml.create_element("parts")
                    .with_attribute(("count", self.parts.len().to_string().as_str()))
                    .write_inner_content(|xml| {
                        for (index, part) in self.parts.iter().enumerate() {
                            write_part(xml, index, part)?;
                        }
                        Ok(())
                    })?;
                Ok(())
            })?;
            Ok(())
        })?;
        Ok(())
    }
}

fn write_part(xml: &mut Xml, index: usize, part: &Part) -> io::Result<()> {
    let last = part.end().saturating_sub(1);
    xml.create_element("part")
        .with_attribute(("index", index.to_string().as_str()))
        .write_inner_content(|xml| {
            xml.create_element("byte-range")
                .with_attribute(("start", part.start.to_string().as_str()))
                .with_attribute(("end", last.to_string().as_str()))
                .write_empty()?;
            text(xml, "key", &part.key)?;
            text(xml, "head-url", part.head_url.reveal())?;
            text(xml, "get-url", part.get_url.reveal())?;
            if let Some(url) = &part.delete_url {
                text(xml, "delete-url", url.reveal())?;
            }
            Ok(())
        })?;
    Ok(())
}

fn text(xml: &mut Xml, name: &str, text: &str) -> io::Result<()> {
    xml.create_element(name)
        .write_text_content(BytesText::new(text))?;
    Ok(())
}
