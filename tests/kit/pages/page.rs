//! Code blocks of a Markdown file.

use std::path::PathBuf;

/// What is done with a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Commands.
    Run,
    /// A command that is left running.
    Background,
    /// Commands of the Python client.
    Client,
    /// Commands that can't be run in a test.
    Exempt,
    /// What the block before prints, word for word.
    Text,
    /// What the block before prints, as JSON.
    Json,
    /// Something to look at.
    Example,
}

/// A fenced block.
#[derive(Debug, Clone)]
pub struct Block {
    /// What is done with it.
    pub kind: Kind,
    /// The line of its first line, from 1.
    pub line: usize,
    /// Its text, with a newline at the end of each line.
    pub text: String,
}

/// A document.
#[derive(Debug, Clone)]
pub struct Page {
    /// Its path from the root.
    pub path: String,
    /// Its blocks.
    pub blocks: Vec<Block>,
    /// Its lines outside of blocks, with their numbers.
    pub prose: Vec<(usize, String)>,
}

/// The root of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

impl Page {
    /// Reads a document.
    pub fn read(path: &str) -> Self {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        Self::parse(path, &text)
    }

    fn parse(path: &str, text: &str) -> Self {
        let (mut blocks, mut prose) = (Vec::new(), Vec::new());
        let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
        let mut blank = true;
        while let Some((number, line)) = lines.next() {
            let indent = line.len() - line.trim_start().len();
            let Some(info) = line.trim_start().strip_prefix("```") else {
                assert!(
                    !(blank && indent >= 4 && !line.trim().is_empty()),
                    "{path}:{number}: code blocks are written between fences, not indented"
                );
                blank = line.trim().is_empty();
                prose.push((number, line.to_owned()));
                continue;
            };
            let kind = kind(info.trim(), &format!("{path}:{number}"));
            let mut block = Block { kind, line: number + 1, text: String::new() };
            loop {
                let (_, line) =
                    lines.next().unwrap_or_else(|| panic!("{path}:{number}: the block has no end"));
                if line.trim() == "```" {
                    break;
                }
                block.text.push_str(line.get(indent..).unwrap_or_else(|| line.trim_start()));
                block.text.push('\n');
            }
            if matches!(kind, Kind::Text | Kind::Json) {
                let before = blocks.last().map(|block: &Block| block.kind);
                assert!(
                    matches!(before, Some(Kind::Run | Kind::Client | Kind::Exempt)),
                    "{path}:{number}: output stands after the commands that print it; is this an `example`?"
                );
            }
            blocks.push(block);
            blank = true;
        }
        Self { path: path.to_owned(), blocks, prose }
    }
}

fn kind(info: &str, place: &str) -> Kind {
    if let Some(reason) = info.strip_prefix("sh not run:") {
        assert!(!reason.trim().is_empty(), "{place}: say why it isn't run");
        return Kind::Exempt;
    }
    match info {
        "sh" => Kind::Run,
        "sh background" => Kind::Background,
        "sh client" => Kind::Client,
        "python" => Kind::Exempt,
        "text" => Kind::Text,
        "json" => Kind::Json,
        "text example" | "json example" | "yaml" | "sql" => Kind::Example,
        _ => panic!("{place}: a block that this test has no rule for: {info:?}"),
    }
}

#[test]
fn blocks_are_found_in_lists_too() {
    let page = Page::parse("x", "a\n\n1. b\n\n   ```sh\n   c\n     d\n   ```\n\n```json\n{}\n```\n");
    let found: Vec<_> = page.blocks.iter().map(|b| (b.kind, b.line, b.text.as_str())).collect();
    assert_eq!(found, [(Kind::Run, 6, "c\n  d\n"), (Kind::Json, 11, "{}\n")]);
    assert_eq!(page.prose.len(), 5);
}
