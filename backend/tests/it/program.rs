//! The binary in a process of its own: signals, the log, exit codes, and its other commands.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use crate::support::{SECRET, TIMEOUT};

/// A process, which is killed when the value is dropped.
struct Process {
    child: Child,
    /// The lines that it writes to stderr.
    lines: UnboundedReceiver<String>,
}

impl Process {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = unbounded_channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    /// The next line; none after the last.
    async fn line(&mut self) -> Option<String> {
        let line = timeout(TIMEOUT, self.lines.recv()).await;
        line.expect("the process logs nothing and does not end")
    }

    /// Waits for its end. Returns the rest of its stderr, too.
    async fn wait(&mut self) -> (ExitStatus, String) {
        let mut text = String::new();
        while let Some(line) = self.line().await {
            text += &line;
            text.push('\n');
        }
        (self.child.wait().unwrap(), text)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command with nothing in its environment but the file that an instrumented program writes its coverage to.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    command.envs(std::env::var_os("LLVM_PROFILE_FILE").map(|file| ("LLVM_PROFILE_FILE", file)));
    command
}

/// A command that runs the binary.
pub fn docket() -> Command {
    command(env!("CARGO_BIN_EXE_docket"))
}

/// The first flags of every server. A flag that is repeated replaces the one before.
const FIXED: [&str; 4] = ["--bind", "127.0.0.1:0", "--better-auth-secret", SECRET];

/// A server in its own process.
pub struct Program {
    pub address: SocketAddr,
    /// What has been read of its log so far: at least until it listens.
    pub log: String,
    process: Process,
}

impl Program {
    pub async fn start(flags: &[&str]) -> Self {
        Self::listening(docket().args(FIXED).args(flags)).await
    }

    /// As under `ulimit -n`.
    pub async fn start_with_descriptors(descriptors: u32, flags: &[&str]) -> Self {
        let script = format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"");
        let mut shell = command("/bin/sh");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_docket")]);
        shell.args(FIXED).args(flags);
        Self::listening(&mut shell).await
    }

    async fn listening(command: &mut Command) -> Self {
        let mut program = Self {
            address: SocketAddr::from(([0; 4], 0)),
            log: String::new(),
            process: Process::start(command),
        };
        let line = program.line_with("listening on http://").await;
        let (_, address) = line.split_once("listening on http://").unwrap();
        // In JSON, the text ends with a quote.
        program.address = address.split('"').next().unwrap().parse().unwrap();
        program
    }

    /// Its address as a URL, without a path.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next line of the log that contains `text`.
    pub async fn line_with(&mut self, text: &str) -> String {
        loop {
            let line = self.process.line().await;
            let line = line.unwrap_or_else(|| panic!("the server ended before it logged \"{text}\": {}", self.log));
            self.log += &line;
            self.log.push('\n');
            if line.contains(text) {
                return line;
            }
        }
    }

    /// The first line of the log since the start that contains `text`.
    pub async fn first_line_with(&mut self, text: &str) -> String {
        let read = self.log.lines().find(|line| line.contains(text)).map(str::to_owned);
        match read {
            Some(line) => line,
            None => self.line_with(text).await,
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.process.child.id().try_into().unwrap()).unwrap()
    }

    /// Waits for its end. Returns the exit code; none if a signal killed it.
    pub async fn exit_code(mut self) -> Option<i32> {
        self.process.wait().await.0.code()
    }

    /// Stops the server as an operator does. Returns its whole log.
    pub async fn stop(mut self) -> String {
        self.signal(Signal::TERM);
        let (status, rest) = self.process.wait().await;
        assert_eq!(status.code(), Some(0), "{rest}");
        self.log + &rest
    }

    /// Kills the server, as a crash does.
    pub async fn kill(self) {
        self.signal(Signal::KILL);
        assert_eq!(self.exit_code().await, None);
    }
}

/// The end of a command.
#[derive(Debug)]
pub struct Output {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command of the program, such as `backup`, to its end.
pub async fn run(mut command: Command) -> Output {
    let output = tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output());
    let output = output.await.unwrap().unwrap();
    Output {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The error message of a server that refuses to start with these environment variables.
pub async fn refusal(environment: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = docket();
    command.current_dir(folder.path()).envs(environment.iter().copied());
    let (status, text) = Process::start(&mut command).wait().await;
    assert!(!status.success());
    text
}
