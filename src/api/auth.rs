//! Who may do what.
//!
//! A missing token is a mistake in the request (400). Whatever else is wrong (the token, its kind, the project, the run, the form
//! of any of them) is answered with one and the same 403, so that nobody learns what exists.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::problem::ApiError;
use super::state::ApiState;
use crate::config::Secret;
use crate::db::runs::RunRecord;
use crate::domain::audit::TokenPrefix;
use crate::domain::{ProjectId, ResultType, RunId, Token, TokenKind};

/// What the path names, as text: nothing of it has been checked.
#[derive(Debug, Default)]
pub struct Target {
    /// The project.
    pub project: String,
    /// The run, on paths that have one.
    pub run: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Target {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let parameters =
            RawPathParams::from_request_parts(parts, state).await.map_err(|_| ApiError::NoAccess)?;
        let mut target = Self::default();
        for (name, value) in &parameters {
            match name {
                "project_id" => target.project = value.to_owned(),
                _ => target.run = value.to_owned(),
            }
        }
        Ok(target)
    }
}

/// Somebody with a right in a project.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    /// The project.
    pub project: ProjectId,
    /// The right.
    pub kind: TokenKind,
}

impl Caller {
    /// Finds out what the caller's token is good for in the project that the path names.
    ///
    /// # Errors
    /// 400 without a token, 403 if it gives no right there.
    pub async fn identify(state: &ApiState, project: &str, headers: &HeaderMap) -> Result<Self, ApiError> {
        let presented = credential(headers)?;
        let project: ProjectId = project.parse().map_err(|_| ApiError::NoAccess)?;
        let token: Token = presented.parse().map_err(|_| ApiError::NoAccess)?;
        match state.db.authorize(project, token.digest()).await? {
            Some(kind) => Ok(Self { project, kind }),
            None => Err(ApiError::NoAccess),
        }
    }

    /// Identifies the project's creator, who holds the result token.
    ///
    /// # Errors
    /// As [`Caller::identify`]; 403 for other kinds of token.
    pub async fn creator(
        state: &ApiState,
        project: &str,
        headers: &HeaderMap,
    ) -> Result<ProjectId, ApiError> {
        let caller = Self::identify(state, project, headers).await?;
        match caller.kind {
            TokenKind::Result => Ok(caller.project),
            TokenKind::Update { .. } | TokenKind::Receipt { .. } => Err(ApiError::NoAccess),
        }
    }

    /// Identifies a party that may upload, by its update token. Returns the project and the party's position.
    ///
    /// # Errors
    /// As [`Caller::identify`]; 403 for other kinds of token.
    pub async fn uploader(
        state: &ApiState,
        project: &str,
        headers: &HeaderMap,
    ) -> Result<(ProjectId, u16), ApiError> {
        let caller = Self::identify(state, project, headers).await?;
        match caller.kind {
            TokenKind::Update { party } => Ok((caller.project, party)),
            TokenKind::Result | TokenKind::Receipt { .. } => Err(ApiError::NoAccess),
        }
    }

    /// Identifies the creator or, in a project of permutations, a party by its receipt token.
    ///
    /// # Errors
    /// As [`Caller::identify`]; 403 for an update token.
    pub async fn reader(state: &ApiState, project: &str, headers: &HeaderMap) -> Result<Self, ApiError> {
        let caller = Self::identify(state, project, headers).await?;
        match caller.kind {
            TokenKind::Update { .. } => Err(ApiError::NoAccess),
            TokenKind::Result | TokenKind::Receipt { .. } => Ok(caller),
        }
    }

    /// Checks that the caller may see what runs of this type tell: a receipt token is for permutations only.
    ///
    /// # Errors
    /// 403.
    pub fn may_read(&self, result_type: ResultType) -> Result<(), ApiError> {
        match (self.kind, result_type) {
            (TokenKind::Result, _) | (TokenKind::Receipt { .. }, ResultType::Permutations) => Ok(()),
            _ => Err(ApiError::NoAccess),
        }
    }

    /// The run that the path names, if the caller may see it. A party isn't told why a run failed: the reason may be the other party's
    /// data.
    ///
    /// # Errors
    /// 403 if there is no such run in the project, or a receipt token's project isn't one of permutations.
    pub async fn run(&self, state: &ApiState, run: &str) -> Result<RunRecord, ApiError> {
        let id: RunId = run.parse().map_err(|_| ApiError::NoAccess)?;
        let mut run = state.db.run(self.project, id).await?.ok_or(ApiError::NoAccess)?;
        self.may_read(run.result_type)?;
        if let TokenKind::Receipt { .. } = self.kind {
            run.message = run.message.map(|_| "its creator can see why".to_owned());
        }
        Ok(run)
    }
}

/// Lets a request pass that needs the operator's token, if the operator has set one.
///
/// # Errors
/// 400 without a token, 403 for another one.
pub fn operator(wanted: Option<&Secret>, headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(wanted) = wanted else { return Ok(()) };
    let presented = credential(headers)?;
    // Digests have one length, so that the comparison tells nothing about the token's.
    let equal = Sha256::digest(wanted.expose()).ct_eq(&Sha256::digest(presented));
    match equal.into() {
        true => Ok(()),
        false => Err(ApiError::Forbidden("this service asks for its operator's token here".to_owned())),
    }
}

/// How the audit trail names an operator's token.
pub fn prefix(token: &Secret) -> TokenPrefix {
    TokenPrefix::of(&Sha256::digest(token.expose()).into())
}

/// The token in the `Authorization` header, bare or after `Bearer`.
fn credential(headers: &HeaderMap) -> Result<&str, ApiError> {
    presented(headers.get(header::AUTHORIZATION))
}

/// The token in a value of that header.
pub(super) fn presented(value: Option<&HeaderValue>) -> Result<&str, ApiError> {
    let value = value.ok_or(ApiError::MissingHeader("Authorization"))?;
    let text = value.to_str().map_err(|_| ApiError::NoAccess)?.trim();
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_scheme_word_is_optional() {
        for value in ["abc", "Bearer abc", "bearer  abc ", " abc"] {
            assert_eq!(credential(&with(value)).unwrap(), "abc", "{value:?}");
        }
        assert!(matches!(credential(&HeaderMap::new()), Err(ApiError::MissingHeader("Authorization"))));
        let binary =
            HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_bytes(b"\xff").unwrap())]);
        assert!(matches!(credential(&binary), Err(ApiError::NoAccess)));
    }

    #[test]
    fn the_operators_token_guards_only_if_it_is_set() {
        assert!(operator(None, &HeaderMap::new()).is_ok());
        assert!(operator(Some(&Secret::new("open sesame")), &with("open sesame")).is_ok());
        assert!(operator(Some(&Secret::new("sesame")), &with("Bearer sesame")).is_ok());
        assert!(matches!(
            operator(Some(&Secret::new("sesame")), &HeaderMap::new()),
            Err(ApiError::MissingHeader(_))
        ));
        for wrong in ["", "sesam", "sesame2", "SESAME"] {
            assert!(
                matches!(operator(Some(&Secret::new("sesame")), &with(wrong)), Err(ApiError::Forbidden(_))),
                "{wrong:?}"
            );
        }
    }
}
