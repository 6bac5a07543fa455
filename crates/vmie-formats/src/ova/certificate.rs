//! Certificates: the signature of the manifest, and who made it (DSP0243 section 5.1).

use super::manifest::{Digest, DigestAlgorithm, unhex};
use crate::{Cause, Error};

/// The signature of an appliance's manifest. It is read and not verified: whether a certificate can
/// be trusted is for whoever knows which ones are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Certificate {
    /// The member that it was read from.
    pub member: String,
    /// The manifest that is signed.
    pub signed: String,
    /// The digest algorithm of the signature; `None` when its name is not known here.
    pub algorithm: Option<DigestAlgorithm>,
    /// The signature's bytes.
    pub signature: Digest,
    /// The certificates as PEM blocks, the signer's first.
    pub pem: Vec<String>,
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

impl Certificate {
    /// Reads `SHA256(name.mf)= hex` and the PEM blocks after it.
    pub(super) fn parse(member: &str, bytes: &[u8]) -> Result<Self, Error> {
        let bad = || Error::new(Cause::Certificate).at("certificate", 0);
        let text = std::str::from_utf8(bytes).map_err(|_| bad())?;
        let line = text.lines().map(str::trim).find(|line| !line.is_empty());
        let (algorithm, rest) = line.and_then(|l| l.split_once('(')).ok_or_else(bad)?;
        let (signed, hex) = rest.rsplit_once(')').ok_or_else(bad)?;
        let hex = hex.trim().strip_prefix('=').ok_or_else(bad)?.trim();
        let signature = unhex(hex).filter(|s| !s.is_empty()).ok_or_else(bad)?;
        let mut pem = Vec::new();
        let mut rest = text;
        while let Some((_, after)) = rest.split_once(BEGIN) {
            let (body, next) = after.split_once(END).ok_or_else(bad)?;
            pem.push(format!("{BEGIN}{body}{END}"));
            rest = next;
        }
        if pem.is_empty() {
            return Err(bad().field("PEM"));
        }
        Ok(Self {
            member: member.to_owned(),
            signed: signed.to_owned(),
            algorithm: DigestAlgorithm::of_name(algorithm.trim()),
            signature: Digest(signature),
            pem,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_and_its_certificates_are_read() {
        let text = format!("SHA256(a.mf)= 00ff10\n{BEGIN}\nMIIB\n{END}\n{BEGIN}\nMIIC\n{END}\n");
        let certificate = Certificate::parse("a.cert", text.as_bytes()).unwrap();
        assert_eq!(certificate.signed, "a.mf");
        assert_eq!(certificate.algorithm, Some(DigestAlgorithm::Sha256));
        assert_eq!(certificate.signature.to_string(), "00ff10");
        assert_eq!(certificate.pem.len(), 2);
        for bad in [
            "",
            "SHA1(a.mf)= 0",
            "SHA1(a.mf)= 00",
            &format!("SHA1(a.mf)= 00\n{BEGIN}\n"),
            &format!("SHA1 a.mf= 00\n{BEGIN}{END}"),
        ] {
            let error = Certificate::parse("a.cert", bad.as_bytes()).unwrap_err();
            assert_eq!(error.cause(), Cause::Certificate, "{bad}");
        }
    }
}
