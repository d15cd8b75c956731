//! Why a file of TLS cannot be used, with what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// A file of TLS that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {} {problem}", path.display())]
pub struct TlsError {
    setting: &'static str,
    path: PathBuf,
    problem: Problem,
}

impl TlsError {
    /// `setting` is the key that names the file.
    pub(super) fn new(setting: &'static str, path: &Path, problem: Problem) -> Self {
        Self { setting, path: path.to_owned(), problem }
    }
}

/// What is wrong with a file. The text continues its path.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("cannot be read: {0}; give a file of at most 16 MiB that the user of leveed can read")]
    Unreadable(io::Error),
    #[error("can be used by others than its owner (its mode is {0:04o}); run chmod 600 on it")]
    Exposed(u32),
    #[error("is not PEM; give a file as it is, or convert it with openssl")]
    NoPem,
    #[error("has no certificate; give one in PEM (BEGIN CERTIFICATE)")]
    NoCertificate,
    #[error("has a certificate that cannot be used ({0}); give another one")]
    BadCertificate(String),
    #[error("has no private key; give one in PEM that is not encrypted (PKCS#8, PKCS#1 or SEC1)")]
    NoKey,
    #[error("has a private key that cannot be used; give one of RSA (2048 bits or more), ECDSA or Ed25519")]
    BadKey,
    #[error("is not the key of the certificate in {}; give the one that belongs to it", .0.display())]
    OtherKey(PathBuf),
    #[error("is not valid before {0}; give one that is, or set the clock")]
    NotYetValid(String),
    #[error("has expired on {0}; replace it")]
    Expired(String),
    #[error("has no list of revoked certificates; give one in PEM (BEGIN X509 CRL)")]
    NoList,
    #[error("has a list of revoked certificates that cannot be used ({0}); give another one")]
    BadList(String),
    #[error(
        "has no list of {0}, an authority in tls.client_ca_file, so that it would let none of its clients in; add it"
    )]
    ListMissing(String),
}
