//! The facts about a Windows as a document for programs.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::facts::{Interface, PageFile, Service, SqlServer, Windows};

impl Serialize for Windows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("folder", &self.folder)?;
        map.serialize_entry("product", &self.product.get())?;
        map.serialize_entry("edition", &self.edition.get())?;
        map.serialize_entry("product_name", &self.product_name)?;
        map.serialize_entry("edition_id", &self.edition_id)?;
        map.serialize_entry("installation", &self.installation)?;
        map.serialize_entry("server", &self.server)?;
        map.serialize_entry("service_pack", &self.service_pack)?;
        map.serialize_entry("build", &self.build)?;
        map.serialize_entry("revision", &self.revision)?;
        map.serialize_entry("release", &self.release)?;
        map.serialize_entry("kernel", &self.kernel.get())?;
        map.serialize_entry("control_set", &self.control_set)?;
        map.serialize_entry("computer_name", &self.computer_name)?;
        map.serialize_entry("language", &self.language.get())?;
        map.serialize_entry("install_language", &self.install_language)?;
        map.serialize_entry("ui_languages", &self.ui_languages)?;
        map.serialize_entry("time_zone", &self.time_zone)?;
        map.serialize_entry("universal_time", &self.universal_time)?;
        map.serialize_entry("page_files", &self.page_files)?;
        map.serialize_entry("autologon", &self.autologon)?;
        map.serialize_entry("remote_desktop", &self.remote_desktop)?;
        map.serialize_entry("remote_desktop_allowed", &self.remote_desktop_allowed)?;
        map.serialize_entry("firewall", &self.firewall)?;
        map.serialize_entry("interfaces", &self.interfaces)?;
        map.serialize_entry("services", &self.services)?;
        map.serialize_entry("dot_net_release", &self.dot_net.release)?;
        map.serialize_entry("dot_net_3_5_service_pack", &self.dot_net.three_five)?;
        map.serialize_entry("pending", &self.pending)?;
        map.serialize_entry("image_state", &self.image_state)?;
        let answers = self.answer_file.as_ref();
        map.serialize_entry("answer_file", &answers.map(|answers| &answers.path))?;
        map.serialize_entry("sql_servers", &self.sql_servers)?;
        map.serialize_entry("domain_controller", &self.domain_controller)?;
        map.serialize_entry("directory_database", &self.directory_database)?;
        map.serialize_entry("fast_startup", &self.fast_startup)?;
        let tools: Vec<_> = self.tools.iter().map(|tool| tool.name).collect();
        map.serialize_entry("tools", &tools)?;
        let store = self.boot.get();
        map.serialize_entry("boot_entries", &store.map(|store| store.entries.len()))?;
        map.serialize_entry("ems", &store.map(|store| store.ems))?;
        let menu = self.boot_ini.as_ref().map(|menu| menu.systems.len());
        map.serialize_entry("boot_ini_entries", &menu)?;
        map.serialize_entry("boot_manager", &self.boot_manager.is_some())?;
        let entry = store.and_then(|store| store.default_entry());
        map.serialize_entry("boot_path", &entry.and_then(|entry| entry.path.as_ref()))?;
        map.end()
    }
}

impl Serialize for PageFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("path", &self.path)?;
        map.serialize_entry("size", &self.size)?;
        map.end()
    }
}

impl Serialize for Interface {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("dhcp", &self.dhcp)?;
        map.serialize_entry("addresses", &self.addresses)?;
        map.end()
    }
}

impl Serialize for Service {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("start", self.start.name())?;
        map.end()
    }
}

impl Serialize for SqlServer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("instance", &self.instance)?;
        map.serialize_entry("edition", &self.edition)?;
        map.serialize_entry("version", &self.version)?;
        map.end()
    }
}
