//! The manners of the command line, as the program itself shows them: help, exit statuses, forms of output, errors, terminals.

mod errors;
mod forms;
mod help;
mod kit;
mod logs;
