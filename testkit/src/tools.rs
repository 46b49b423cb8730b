//! The program itself on the data folder of a stopped site.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

/// `madang` as it was built for a test: `Madang(env!("CARGO_BIN_EXE_madang"))`.
#[derive(Debug, Clone, Copy)]
pub struct Madang(pub &'static str);

impl Madang {
    /// Runs it on this folder; what is in `input` is its standard input.
    ///
    /// # Panics
    /// When it cannot be run.
    pub fn run(self, data: &Path, words: &[&str], input: &str) -> Output {
        let mut command = Command::new(self.0);
        command.args(words).arg("--data-dir").arg(data);
        command.current_dir(data.parent().expect("a folder above"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = command.stderr(Stdio::piped()).spawn().expect("madang");
        let mut stdin = running.stdin.take().expect("its input");
        stdin.write_all(input.as_bytes()).expect("written");
        drop(stdin);
        running.wait_with_output().expect("its end")
    }

    /// What it prints.
    ///
    /// # Panics
    /// When it does not succeed.
    pub fn printed(self, data: &Path, words: &[&str], input: &str) -> String {
        let output = self.run(data, words, input);
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {why}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs it where it has to refuse, and to say why.
    ///
    /// # Panics
    /// When it succeeds, or says something else.
    pub fn refused(self, data: &Path, words: &[&str], because: &str) {
        let output = self.run(data, words, "");
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{words:?} was done");
        assert!(why.contains(because), "{words:?}: {why}");
    }
}
