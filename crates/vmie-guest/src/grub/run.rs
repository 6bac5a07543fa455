//! Running a script as far as its menu needs.

use std::collections::BTreeMap;
use std::rc::Rc;

use vmie_io::int;

use super::script::{Block, Command, MAX_PROBLEMS, Problem, parse};
use super::token::{Piece, Word};
use super::{Files, Linux, env, test};
use crate::bls::BlsEntry;

/// What a script may cost: a step per command, and one per 16 bytes that its words come to. What
/// `grub-mkconfig` writes takes some thousands.
const FUEL: u64 = 1_000_000;
/// Bytes of one word or variable; longer ones are cut. A command line of Linux has at most 4096.
const MAX_TEXT: usize = 16 << 10;
/// Variables that are kept, and bytes of all of them together.
const MAX_VARIABLES: usize = 1024;
const MAX_VARIABLE_BYTES: usize = 256 << 10;
/// Entries of one menu.
const MAX_ENTRIES: usize = 1024;
/// Words of one command.
const MAX_WORDS: usize = 1024;
/// Scripts within scripts, functions within functions, submenus within submenus.
const MAX_DEPTH: u32 = 8;

/// An entry of a menu as the script defines it.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) title: String,
    pub(super) id: Option<String>,
    pub(super) line: u32,
    pub(super) body: Body,
    /// `$1` and on, of the entry's block.
    args: Vec<String>,
}

/// What choosing an entry does.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Run(Block),
    Submenu(Block),
    Bls(Rc<BlsEntry>),
}

/// Why running stops before the end of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
    Return,
    /// The fuel is used up, or `exit`.
    Stop,
}

/// The state of a running script.
pub(super) struct Machine<'f> {
    files: &'f dyn Files,
    pub(super) variables: BTreeMap<String, String>,
    functions: BTreeMap<String, Block>,
    pub(super) items: Vec<Item>,
    pub(super) saved: BTreeMap<String, String>,
    pub(super) uses_bls: bool,
    pub(super) linux: Option<Linux>,
    pub(super) problems: Vec<Problem>,
    /// Bytes of the variables.
    held: usize,
    args: Vec<String>,
    status: bool,
    depth: u32,
    fuel: Rc<std::cell::Cell<u64>>,
    line: u32,
}

impl<'f> Machine<'f> {
    pub(super) fn new(files: &'f dyn Files, variables: BTreeMap<String, String>) -> Self {
        Self {
            files,
            variables,
            functions: BTreeMap::new(),
            items: Vec::new(),
            saved: BTreeMap::new(),
            uses_bls: false,
            linux: None,
            problems: Vec::new(),
            held: 0,
            args: Vec::new(),
            status: true,
            depth: 0,
            fuel: Rc::new(std::cell::Cell::new(FUEL)),
            line: 0,
        }
    }

    /// Another machine in the same state, with an empty menu and the same fuel; `None` when
    /// making it would use that up.
    fn fork(&self, args: &[String]) -> Option<Self> {
        let cost = int::u64_of(self.held >> 4)
            .saturating_add(int::u64_of(self.variables.len()))
            .saturating_add(int::u64_of(self.functions.len()));
        self.burn(cost).then(|| Self {
            files: self.files,
            variables: self.variables.clone(),
            functions: self.functions.clone(),
            items: Vec::new(),
            saved: self.saved.clone(),
            uses_bls: self.uses_bls,
            linux: None,
            problems: Vec::new(),
            held: self.held,
            args: args.to_vec(),
            status: true,
            depth: self.depth,
            fuel: Rc::clone(&self.fuel),
            line: self.line,
        })
    }

    /// Parses and runs a text.
    pub(super) fn script(&mut self, text: &str) {
        let (block, problems) = parse(text);
        self.problems.extend(problems);
        self.problems.truncate(MAX_PROBLEMS);
        self.run(&block);
    }

    /// What an entry would start. The machine is left as it was, but for the fuel.
    pub(super) fn boot(&self, item: &Item) -> Option<Linux> {
        let mut machine = self.fork(&item.args)?;
        match &item.body {
            Body::Run(block) => {
                machine.run(block);
            }
            Body::Bls(entry) => machine.bls_entry(entry, item.line),
            Body::Submenu(_) => {}
        }
        machine.linux
    }

    /// The machine inside a submenu, with the submenu's entries.
    pub(super) fn enter(&self, item: &Item) -> Option<Self> {
        let Body::Submenu(block) = &item.body else {
            return None;
        };
        if self.depth >= MAX_DEPTH {
            return None;
        }
        let mut machine = self.fork(&item.args)?;
        machine.depth = machine.depth.saturating_add(1);
        machine.run(block);
        Some(machine)
    }

    fn burn(&self, steps: u64) -> bool {
        match self.fuel.get().checked_sub(steps) {
            Some(left) => {
                self.fuel.set(left);
                true
            }
            None => {
                self.fuel.set(0);
                false
            }
        }
    }

    fn run(&mut self, block: &[Command]) -> Flow {
        for command in block {
            let flow = self.command(command);
            if flow != Flow::Next {
                return flow;
            }
        }
        Flow::Next
    }

    fn command(&mut self, command: &Command) -> Flow {
        if !self.burn(1) {
            return Flow::Stop;
        }
        match command {
            Command::Simple { words, block, line } => {
                self.line = *line;
                let Some(words) = self.expand(words) else {
                    return Flow::Stop;
                };
                self.simple(words, block.as_ref())
            }
            Command::If { arms, otherwise } => {
                for (condition, body) in arms {
                    match self.run(condition) {
                        Flow::Next if self.status => return self.run(body),
                        Flow::Next => {}
                        flow => return flow,
                    }
                }
                self.status = true;
                self.run(otherwise)
            }
            Command::While {
                condition,
                body,
                until,
            } => loop {
                if !self.burn(1) {
                    return Flow::Stop;
                }
                match self.run(condition) {
                    Flow::Next if self.status != *until => {}
                    Flow::Next => return Flow::Next,
                    flow => return flow,
                }
                match self.run(body) {
                    Flow::Next | Flow::Continue => {}
                    Flow::Break => return Flow::Next,
                    flow => return flow,
                }
            },
            Command::For { name, words, body } => {
                let Some(words) = self.expand(words) else {
                    return Flow::Stop;
                };
                for word in words {
                    self.set(name, word);
                    match self.run(body) {
                        Flow::Next | Flow::Continue => {}
                        Flow::Break => return Flow::Next,
                        flow => return flow,
                    }
                }
                Flow::Next
            }
            Command::Function { name, body } => {
                if self.functions.len() < MAX_VARIABLES {
                    self.functions.insert(name.clone(), Rc::clone(body));
                }
                self.status = true;
                Flow::Next
            }
        }
    }

    pub(super) fn get(&self, name: &str) -> &str {
        self.variables.get(name).map_or("", String::as_str)
    }

    fn set(&mut self, name: &str, mut value: String) {
        cut(&mut value);
        let old = self.variables.get(name).map(String::len);
        let held = self
            .held
            .saturating_sub(old.unwrap_or(0))
            .saturating_add(value.len());
        if held <= MAX_VARIABLE_BYTES && (old.is_some() || self.variables.len() < MAX_VARIABLES) {
            self.held = held;
            self.variables.insert(name.to_owned(), value);
        }
    }

    fn value(&self, name: &str) -> String {
        match name {
            "?" => u8::from(!self.status).to_string(),
            "#" => self.args.len().to_string(),
            "*" | "@" => self.args.join(" "),
            _ => match name.parse::<usize>() {
                Ok(n) => n
                    .checked_sub(1)
                    .and_then(|n| self.args.get(n))
                    .cloned()
                    .unwrap_or_default(),
                Err(_) => self.get(name).to_owned(),
            },
        }
    }

    /// The words with their variables replaced; `None` when the fuel is used up.
    fn expand(&mut self, words: &[Word]) -> Option<Vec<String>> {
        let mut fields: Vec<String> = Vec::new();
        for word in words.iter().take(MAX_WORDS) {
            // The field being written, once something makes one.
            let mut field: Option<String> = None;
            for piece in &word.pieces {
                let (value, split) = match piece {
                    Piece::Text { text, .. } => (text.clone(), false),
                    Piece::Variable { name, quoted } => (self.value(name), !quoted),
                };
                if !self.burn(int::u64_of(value.len() >> 4).saturating_add(1)) {
                    return None;
                }
                match split {
                    false => append(&mut field, &value),
                    true => {
                        if value.starts_with([' ', '\t', '\n']) {
                            fields.extend(field.take());
                        }
                        let mut parts = value.split_ascii_whitespace().peekable();
                        while let Some(part) = parts.next() {
                            append(&mut field, part);
                            if parts.peek().is_some() || value.ends_with([' ', '\t', '\n']) {
                                fields.extend(field.take());
                            }
                        }
                    }
                }
            }
            fields.extend(field);
            if fields.len() > MAX_WORDS {
                fields.truncate(MAX_WORDS);
            }
        }
        Some(fields)
    }

    fn simple(&mut self, mut words: Vec<String>, block: Option<&Block>) -> Flow {
        if words.is_empty() {
            return Flow::Next;
        }
        let name = words.remove(0);
        if let Some((variable, value)) = name.split_once('=')
            && is_name(variable)
        {
            let (variable, value) = (variable.to_owned(), value.to_owned());
            self.set(&variable, value);
            self.status = true;
            return Flow::Next;
        }
        self.status = true;
        match name.as_str() {
            "set" => self.set_command(&words),
            "unset" => {
                for word in &words {
                    let old = self.variables.remove(word);
                    self.held = self.held.saturating_sub(old.map_or(0, |old| old.len()));
                }
            }
            "load_env" => self.load_env(&words),
            "[" => {
                self.status =
                    words.pop().is_some_and(|last| last == "]") && test::holds(&words, self.files);
            }
            "test" => self.status = test::holds(&words, self.files),
            "!" => {
                let flow = self.simple(words, block);
                self.status = !self.status;
                return flow;
            }
            "menuentry" | "submenu" => self.entry(&words, block, name == "submenu"),
            "blscfg" => self.blscfg(),
            "linux" | "linux16" | "linuxefi" | "kernel" => self.linux_command(&words),
            "multiboot" | "multiboot2" | "xen_hypervisor" => {}
            "module" | "module2" | "xen_linux" if self.linux.is_none() => {
                self.linux_command(&words);
            }
            "initrd" | "initrd16" | "initrdefi" | "xen_initrd" | "module" | "module2" => {
                if let Some(linux) = &mut self.linux {
                    linux
                        .initrd
                        .extend(words.into_iter().filter(|word| !word.starts_with("--")));
                    linux.initrd.truncate(MAX_WORDS);
                }
            }
            "source" | "." => return self.source(&words, false),
            "configfile" => return self.source(&words, true),
            "return" => return Flow::Return,
            "break" => return Flow::Break,
            "continue" => return Flow::Continue,
            "exit" | "halt" | "reboot" | "fwsetup" => return Flow::Stop,
            "false" => self.status = false,
            _ => return self.call(&name, words),
        }
        Flow::Next
    }

    fn set_command(&mut self, words: &[String]) {
        for word in words {
            match word.split_once('=') {
                Some((name, value)) if is_name(name) => self.set(name, value.to_owned()),
                _ => self.status = false,
            }
        }
    }

    fn load_env(&mut self, words: &[String]) {
        let mut file = format!("{}/grubenv", self.get("prefix"));
        let mut wanted = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "-f" | "--file" => file = words.next().cloned().unwrap_or_default(),
                _ => match word.strip_prefix("--file=") {
                    Some(path) => path.clone_into(&mut file),
                    None if word.starts_with('-') => {}
                    None => wanted.push(word),
                },
            }
        }
        let variables = self.files.read(&file).and_then(|bytes| env::parse(&bytes));
        self.status = variables.is_some();
        for (name, value) in variables.unwrap_or_default() {
            if wanted.is_empty() || wanted.iter().any(|word| **word == name) {
                self.saved.insert(name.clone(), value.clone());
                self.set(&name, value);
            }
        }
    }

    fn entry(&mut self, words: &[String], block: Option<&Block>, submenu: bool) {
        let mut id = None;
        let mut positional = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--id" => id = words.next().cloned(),
                "--class" | "--users" | "--hotkey" | "--source" | "--device-path" => {
                    words.next();
                }
                _ => match word.strip_prefix("--id=") {
                    Some(value) => id = Some(value.to_owned()),
                    None if word.starts_with("--") => {}
                    None => positional.push(word.clone()),
                },
            }
        }
        let (Some(block), false) = (block, positional.is_empty()) else {
            self.status = false;
            return;
        };
        let title = positional.remove(0);
        self.push(Item {
            title,
            id,
            line: self.line,
            body: if submenu {
                Body::Submenu(Rc::clone(block))
            } else {
                Body::Run(Rc::clone(block))
            },
            args: positional,
        });
    }

    fn push(&mut self, item: Item) {
        if self.items.len() < MAX_ENTRIES {
            self.items.push(item);
        }
    }

    fn blscfg(&mut self) {
        if std::mem::replace(&mut self.uses_bls, true) {
            return;
        }
        let line = self.line;
        for entry in self.files.bls_entries() {
            self.push(Item {
                title: entry.title.clone(),
                id: Some(entry.id.clone()),
                line,
                body: Body::Bls(Rc::new(entry)),
                args: Vec::new(),
            });
        }
    }

    /// A BLS entry's values are words of the script language.
    fn bls_entry(&mut self, entry: &BlsEntry, line: u32) {
        let Some(kernel) = &entry.linux else {
            return;
        };
        let text = format!("linux {kernel} {}\n", entry.options);
        let (block, _) = parse(&text);
        self.run(&block);
        if let Some(linux) = &mut self.linux {
            linux.initrd.clone_from(&entry.initrd);
            linux.line = line;
            linux.bls = Some(entry.id.clone());
        }
    }

    fn linux_command(&mut self, words: &[String]) {
        let mut words = words.iter().filter(|word| !word.is_empty()).cloned();
        let Some(image) = words.find(|word| !word.starts_with("--")) else {
            self.status = false;
            return;
        };
        self.linux = Some(Linux {
            image,
            args: words.collect(),
            initrd: Vec::new(),
            line: self.line,
            bls: None,
        });
    }

    fn source(&mut self, words: &[String], new_menu: bool) -> Flow {
        let text = words.first().and_then(|path| self.files.read(path));
        let Some(text) = text else {
            self.status = false;
            return Flow::Next;
        };
        if self.depth >= MAX_DEPTH || !self.burn(int::u64_of(text.len() >> 4)) {
            return Flow::Stop;
        }
        if new_menu {
            self.items.clear();
        }
        self.depth = self.depth.saturating_add(1);
        let (block, _) = parse(&String::from_utf8_lossy(&text));
        let flow = self.run(&block);
        self.depth = self.depth.saturating_sub(1);
        match flow {
            Flow::Return => Flow::Next,
            flow => flow,
        }
    }

    fn call(&mut self, name: &str, words: Vec<String>) -> Flow {
        let Some(body) = self.functions.get(name).map(Rc::clone) else {
            self.status = !FAILING.contains(&name);
            return Flow::Next;
        };
        if self.depth >= MAX_DEPTH {
            return Flow::Stop;
        }
        self.depth = self.depth.saturating_add(1);
        let outer = std::mem::replace(&mut self.args, words);
        let flow = self.run(&body);
        self.args = outer;
        self.depth = self.depth.saturating_sub(1);
        match flow {
            Flow::Return => Flow::Next,
            flow => flow,
        }
    }
}

/// Commands that fail on a machine without a keyboard pressed, a network or graphics. Every other
/// command that is not run here (`insmod`, `search`, `terminal_output` …) is taken to succeed.
const FAILING: &[&str] = &[
    "keystatus",
    "loadfont",
    "regexp",
    "background_image",
    "play",
    "net_bootp",
    "lsefisystab",
    "cpuid",
];

fn append(field: &mut Option<String>, text: &str) {
    let field = field.get_or_insert_with(String::new);
    if field.len() < MAX_TEXT {
        field.push_str(text);
        cut(field);
    }
}

fn cut(text: &mut String) {
    if text.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT)
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        text.truncate(end);
    }
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
