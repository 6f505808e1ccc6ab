//! The documents are true: their links lead somewhere, every setting and message that they name exists, and every request is shown.
//! That their commands run, too, is seen in the next tier, because they take curl, jq and sqlite3.

mod endpoints;
mod exempt;
mod links;
mod messages;
mod settings;

use crate::kit::pages::pages;

#[test]
fn what_is_not_run_is_listed_with_its_reason() {
    exempt::check(&pages());
}

#[test]
fn links_lead_to_files_and_headings() {
    links::check();
}

#[test]
fn the_index_names_every_page() {
    links::check_index(&pages());
}

#[test]
fn every_setting_and_flag_of_the_pages_exists() {
    settings::check_named(&pages());
}

#[test]
fn every_setting_is_in_the_table_of_settings() {
    settings::check_table();
}

#[test]
fn every_request_of_the_api_is_shown_with_curl() {
    endpoints::check();
}

#[test]
fn messages_of_the_troubleshooting_page_are_the_programs_own() {
    messages::check();
}
