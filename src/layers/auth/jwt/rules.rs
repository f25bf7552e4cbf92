//! Says what the registered claims must be (RFC 7519, section 4.1).

use std::time::Duration;

use super::{
    cache::Window, claims::Registered, date::NumericDate, issuer::Issuer, refusal::JwtRefusal,
    required::Required,
};

/// What the claims must say, whoever signed them.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    /// What `iss` may be, besides that it is the issuer whose keys signed the token. It only ever
    /// takes away: no name here lets one issuer's key sign for another.
    pub(super) issuers: Vec<String>,
    pub(super) audiences: Vec<String>,
    pub(super) leeway: Duration,
    pub(super) without_expiry: bool,
    pub(super) any_audience: bool,
    pub(super) required: Required,
}

impl Rules {
    /// Checks the claims of this JSON at this time since the epoch, and says how long they pass.
    pub(super) fn check(
        &self,
        json: &str,
        claims: &Registered<'_>,
        issuer: &Issuer,
        now: Duration,
    ) -> Result<Window, JwtRefusal> {
        let window = self.check_time(claims, now)?;
        if !self.is_by(issuer, claims.iss.as_deref()) {
            return Err(JwtRefusal::Issuer);
        }
        if !self.is_for_us(issuer, claims) {
            return Err(JwtRefusal::Audience);
        }
        self.required.check(json, self.leeway, now, window)
    }

    fn check_time(&self, claims: &Registered<'_>, now: Duration) -> Result<Window, JwtRefusal> {
        let leeway = self.leeway.as_secs_f64();
        let mut window = Window::default();
        match claims.exp {
            None if !self.without_expiry => return Err(JwtRefusal::MissingExpiry),
            None => {}
            // "on or after which": at that second it has expired (RFC 7519, section 4.1.4).
            Some(NumericDate(expiry)) => window = window.until(expiry + leeway),
        }
        if window.is_over(now) {
            return Err(JwtRefusal::Expired);
        }
        if let Some(NumericDate(start)) = claims.nbf {
            window = window.from(start - leeway);
        }
        if window.is_open(now) {
            return Ok(window);
        }
        Err(JwtRefusal::NotYetValid)
    }

    fn is_by(&self, issuer: &Issuer, iss: Option<&str>) -> bool {
        issuer.is(iss)
            && (self.issuers.is_empty() || iss.is_some_and(|iss| is_among(&self.issuers, iss)))
    }

    fn is_for_us(&self, issuer: &Issuer, claims: &Registered<'_>) -> bool {
        let ours = if issuer.audiences.is_empty() {
            &self.audiences
        } else {
            &issuer.audiences
        };
        match &claims.aud {
            _ if self.any_audience => true,
            None => ours.is_empty(),
            // Whoever does not find itself among a token's audiences must refuse it, and without
            // a name of its own it finds itself in none (RFC 7519, section 4.1.3).
            Some(audience) => audience.any(|name| is_among(ours, name)),
        }
    }
}

fn is_among(names: &[String], name: &str) -> bool {
    names.iter().any(|known| known == name)
}
