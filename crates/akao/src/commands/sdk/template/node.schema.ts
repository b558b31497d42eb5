// What the node is given: JSON Schema, or a schema of zod 4 (`npm install zod`).
export default {
  type: "object",
  properties: {
    url: { type: "string", description: "Where the hook is." },
    message: { type: "string", minLength: 1, description: "What is said." },
  },
  required: ["url", "message"],
  additionalProperties: false,
};
