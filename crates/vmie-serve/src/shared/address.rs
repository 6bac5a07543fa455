//! Where the database is, and sessions with it.

use std::fmt;
use std::time::Duration;

use postgres::config::SslMode;
use postgres::error::SqlState;
use postgres::{Client, Config, NoTls};
use rustls::CertificateError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::Error;

/// The first key of the advisory locks here; the second is a hash of the schema's name, so that
/// several services can have schemas of one database.
pub(super) const LOCKS: i32 = 0x766d_6965;
/// The lock of whoever makes the tables.
const MAKING: i32 = 0x766d_6966;
/// The version of the tables.
const VERSION: i32 = 1;
/// The lease when no other is told.
const LEASE: Duration = Duration::from_secs(15);
/// The shortest lease.
const SHORTEST: Duration = Duration::from_secs(1);

/// The database that servers and workers share. See the [module](crate::shared).
#[derive(Clone)]
pub struct Shared {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    lease: Duration,
}

impl fmt::Debug for Shared {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("hosts", &self.config.get_hosts())
            .field("database", &self.config.get_dbname())
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// The database at an address: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, or any other form
    /// that libpq takes. Nothing is connected to yet.
    ///
    /// # Errors
    /// When the text is no such address. It does not stand in the error.
    pub fn new(address: &str) -> Result<Self, Error> {
        let mut config: Config = address.parse().map_err(|_| {
            database("the address is not one of PostgreSQL: postgres://USER@HOST/DATABASE")
        })?;
        config.application_name("vmie");
        let shared = Self {
            config,
            tls: None,
            lease: LEASE,
        };
        Ok(shared.with_lease(LEASE))
    }

    /// The same with another lease, of at least a second: how long a process may be silent before what
    /// it was at is given to another.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease.max(SHORTEST);
        self.config
            .connect_timeout(self.lease)
            .keepalives_idle(self.lease)
            .tcp_user_timeout(self.lease);
        self
    }

    /// The same over TLS, to a database that shows a certificate of one of these authorities (PEM).
    ///
    /// # Errors
    /// When there is no certificate in it.
    pub fn with_authorities(mut self, pem: &[u8]) -> Result<Self, Error> {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let bad = |_| database("an authority's certificate cannot be read");
            let certificate = certificate.map_err(|_| database("the authorities are not PEM"))?;
            roots.add(certificate).map_err(bad)?;
        }
        if roots.is_empty() {
            return Err(database(
                "there is no certificate of an authority in the file",
            ));
        }
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| database(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        self.tls = Some(MakeRustlsConnect::new(config));
        self.config.ssl_mode(SslMode::Require);
        Ok(self)
    }

    /// How long a process may be silent.
    #[must_use]
    pub fn lease(&self) -> Duration {
        self.lease
    }

    /// How often a process has to say something, so that it is never silent for a lease.
    pub(super) fn beat(&self) -> Duration {
        self.lease.checked_div(4).unwrap_or(SHORTEST)
    }

    /// The lease in milliseconds, as settings and queries have it.
    pub(super) fn lease_ms(&self) -> i64 {
        i64::try_from(self.lease.as_millis()).unwrap_or(i64::MAX)
    }

    /// Reaches the database, and makes the tables when they are not there.
    pub(crate) fn reach(&self) -> Result<(), Error> {
        self.connect().map(drop)
    }

    /// A session. The tables are made when they are not there.
    pub(super) fn connect(&self) -> Result<Client, Error> {
        let connected = match &self.tls {
            Some(tls) => self.config.connect(tls.clone()),
            None => self.config.connect(NoTls),
        };
        let mut client = connected.map_err(|error| self.unreached(error))?;
        let level = "SET default_transaction_isolation = 'read committed'";
        client.batch_execute(level).map_err(failed)?;
        make(&mut client)?;
        Ok(client)
    }

    /// Why there is no session, and what to do about it where it is TLS.
    fn unreached(&self, error: postgres::Error) -> Error {
        let unsigned = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let is_kept_out = error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION);
        let advice = if tls_error(&error) == Some(&unsigned) {
            "None of the authorities that are named signed its certificate"
        } else if self.tls.is_none() && is_kept_out {
            "If it takes only TLS, name the authority that signed its certificate"
        } else {
            return failed(error);
        };
        database(format!("{}. {advice}", told(&error)))
    }
}

/// What TLS says, under the layers above it.
fn tls_error(error: &postgres::Error) -> Option<&rustls::Error> {
    let source = std::error::Error::source(error)?;
    let inner = source.downcast_ref::<std::io::Error>()?.get_ref()?;
    inner.downcast_ref()
}

/// Makes the tables, once, whoever comes first.
fn make(client: &mut Client) -> Result<(), Error> {
    let known = "SELECT to_regclass('vmie_replies_of') IS NOT NULL";
    if !client
        .query_one(known, &[])
        .map_err(failed)?
        .get::<_, bool>(0)
    {
        let mut transaction = client.transaction().map_err(failed)?;
        let lock = "SELECT pg_advisory_xact_lock($1, hashtext(current_schema()))";
        transaction.execute(lock, &[&MAKING]).map_err(failed)?;
        let tables = include_str!("schema.sql");
        transaction.batch_execute(tables).map_err(failed)?;
        transaction.commit().map_err(failed)?;
    }
    let version = "SELECT version FROM vmie_about";
    let version: i32 = client.query_one(version, &[]).map_err(failed)?.get(0);
    if version == VERSION {
        Ok(())
    } else {
        Err(database(format!(
            "its tables have version {version}, and this program has {VERSION}"
        )))
    }
}

/// What an error of the database's means here. Values do not stand in it: there are secrets in them.
pub(super) fn failed(error: postgres::Error) -> Error {
    database(told(&error))
}

fn told(error: &postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return format!("{} ({})", said.message(), said.code().code());
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

pub(super) fn database(what: impl Into<String>) -> Error {
    Error::Database { what: what.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_and_its_password_are_not_shown() {
        let shared = Shared::new("postgres://vmie:hush@db.example/vmie").unwrap();
        let shown = format!("{shared:?}");
        assert!(
            shown.contains("db.example") && !shown.contains("hush"),
            "{shown}"
        );
        let error = Shared::new("postgres://vmie:hush@db:port/x").unwrap_err();
        assert!(!error.to_string().contains("hush"), "{error}");
        let short = shared.with_lease(Duration::ZERO);
        assert_eq!(short.lease(), SHORTEST);
        assert!(short.with_authorities(b"nothing").is_err());
    }
}
