// Makes an issue in Jira Cloud. The secret JIRA_TOKEN is an API token, and the props say where Jira is and whose token it is; or the
// secret says all of it, as a JSON object with `site`, `email` and `token`.
import { ActionNode, NodeStatus, type NodeConfiguration, type TemporalContext } from "@wayfarer-ai/btree";
import { base, failure, send } from "./http";

export const description = "Makes an issue in Jira.";
export const permissions = ["network.http", "secrets=JIRA_TOKEN"];
export const schema = {
  type: "object",
  properties: {
    site: { type: "string", description: "Where Jira is, such as `https://example.atlassian.net`; else `site` of the secret." },
    email: { type: "string", description: "Whose token it is; else `email` of the secret." },
    project: { type: "string", minLength: 1, description: "The project's key, such as `OPS`." },
    summary: { type: "string", minLength: 1, maxLength: 255, description: "One line." },
    description: { type: "string", default: "", description: "The text; an empty line begins a paragraph, and lines stay lines." },
    issueType: { type: "string", default: "Task", description: "The type's name." },
    labels: { type: "array", items: { type: "string" }, description: "Labels." },
  },
  required: ["project", "summary"],
  additionalProperties: false,
};

interface Props extends NodeConfiguration {
  site?: string;
  email?: string;
  project: string;
  summary: string;
  description?: string;
  issueType?: string;
  labels?: string[];
}

// A line as Jira's format has it: within a paragraph, lines are parted by breaks.
const line = (text: string, at: number) => [
  ...(at === 0 ? [] : [{ type: "hardBreak" }]),
  ...(text === "" ? [] : [{ type: "text", text }]),
];

// Jira takes texts as documents of its own format.
const document = (text: string) => ({
  type: "doc",
  version: 1,
  content: text
    .split(/(?:\r?\n){2,}/)
    .filter((paragraph) => paragraph.trim() !== "")
    .map((paragraph) => ({ type: "paragraph", content: paragraph.split(/\r?\n/).flatMap(line) })),
});

// Where Jira is, whose token it is, and the token: what the props say comes first.
const account = (secret: string, props: Props): { site: string; email: string; token: string } => {
  const told = secret.trimStart().startsWith("{") ? JSON.parse(secret) : { token: secret };
  const { site, email, token } = { ...told, ...(props.site && { site: props.site }), ...(props.email && { email: props.email }) };
  if (!site || !email || !token) {
    throw failure("give `site` and `email`, or make the secret JIRA_TOKEN a JSON object with `site`, `email` and `token`", "input");
  }
  return { site, email, token };
};

export class CreateJiraTicket extends ActionNode {
  constructor(private readonly props: Props) {
    super(props);
  }

  protected async executeTick(context: TemporalContext): Promise<NodeStatus> {
    const { project, summary, description = "", issueType = "Task", labels } = this.props;
    const { site, email, token } = account(await context.secret("JIRA_TOKEN"), this.props);
    const fields = {
      project: { key: project },
      summary,
      issuetype: { name: issueType },
      ...(description === "" ? {} : { description: document(description) }),
      ...(labels === undefined ? {} : { labels }),
    };
    const made = await send("Jira", `${base(site)}/rest/api/3/issue`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`${email}:${token}`)}` },
      json: { fields },
    });
    context.setResult({ id: made.id, key: made.key, url: `${base(site)}/browse/${made.key}` });
    return NodeStatus.SUCCESS;
  }
}
