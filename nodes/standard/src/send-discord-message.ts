// Posts a message to a channel of Discord, as a bot whose token the secret DISCORD_TOKEN is.
import { defineNode } from "workflow-sdk";
import { base, send } from "./http";

export const description = "Posts a message to a channel of Discord.";
export const permissions = ["network.http", "network.http=discord.com:443", "secrets=DISCORD_TOKEN"];
export const schema = {
  type: "object",
  properties: {
    channel: { type: "string", pattern: "^[0-9]+$", description: "The channel's id." },
    message: { type: "string", minLength: 1, maxLength: 2000, description: "The text." },
    apiUrl: { type: "string", default: "https://discord.com/api/v10", description: "Where Discord's API is." },
  },
  required: ["channel", "message"],
  additionalProperties: false,
};

interface Props {
  channel: string;
  message: string;
  apiUrl?: string;
}

export default defineNode<Props>(async ({ channel, message, apiUrl = "https://discord.com/api/v10" }, context) => {
  const token = await context.secret("DISCORD_TOKEN");
  const sent = await send("Discord", `${base(apiUrl)}/channels/${channel}/messages`, {
    method: "POST",
    // Discord asks bots to say what they are, in this form.
    headers: { authorization: `Bot ${token}`, "user-agent": "DiscordBot (https://github.com/akaoio/akao, 1.0.0)" },
    // Nobody is called who is only named in the text.
    json: { content: message, allowed_mentions: { parse: [] } },
  });
  return { id: sent.id, channel: sent.channel_id };
});
