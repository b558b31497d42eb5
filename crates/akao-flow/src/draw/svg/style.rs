//! Colours, fonts and signs of the SVG picture.

use akao_contract::NodeStatus;

/// The style sheet. Every rule is bound to the picture's own class, so that it can stand in any page.
pub(super) const CSS: &str = "
.akao-workflow{--page:#fff;--ink:#0f172a;--muted:#64748b;--card:#fff;--rim:#dbe1ea;--edge:#b6c0ce;--need:#64748b;--frame:#f6f8fb;--badge:#eef2f7;--composite:#4f46e5;--decorator:#9333ea;--waiting:#d97706;--leaf:#475569;--package:#0e7490;--success:#16a34a;--failure:#dc2626;--running:#2563eb;--skipped:#94a3b8;--cancelled:#b45309;font-family:ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}
@media (prefers-color-scheme:dark){.akao-workflow{--page:#0b1120;--ink:#e5eaf2;--muted:#93a1b5;--card:#151d2e;--rim:#2c384d;--edge:#41506a;--need:#93a1b5;--frame:#0f1727;--badge:#222d41;--composite:#818cf8;--decorator:#c084fc;--waiting:#fbbf24;--leaf:#94a3b8;--package:#22d3ee;--success:#4ade80;--failure:#f87171;--running:#60a5fa;--skipped:#64748b;--cancelled:#fb923c}}
.akao-workflow .page{fill:var(--page)}
.akao-workflow text{fill:var(--ink);font-size:12px}
.akao-workflow .heading{font-size:18px;font-weight:650}
.akao-workflow .version,.akao-workflow .tree{fill:var(--muted);font-size:12px}
.akao-workflow .tree{font-weight:600;letter-spacing:.02em}
.akao-workflow .edge,.akao-workflow .need{fill:none;stroke:var(--edge);stroke-width:1.5}
.akao-workflow .need{stroke:var(--need)}
.akao-workflow .head{fill:var(--need)}
.akao-workflow .frame{fill:var(--frame);stroke:var(--rim)}
.akao-workflow .group{fill:none;stroke:var(--edge);stroke-dasharray:4 4}
.akao-workflow text.role{fill:var(--muted);font-size:10.5px;text-anchor:end;paint-order:stroke;stroke:var(--page);stroke-width:3px}
.akao-workflow .card{fill:var(--card);stroke:var(--rim)}
.akao-workflow .composite{--kind:var(--composite)}
.akao-workflow .decorator{--kind:var(--decorator)}
.akao-workflow .waiting{--kind:var(--waiting)}
.akao-workflow .leaf{--kind:var(--leaf)}
.akao-workflow .package{--kind:var(--package)}
.akao-workflow circle.sign{fill:var(--kind);fill-opacity:.14}
.akao-workflow text.sign{fill:var(--kind);font-size:12px;font-weight:700;text-anchor:middle}
.akao-workflow text.title{font-size:13px;font-weight:600}
.akao-workflow text.type{fill:var(--kind);font-size:11px}
.akao-workflow text.summary{fill:var(--muted);font-size:10.5px;font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}
.akao-workflow rect.badge{fill:var(--badge)}
.akao-workflow text.badge{fill:var(--muted);font-size:10.5px}
.akao-workflow .success{--state:var(--success)}
.akao-workflow .failure{--state:var(--failure)}
.akao-workflow .running{--state:var(--running)}
.akao-workflow .skipped{--state:var(--skipped)}
.akao-workflow .cancelled{--state:var(--cancelled)}
.akao-workflow circle.state{fill:var(--state)}
.akao-workflow text.state{fill:var(--card);font-size:11px;font-weight:700;text-anchor:middle}
.akao-workflow .success .card,.akao-workflow .failure .card,.akao-workflow .running .card,.akao-workflow .cancelled .card{stroke:var(--state);stroke-width:1.8}
.akao-workflow .skipped .card{stroke-dasharray:4 4}
";

/// The sign of a node type: an arrow or mark for control nodes, else the first letter.
pub(super) fn sign(node_type: &str) -> String {
    let sign = match node_type {
        "Sequence" | "MemorySequence" | "ReactiveSequence" => "→",
        "Selector" | "Fallback" | "ReactiveSelector" | "Conditional" => "?",
        "Parallel" => "⇉",
        "Graph" => "∴",
        "Switch" => "⑂",
        "Race" => "»",
        "ForEach" | "While" | "Repeat" | "Retry" => "↻",
        "Recovery" => "↺",
        "SubTree" | "SubWorkflow" => "↳",
        "Invert" => "¬",
        other => {
            let unversioned = other.split('@').next().unwrap_or(other);
            let name = unversioned.rsplit(['.', '/']).next().unwrap_or(other);
            let first = name.chars().find(|c| c.is_alphanumeric()).unwrap_or('•');
            return first.to_uppercase().collect();
        }
    };
    sign.to_owned()
}

/// What a state looks like without colour.
pub(super) fn status_sign(status: NodeStatus) -> &'static str {
    match status {
        NodeStatus::Running => "…",
        NodeStatus::Success => "✓",
        NodeStatus::Failure => "×",
        NodeStatus::Skipped => "–",
        NodeStatus::Cancelled => "■",
    }
}
