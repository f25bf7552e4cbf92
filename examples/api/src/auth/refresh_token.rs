//! A refresh token: a name of its login, which stays the same, and a secret, which is valid once.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::error::ServerError;

/// What the database stores of either part. Nobody can guess this many random bits, so it needs
/// neither a salt nor a slow hash.
pub(crate) type Hash = [u8; 32];

/// No `Debug`: it must not be logged.
pub(crate) struct RefreshToken {
    login: [u8; 16],
    secret: [u8; 32],
}

impl RefreshToken {
    /// The first token of a new login.
    pub(crate) fn first() -> Result<Self, ServerError> {
        let login = random()?;
        let secret = random()?;
        Ok(Self { login, secret })
    }

    /// The token that replaces this one.
    pub(crate) fn next(&self) -> Result<Self, ServerError> {
        let login = self.login;
        let secret = random()?;
        Ok(Self { login, secret })
    }

    /// Parses a token that a client sent.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (login, secret) = bytes.split_first_chunk()?;
        Some(Self {
            login: *login,
            secret: secret.try_into().ok()?,
        })
    }

    /// The text that the client gets.
    pub(crate) fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode([self.login.as_slice(), &self.secret].concat())
    }

    /// The hash of the login's name.
    pub(crate) fn login(&self) -> Hash {
        Sha256::digest(self.login).into()
    }

    /// The hash of the secret.
    pub(crate) fn secret(&self) -> Hash {
        Sha256::digest(self.secret).into()
    }
}

fn random<const N: usize>() -> Result<[u8; N], ServerError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(ServerError::internal)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::RefreshToken;

    #[test]
    fn an_issued_token_is_parsed_and_the_next_one_belongs_to_the_same_login() {
        let first = RefreshToken::first().unwrap();
        let next = first.next().unwrap();
        let read = RefreshToken::parse(&first.text()).unwrap();
        assert_eq!(
            (read.login(), read.secret()),
            (first.login(), first.secret())
        );
        assert_eq!(next.login(), first.login());
        assert_ne!(next.secret(), first.secret());
        assert_ne!(RefreshToken::first().unwrap().login(), first.login());
    }

    #[test]
    fn rejects_anything_else() {
        let text = RefreshToken::first().unwrap().text();
        for other in [
            "",
            "a",
            &text[1..],
            &format!("{text}A"),
            &format!("{text}="),
        ] {
            assert!(RefreshToken::parse(other).is_none(), "{other}");
        }
        let spaced = text.replacen(|_| true, " ", 1);
        assert!(RefreshToken::parse(&spaced).is_none());
    }
}
