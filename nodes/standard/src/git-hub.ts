// One operation on a repository of GitHub, with the token that the secret GITHUB_TOKEN is.
import { defineNode } from "workflow-sdk";
import { base, failure, send } from "./http";

export const description = "Works on issues, pull requests and releases of a repository of GitHub.";
export const permissions = ["network.http", "network.http=api.github.com:443", "secrets=GITHUB_TOKEN"];
export const schema = {
  type: "object",
  properties: {
    operation: {
      type: "string",
      enum: ["createIssue", "listIssues", "addLabels", "createComment", "createPullRequest", "getPullRequest", "mergePullRequest", "createRelease"],
      description: "What is done.",
    },
    repo: { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9-]*/[\\w.-]*[\\w-][\\w.-]*$", description: "Owner and name: `octo/hello`." },
    number: { type: "integer", minimum: 1, description: "The issue or pull request." },
    params: { type: "object", description: "What the operation takes, by GitHub's own names.", default: {} },
    apiUrl: { type: "string", default: "https://api.github.com", description: "Where GitHub's API is." },
  },
  required: ["operation", "repo"],
  additionalProperties: false,
};

interface Props {
  operation: string;
  repo: string;
  number?: number;
  params?: Record<string, unknown>;
  apiUrl?: string;
}

const OPERATIONS: Record<string, [method: string, path: string]> = {
  createIssue: ["POST", "/issues"],
  listIssues: ["GET", "/issues"],
  addLabels: ["POST", "/issues/{number}/labels"],
  createComment: ["POST", "/issues/{number}/comments"],
  createPullRequest: ["POST", "/pulls"],
  getPullRequest: ["GET", "/pulls/{number}"],
  mergePullRequest: ["PUT", "/pulls/{number}/merge"],
  createRelease: ["POST", "/releases"],
};

export default defineNode<Props>(async ({ operation, repo, number, params = {}, apiUrl = "https://api.github.com" }, context) => {
  const [method, path] = OPERATIONS[operation];
  if (path.includes("{number}") && number === undefined) throw failure(`${operation} needs \`number\``, "input");
  const query = method === "GET" && Object.keys(params).length > 0 ? `?${new URLSearchParams(Object.entries(params).map(([key, value]) => [key, String(value)] as [string, string]))}` : "";
  const token = await context.secret("GITHUB_TOKEN");
  return send("GitHub", `${base(apiUrl)}/repos/${repo}${path.replace("{number}", String(number))}${query}`, {
    method,
    headers: { authorization: `Bearer ${token}`, accept: "application/vnd.github+json", "x-github-api-version": "2022-11-28" },
    json: method === "GET" ? undefined : params,
  });
});
