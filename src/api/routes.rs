//! All routes of the API, in one table: the router is built from it, and a test compares it with the OpenAPI document.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{self, MethodRouter};
use tower::ServiceExt;

use super::layers::{cors, paths, protection, rate_limit, refusals, request_log};
use super::problem::ApiError;
use super::state::ApiState;
use super::{health, monitor, openapi, pages, projects, runs, status, uploads, version};
use crate::config::Switch;

/// One method of one path.
pub struct Route {
    /// `get`, `post` or `delete`.
    pub method: &'static str,
    /// The path's template, parameters in braces.
    pub path: &'static str,
    handler: fn() -> MethodRouter<Arc<ApiState>>,
}

macro_rules! routes {
    ($($method:ident $path:literal $handler:path;)*) => {
        &[$(Route { method: stringify!($method), path: $path, handler: || routing::$method($handler) }),*]
    };
}

/// All routes of the API. `GET` stands for `HEAD` as well.
pub const ROUTES: &[Route] = routes! {
    get "/health/live" health::live;
    get "/health/ready" health::ready;
    get "/api/v1/openapi.json" openapi::get;
    get "/api/v1/status" status::get;
    get "/api/v1/monitor" monitor::get;
    get "/api/v1/version" version::get;
    get "/api/v1/projects" projects::list::get;
    post "/api/v1/projects" projects::create::post;
    get "/api/v1/projects/{project_id}" projects::get::get;
    delete "/api/v1/projects/{project_id}" projects::delete::delete;
    get "/api/v1/projects/{project_id}/parties" projects::parties::get;
    get "/api/v1/projects/{project_id}/authorize-external-upload" projects::external_upload::get;
    post "/api/v1/projects/{project_id}/clks" uploads::json::post;
    post "/api/v1/projects/{project_id}/binaryclks" uploads::binary::post;
    get "/api/v1/projects/{project_id}/runs" runs::list::get;
    post "/api/v1/projects/{project_id}/runs" runs::create::post;
    get "/api/v1/projects/{project_id}/runs/{run_id}" runs::get::get;
    delete "/api/v1/projects/{project_id}/runs/{run_id}" runs::delete::delete;
    get "/api/v1/projects/{project_id}/runs/{run_id}/status" runs::status::get;
    get "/api/v1/projects/{project_id}/runs/{run_id}/result" runs::result::get;
    get "/api/v1/projects/{project_id}/runs/{run_id}/summary" runs::summary::get;
};

/// The whole API as a service, and the pages if they are on.
pub fn router(state: Arc<ApiState>) -> Router {
    let mut routes = Router::new();
    for route in ROUTES {
        routes = routes.route(route.path, (route.handler)());
    }
    if state.settings.pages == Switch::On {
        routes = pages::add(routes);
    }
    let routes = routes
        .fallback(|| async { ApiError::NoSuchPath })
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
        .layer(from_fn_with_state(state.clone(), refusals::watch))
        .layer(from_fn_with_state(state.clone(), rate_limit::limit))
        .layer(from_fn_with_state(state.clone(), cors::cors))
        .layer(from_fn(protection::protect))
        .layer(from_fn_with_state(state.clone(), request_log::log))
        .with_state(state);
    // Paths must be tidied before they are matched, so that this can't be a layer of the router itself.
    Router::new().fallback(move |request: Request| routes.clone().oneshot(paths::tidy(request)))
}
