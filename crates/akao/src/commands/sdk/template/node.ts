// A node of one call. What it says of itself is plain data, which is read without running it.
import { ActionNode, NodeStatus, type NodeConfiguration, type TemporalContext } from "@wayfarer-ai/btree";

export const description = "Posts a message to a web hook.";
// The hosts that `fetch` may reach, and the secrets that may be asked for.
export const permissions = ["network.http=hooks.example.com:443"];

interface Props extends NodeConfiguration {
  url: string;
  message: string;
}

export class NodeName extends ActionNode {
  constructor(private readonly props: Props) {
    super(props);
  }

  protected async executeTick(context: TemporalContext): Promise<NodeStatus> {
    const { url, message } = this.props;
    const answer = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ text: message }),
    });
    if (!answer.ok) throw new Error(`the hook answered ${answer.status}: ${await answer.text()}`);
    context.log.info(`sent ${message.length} characters`);
    context.setResult({ status: answer.status });
    return NodeStatus.SUCCESS;
  }
}
