// Posts a message to a channel of Slack, as an app whose token the secret SLACK_TOKEN is (scope `chat:write`).
import { ActionNode, NodeStatus, type NodeConfiguration, type TemporalContext } from "@wayfarer-ai/btree";
import { base, failure, send } from "./http";

export const description = "Posts a message to a channel of Slack.";
export const permissions = ["network.http", "network.http=slack.com:443", "secrets=SLACK_TOKEN"];
export const schema = {
  type: "object",
  properties: {
    channel: { type: "string", minLength: 1, description: "The channel's id or name, such as `#alerts`." },
    message: { type: "string", minLength: 1, maxLength: 40000, description: "The text, in Slack's own marks." },
    threadTs: { type: "string", description: "The message that is answered." },
    apiUrl: { type: "string", default: "https://slack.com/api", description: "Where Slack's API is." },
  },
  required: ["channel", "message"],
  additionalProperties: false,
};

interface Props extends NodeConfiguration {
  channel: string;
  message: string;
  threadTs?: string;
  apiUrl?: string;
}

export class SendSlackMessage extends ActionNode {
  constructor(private readonly props: Props) {
    super(props);
  }

  protected async executeTick(context: TemporalContext): Promise<NodeStatus> {
    const { channel, message, threadTs, apiUrl = "https://slack.com/api" } = this.props;
    const token = await context.secret("SLACK_TOKEN");
    const answer = await send("Slack", `${base(apiUrl)}/chat.postMessage`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      json: { channel, text: message, ...(threadTs === undefined ? {} : { thread_ts: threadTs }) },
    });
    // Slack answers 200 also where it refuses.
    if (answer?.ok !== true) {
      const error = String(answer?.error ?? "no reason");
      const kind = ["invalid_auth", "not_authed", "token_revoked", "missing_scope"].includes(error) ? "permission" : error === "channel_not_found" ? "not_found" : "user";
      throw failure(`Slack refuses: ${error}`, kind, error === "ratelimited");
    }
    context.setResult({ channel: answer.channel, ts: answer.ts });
    return NodeStatus.SUCCESS;
  }
}
