// One completion of a chat by any service that speaks OpenAI's protocol, with the key that the secret OPENAI_API_KEY is.
import { defineNode } from "workflow-sdk";
import { base, failure, send } from "./http";

export const description = "Asks a model by OpenAI's protocol, which many services and local servers speak.";
export const permissions = ["network.http", "secrets=OPENAI_API_KEY"];
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
        properties: { role: { type: "string", enum: ["system", "user", "assistant"] }, content: { type: "string" } },
        required: ["role", "content"],
      },
      description: "The conversation so far.",
    },
    temperature: { type: "number", minimum: 0, maximum: 2 },
    maxTokens: { type: "integer", minimum: 1 },
    responseFormat: { type: "string", enum: ["text", "json"], default: "text", description: "`json`: the answer is read as JSON." },
    baseUrl: { type: "string", default: "https://api.openai.com/v1", description: "Where the service is." },
  },
  required: ["model"],
  additionalProperties: false,
};

interface Message {
  role: string;
  content: string;
}
interface Props {
  model: string;
  prompt?: string;
  systemPrompt?: string;
  messages?: Message[];
  temperature?: number;
  maxTokens?: number;
  responseFormat?: "text" | "json";
  baseUrl?: string;
}

// Models that think before they answer count the thinking as well, and take the limit by another name.
const limitOf = (model: string, tokens: number) =>
  /^(.*\/)?(o\d|gpt-5)/.test(model) ? { max_completion_tokens: tokens } : { max_tokens: tokens };

export default defineNode<Props>(async (props, context) => {
  const { model, prompt, systemPrompt, messages = [], temperature, maxTokens, responseFormat = "text", baseUrl = "https://api.openai.com/v1" } = props;
  const all: Message[] = [
    ...(systemPrompt === undefined ? [] : [{ role: "system", content: systemPrompt }]),
    ...messages,
    ...(prompt === undefined ? [] : [{ role: "user", content: prompt }]),
  ];
  if (all.length === 0) throw failure("there is neither `prompt` nor `messages`", "input");
  const key = await context.secret("OPENAI_API_KEY");
  const answer = await send("the model's service", `${base(baseUrl)}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}` },
    json: {
      model,
      messages: all,
      ...(temperature === undefined ? {} : { temperature }),
      ...(maxTokens === undefined ? {} : limitOf(model, maxTokens)),
      ...(responseFormat === "json" ? { response_format: { type: "json_object" } } : {}),
    },
  });
  const choice = answer?.choices?.[0];
  if (typeof choice?.message?.content !== "string") throw failure("the model's service gave no text", "user");
  const text: string = choice.message.content;
  let content: unknown = text;
  if (responseFormat === "json") {
    try {
      content = JSON.parse(text);
    } catch {
      throw failure(`the model's answer is not JSON: ${text.slice(0, 200)}`, "user", true);
    }
  }
  const { prompt_tokens = 0, completion_tokens = 0 } = answer.usage ?? {};
  return { content, finishReason: choice.finish_reason ?? null, usage: { input: prompt_tokens, output: completion_tokens }, model: answer.model ?? model };
});
