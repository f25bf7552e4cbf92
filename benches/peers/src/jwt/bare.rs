//! jsonwebtoken alone, on either of its backends.

use std::{
    hint::black_box,
    sync::atomic::{AtomicBool, Ordering},
};

use jsonwebtoken::{
    Algorithm, Validation,
    crypto::{CryptoProvider, aws_lc, rust_crypto},
    decode,
};
use wythe_bench_harness::Run;

use crate::tokens::{AUDIENCE, Claims, ISSUER, token, verifying_key};

/// A program has one backend. Here it is one that checks which of the two it is: a load and a
/// branch for each token.
static SWITCH: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| (backend().signer_factory)(algorithm, key),
    verifier_factory: |algorithm, key| (backend().verifier_factory)(algorithm, key),
    key_utils: jsonwebtoken::crypto::KeyUtils::new_unimplemented(),
};

static ON_RUST_CRYPTO: AtomicBool = AtomicBool::new(false);

fn backend() -> &'static CryptoProvider {
    if ON_RUST_CRYPTO.load(Ordering::Relaxed) {
        &rust_crypto::DEFAULT_PROVIDER
    } else {
        &aws_lc::DEFAULT_PROVIDER
    }
}

pub(crate) fn install() {
    SWITCH.install_default().expect("the first one");
}

pub(crate) fn aws_lc(algorithm: Algorithm) -> Run {
    decode_on(false, algorithm)
}

pub(crate) fn rust_crypto(algorithm: Algorithm) -> Run {
    decode_on(true, algorithm)
}

fn decode_on(rust_crypto: bool, algorithm: Algorithm) -> Run {
    let (token, key) = (token(algorithm, 0), verifying_key(algorithm));
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    validation.leeway = 0;
    validation.validate_nbf = true;
    Box::new(move || {
        ON_RUST_CRYPTO.store(rust_crypto, Ordering::Relaxed);
        let claims = decode::<Claims>(black_box(&*token), &key, &validation).expect("claims");
        drop(black_box(claims));
    })
}
