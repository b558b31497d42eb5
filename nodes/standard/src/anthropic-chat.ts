// One completion of a chat by Anthropic's models, with the key that the secret ANTHROPIC_API_KEY is.
import { defineNode } from "workflow-sdk";
import { base, failure, send } from "./http";

export const description = "Asks one of Anthropic's models.";
export const permissions = ["network.http", "network.http=api.anthropic.com:443", "secrets=ANTHROPIC_API_KEY"];
export const timeout = "5m";
export const schema = {
  type: "object",
  properties: {
    model: { type: "string", minLength: 1, description: "The model's name." },
    prompt: { type: "string", description: "What is asked; in the place of `messages`." },
    systemPrompt: { type: "string", description: "What the model is told before." },
    messages: {
      type: "array",
      items: {
        type: "object",
        properties: { role: { type: "string", enum: ["user", "assistant"] }, content: { type: "string" } },
        required: ["role", "content"],
      },
      description: "The conversation so far.",
    },
    temperature: { type: "number", minimum: 0, maximum: 1 },
    maxTokens: { type: "integer", minimum: 1, default: 1024 },
    baseUrl: { type: "string", default: "https://api.anthropic.com", description: "Where the service is." },
  },
  required: ["model"],
  additionalProperties: false,
};

interface Props {
  model: string;
  prompt?: string;
  systemPrompt?: string;
  messages?: { role: string; content: string }[];
  temperature?: number;
  maxTokens?: number;
  baseUrl?: string;
}

export default defineNode<Props>(async (props, context) => {
  const { model, prompt, systemPrompt, messages = [], temperature, maxTokens = 1024, baseUrl = "https://api.anthropic.com" } = props;
  const all = [...messages, ...(prompt === undefined ? [] : [{ role: "user", content: prompt }])];
  if (all.length === 0) throw failure("there is neither `prompt` nor `messages`", "input");
  const key = await context.secret("ANTHROPIC_API_KEY");
  const answer = await send("Anthropic", `${base(baseUrl)}/v1/messages`, {
    method: "POST",
    headers: { "x-api-key": key, "anthropic-version": "2023-06-01" },
    json: {
      model,
      max_tokens: maxTokens,
      messages: all,
      ...(systemPrompt === undefined ? {} : { system: systemPrompt }),
      ...(temperature === undefined ? {} : { temperature }),
    },
  });
  const parts: { type: string; text?: string }[] = answer?.content ?? [];
  const content = parts.filter((part) => part.type === "text").map((part) => part.text ?? "").join("");
  const { input_tokens = 0, output_tokens = 0 } = answer?.usage ?? {};
  return { content, stopReason: answer?.stop_reason ?? null, usage: { input: input_tokens, output: output_tokens }, model: answer?.model ?? model };
});
