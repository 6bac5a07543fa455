//! The service as a process of its own.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use vmie_serve::own_keys;
use vmie_serve::sigv4::AccessKey;

use super::Result;

pub(crate) struct Service {
    process: Child,
    pub(crate) host: String,
    pub(crate) key: AccessKey,
}

impl Service {
    pub(crate) fn start(vmie: &Path, data: &Path) -> Result<Self> {
        let keys = own_keys(data, super::fill::ACCOUNT)?;
        let key = keys.first().cloned().ok_or("there is no key")?;
        let mut process = Command::new(vmie)
            .args(["serve", "--json", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut said = String::new();
        let mut stdout = process.stdout.take().ok_or("no output")?;
        let host = loop {
            let mut byte = [0];
            if stdout.read(&mut byte)? == 0 {
                return Err(format!("the service did not start: {said}").into());
            }
            said.push(char::from(byte[0]));
            let whole = said.trim_end().ends_with('}');
            if let (true, Ok(told)) = (whole, serde_json::from_str::<serde_json::Value>(&said)) {
                let url = told["url"].as_str().ok_or("no address")?;
                break url.trim_start_matches("http://").to_owned();
            }
        };
        Ok(Self { process, host, key })
    }

    /// What it has in memory, in MiB.
    pub(crate) fn memory(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|text| text.split_whitespace().next());
        Ok(kib.ok_or("the system does not tell")?.parse::<f64>()? / 1024.0)
    }

    pub(crate) fn stop(mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
