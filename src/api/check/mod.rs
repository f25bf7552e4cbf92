//! Finds what is wrong with the routes of an [`Api`](super::Api) before they serve a request.

mod cross_origin;
mod paths;
mod stack;

use self::{
    cross_origin::{check_cors, check_cors_of_paths, check_csrf, check_trusted_origins},
    paths::{check_named_routes, check_parameters, check_paths},
    stack::{
        check_allowances, check_body, check_cache, check_limit, check_order, check_quota_names,
        check_scopes, check_versions,
    },
};
use super::{
    finding::Finding,
    routes::{Routes, Scope},
};
use crate::wire::ConfigError;

impl Routes {
    /// An error that lists the findings, if there are any.
    pub(super) fn refuse(&self, scope: Scope) -> Result<(), ConfigError> {
        let findings = self.check(scope);
        if findings.is_empty() {
            return Ok(());
        }
        Err(Finding::error(&findings))
    }

    /// All findings that no route allows.
    pub(super) fn check(&self, scope: Scope) -> Vec<Finding> {
        let mut findings = self.faults.clone();
        check_paths(self, &mut findings);
        for route in self.list.iter().chain(&self.fallback) {
            check_order(route, &mut findings);
            check_allowances(route, &mut findings);
            check_versions(route, &mut findings);
            let mut concerns = Vec::new();
            for check in [
                check_parameters,
                check_csrf,
                check_cache,
                check_limit,
                check_quota_names,
                check_body,
                check_scopes,
                check_cors,
                check_trusted_origins,
            ] {
                check(route, &mut concerns);
            }
            concerns.retain(|finding| !route.allows(finding.concern));
            findings.extend(concerns);
        }
        check_cors_of_paths(self, &mut findings);
        check_named_routes(self, scope, &mut findings);
        #[cfg(feature = "openapi")]
        super::openapi::check_operation_ids(self, &mut findings);
        findings
    }
}
