//! The external form: encodings or blocks that lie as objects in an S3 store.
//!
//! `{"file":{"bucket","path","endpoint"?,"secure"?},"credentials"?:{"AccessKeyId","SecretAccessKey","SessionToken"?}}`.
//! Optional members may also be `null`. Unknown members are skipped.

use std::fmt;

use super::error::UploadError;
use super::place::Place;
use crate::codec::json::Event;

/// An upload whose data lies in an object store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalUpload {
    /// The object with the encodings.
    pub encodings: ExternalObject,
    /// The object with the blocks.
    pub blocks: Option<ExternalObject>,
}

/// One object, as the uploader names it: nothing of it has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalObject {
    pub bucket: String,
    pub path: String,
    /// The store; none means the service's own.
    pub endpoint: Option<String>,
    /// Whether the store is spoken to by TLS.
    pub secure: Option<bool>,
    pub credentials: Option<ExternalCredentials>,
}

/// Keys to an object store. They never print.
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalCredentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: Option<String>,
}

impl fmt::Debug for ExternalCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExternalCredentials(redacted)")
    }
}

/// The members that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Bucket,
    Path,
    Endpoint,
    Secure,
    AccessKeyId,
    SecretAccessKey,
    SessionToken,
}

const FIELDS: [(Group, &str, Field); 7] = [
    (Group::File, "bucket", Field::Bucket),
    (Group::File, "path", Field::Path),
    (Group::File, "endpoint", Field::Endpoint),
    (Group::File, "secure", Field::Secure),
    (Group::Credentials, "AccessKeyId", Field::AccessKeyId),
    (Group::Credentials, "SecretAccessKey", Field::SecretAccessKey),
    (Group::Credentials, "SessionToken", Field::SessionToken),
];

/// The two objects inside an external reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    File,
    Credentials,
}

impl Group {
    fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Credentials => "credentials",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between members of the reference.
    Members,
    /// A known member's value must come.
    GroupStart(Group),
    /// Between members of `file` or `credentials`.
    Group(Group),
    /// The value of a known field must come.
    Field(Group, Field),
    /// Inside an unknown value, this many containers deep (0: the value has not begun), then back.
    Skip(usize, Option<Group>),
}

/// Takes the events of one reference, from after its opening brace to its closing one.
#[derive(Debug)]
pub(super) struct ExternalParser {
    /// `encodings` or `blocks`, for error texts.
    member: &'static str,
    state: State,
    has_file: bool,
    has_credentials: bool,
    fields: Vec<(Field, String)>,
    secure: Option<bool>,
}

impl ExternalParser {
    pub(super) fn new(member: &'static str) -> Self {
        Self {
            member,
            state: State::Members,
            has_file: false,
            has_credentials: false,
            fields: Vec::new(),
            secure: None,
        }
    }

    /// Whether a member of this name marks an object as a reference.
    pub(super) fn is_marker(name: &str) -> bool {
        name == Group::File.name() || name == Group::Credentials.name()
    }

    /// Takes one event. Returns true for the closing brace of the reference.
    pub(super) fn event(&mut self, event: Event<'_>) -> Result<bool, UploadError> {
        match (self.state, event) {
            (State::Members, Event::Key(name)) => self.state = self.group(name)?,
            (State::Members, _) => return Ok(true),
            (State::GroupStart(group), Event::ObjectStart) => self.state = State::Group(group),
            (State::GroupStart(Group::Credentials), Event::Null) => {
                self.has_credentials = false;
                self.state = State::Members;
            }
            (State::GroupStart(group), found) => {
                return Err(self.wrong_type(group.name(), "an object", found));
            }
            (State::Group(group), Event::Key(name)) => {
                let known = FIELDS.iter().find(|(of, known, _)| *of == group && *known == name);
                self.state = match known {
                    Some(&(_, _, field)) => State::Field(group, field),
                    None => State::Skip(0, Some(group)),
                };
            }
            (State::Group(_), _) => self.state = State::Members,
            (State::Field(group, field), value) => {
                self.field(group, field, value)?;
                self.state = State::Group(group);
            }
            (State::Skip(depth, back), event) => {
                let depth = skip(depth, event);
                self.state = match (depth, back) {
                    (0, Some(group)) => State::Group(group),
                    (0, None) => State::Members,
                    (depth, back) => State::Skip(depth, back),
                };
            }
        }
        Ok(false)
    }

    fn group(&mut self, name: &str) -> Result<State, UploadError> {
        let (group, seen) = match name {
            "file" => (Group::File, &mut self.has_file),
            "credentials" => (Group::Credentials, &mut self.has_credentials),
            _ => return Ok(State::Skip(0, None)),
        };
        if std::mem::replace(seen, true) {
            return Err(UploadError::MemberTwice { member: format!("{}.{name}", self.member) });
        }
        Ok(State::GroupStart(group))
    }

    fn field(&mut self, group: Group, field: Field, value: Event<'_>) -> Result<(), UploadError> {
        let optional = matches!(field, Field::Endpoint | Field::Secure | Field::SessionToken);
        let twice = self.fields.iter().any(|(seen, _)| *seen == field)
            || field == Field::Secure && self.secure.is_some();
        match value {
            _ if twice => Err(UploadError::MemberTwice { member: self.path(group, field) }),
            Event::Null if optional => Ok(()),
            Event::Bool(secure) if field == Field::Secure => {
                self.secure = Some(secure);
                Ok(())
            }
            Event::String(text) if field != Field::Secure => {
                self.fields.push((field, text.to_owned()));
                Ok(())
            }
            found => {
                let wanted = if field == Field::Secure { "a boolean" } else { "a string" };
                Err(UploadError::WrongType {
                    place: Place::Member(self.path(group, field)),
                    wanted,
                    found: found.describe(),
                })
            }
        }
    }

    /// The reference, once its closing brace has come.
    pub(super) fn finish(mut self) -> Result<ExternalObject, UploadError> {
        if !self.has_file {
            return Err(UploadError::MissingMember { member: format!("{}.file", self.member) });
        }
        let credentials = if self.has_credentials {
            Some(ExternalCredentials {
                access_key_id: self.required(Group::Credentials, Field::AccessKeyId)?,
                secret_access_key: self.required(Group::Credentials, Field::SecretAccessKey)?,
                session_token: self.take(Field::SessionToken),
            })
        } else {
            None
        };
        Ok(ExternalObject {
            bucket: self.required(Group::File, Field::Bucket)?,
            path: self.required(Group::File, Field::Path)?,
            endpoint: self.take(Field::Endpoint),
            secure: self.secure,
            credentials,
        })
    }

    fn take(&mut self, field: Field) -> Option<String> {
        let position = self.fields.iter().position(|(seen, _)| *seen == field)?;
        Some(self.fields.swap_remove(position).1)
    }

    fn required(&mut self, group: Group, field: Field) -> Result<String, UploadError> {
        self.take(field).ok_or_else(|| UploadError::MissingMember { member: self.path(group, field) })
    }

    /// For instance `encodings.file.bucket`.
    fn path(&self, group: Group, field: Field) -> String {
        let name = FIELDS.iter().find(|(_, _, known)| *known == field).map_or("", |(_, name, _)| name);
        format!("{}.{}.{name}", self.member, group.name())
    }

    fn wrong_type(&self, name: &str, wanted: &'static str, found: Event<'_>) -> UploadError {
        let place = Place::Member(format!("{}.{name}", self.member));
        UploadError::WrongType { place, wanted, found: found.describe() }
    }
}

/// Follows a value that nobody wants: the new depth after `event`, 0 once the value is over.
pub(super) fn skip(depth: usize, event: Event<'_>) -> usize {
    match event {
        Event::ObjectStart | Event::ArrayStart => depth + 1,
        Event::ObjectEnd | Event::ArrayEnd => depth - 1,
        _ => depth,
    }
}
