//! What is called: a node that answers with its input, made with the SDK of each language, and beside it a bare echo in the
//! same language, which reads a line, parses it and answers with the same words and does nothing else.

use akao_node::{Context, Failure, Node, Package};
use akao_nodes::{Pinned, pin};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command},
};

/// The node of every package here.
pub(super) const NODE: &str = "com.example.echo";

/// The argument by which this program becomes the bare echo in Rust.
const BARE: &str = "--serve-as-bare-echo";

/// The argument by which this program becomes the node in Rust.
const AS_NODE: &str = "--serve-as-node";

/// A language in which nodes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Rust,
    Python,
    Node,
}

impl Language {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Python => "Python",
            Self::Node => "Node.js",
        }
    }

    fn runtime(self) -> (&'static str, &'static str) {
        match self {
            Self::Rust => ("executable", "echo"),
            Self::Python => ("python", "main.py"),
            Self::Node => ("node", "main.mjs"),
        }
    }

    /// A package of the node, in `folder`.
    pub(super) fn package(self, folder: &Path, concurrency: u32) -> Pinned {
        let (kind, command) = self.runtime();
        let arguments = if self == Self::Rust { format!(", args: [{AS_NODE}]") } else { String::new() };
        let manifest = format!(
            "manifest: 1\nid: {NODE}\nname: Echo\nversion: 1.0.0\nruntime:\n  type: {kind}\n  command: ./{command}\n  \
             instances: {{ max: 1, concurrency: {concurrency}, recycle_after: 10000000 }}{}\n\
             resources: {{ memory: 2GB, cpu: 1000m, pids: 256, timeout: 60s }}\n\
             inputs: {{ text: {{ type: string }} }}\noutputs: {{ text: {{ type: string }} }}\n\
             main_output: text\neffects: none\n",
            arguments.replace(", args", "\n  args"),
        );
        fs::write(folder.join("_.yaml"), manifest).expect("a manifest");
        match self {
            Self::Rust => {
                fs::copy(std::env::current_exe().expect("this program"), folder.join(command)).expect("a copy");
            }
            Self::Python => {
                copy(&sdk("python/src/akao"), &folder.join("akao"), "py");
                fs::write(folder.join(command), PYTHON_NODE).expect("a file");
            }
            Self::Node => {
                copy(&sdk("typescript/dist"), &folder.join("akao"), "js");
                fs::copy(sdk("typescript/dist/package.json"), folder.join("akao/package.json")).expect("a file");
                fs::write(folder.join(command), NODE_NODE).expect("a file");
            }
        }
        pin(folder).expect("the package is sound")
    }

    /// The bare echo, with a socket to it.
    pub(super) fn bare(self, folder: &Path) -> Bare {
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        let mut command = match self {
            Self::Rust => {
                let mut command = Command::new(std::env::current_exe().expect("this program"));
                command.arg(BARE);
                command
            }
            Self::Python => script("/usr/bin/python3", folder, "bare.py", PYTHON_BARE),
            Self::Node => script("node", folder, "bare.mjs", NODE_BARE),
        };
        let back: OwnedFd = theirs.try_clone().expect("a second handle").into();
        let child = command.stdin(OwnedFd::from(theirs)).stdout(back).spawn().expect("the peer starts");
        Bare { child, reader: BufReader::new(ours.try_clone().expect("a second handle")), socket: ours }
    }
}

fn script(interpreter: &str, folder: &Path, name: &str, text: &str) -> Command {
    let file = folder.join(name);
    fs::write(&file, text).expect("a file");
    let mut command = Command::new(interpreter);
    command.arg(file);
    command
}

fn sdk(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk").join(path)
}

fn copy(from: &Path, to: &Path, extension: &str) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("the SDK").map(|entry| entry.expect("an entry").path()) {
        if entry.extension().is_some_and(|found| found == extension) {
            fs::copy(&entry, to.join(entry.file_name().expect("a name"))).expect("a copy");
        }
    }
}

/// A bare echo that runs.
pub(super) struct Bare {
    child: Child,
    reader: BufReader<UnixStream>,
    socket: UnixStream,
}

impl Bare {
    /// Writes a request.
    pub(super) fn send(&mut self, id: usize, text: &str) {
        let line = json!({"jsonrpc": "2.0", "id": id.to_string(), "method": "node.execute",
            "params": {"context": {"workflow_id": "bench", "execution_id": "01M8KXVXVWNGM53Z9XGKP943AG", "step": "/0"},
                "parameters": {"text": text}}});
        self.socket.write_all(format!("{line}\n").as_bytes()).expect("the peer reads");
    }

    /// Reads an answer and takes the outputs.
    pub(super) fn receive(&mut self) -> Value {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("the peer answers");
        let mut answer: Value = serde_json::from_str(&line).expect("the peer answers in JSON");
        answer["result"]["outputs"].take()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // It ends with its socket; what does not is ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Becomes one of the peers when this program was started as one.
pub(crate) fn serve_as_peer() {
    let argument = std::env::args().nth(1);
    match argument.as_deref() {
        Some(BARE) => bare_echo(),
        Some(AS_NODE) => node_echo(),
        _ => return,
    }
    std::process::exit(0);
}

/// Reads and writes the socket that it has as both of its usual streams.
fn bare_echo() {
    let (stdin, mut stdout) = (std::io::stdin().lock(), std::io::stdout().lock());
    for line in stdin.lines() {
        let request: Value = serde_json::from_str(&line.expect("the host writes text")).expect("the host sends JSON");
        let answer = json!({"jsonrpc": "2.0", "id": request["id"],
            "result": {"success": true, "outputs": request["params"]["parameters"]}});
        stdout.write_all(format!("{answer}\n").as_bytes()).and_then(|()| stdout.flush()).expect("the host reads");
    }
}

akao_node::inputs! {
    /// What the node takes.
    struct Echo {
        text: String = String::new(),
    }
}

fn node_echo() {
    let echo = |_: &Context, inputs: Echo| -> Result<Value, Failure> { Ok(json!({"text": inputs.text})) };
    akao_node::serve(Package::new(NODE, "1.0.0"), vec![Node::new(NODE, echo)]);
}

const PYTHON_NODE: &str = "from akao import node, serve\n\n\n@node(\"com.example.echo\")\ndef echo(context, text: str = \"\"):\n    \
                           return {\"text\": text}\n\n\nif __name__ == \"__main__\":\n    serve(echo, version=\"1.0.0\")\n";

const PYTHON_BARE: &str = "import json, os, sys\nfor line in sys.stdin.buffer:\n    \
                           r = json.loads(line)\n    os.write(1, (json.dumps({'jsonrpc': '2.0', 'id': r['id'], 'result': \
                           {'success': True, 'outputs': r['params']['parameters']}}) + '\\n').encode())\n";

const NODE_NODE: &str = "import { node, serve } from './akao/index.js';\nconst echo = node('com.example.echo', { inputs: { text: { type: \
                         'string' } } }, (context, { text }) => ({ text }));\nserve(echo, { version: '1.0.0' });\n";

const NODE_BARE: &str = "let rest = '';\nprocess.stdin.setEncoding('utf8');\nprocess.stdin.on('data', (data) => {\n  rest += data;\n  let at;\n  let out = '';\n  while \
                         ((at = rest.indexOf('\\n')) >= 0) {\n    const r = JSON.parse(rest.slice(0, at));\n    rest = rest.slice(at + 1);\n    \
                         out += JSON.stringify({ jsonrpc: '2.0', id: r.id, result: { success: true, outputs: r.params.parameters } }) + \
                         '\\n';\n  }\n  if (out) process.stdout.write(out);\n});\n";
