// What the node is given: JSON Schema, or a schema of zod 4 (`import { z } from "zod"`; it is there,
// and `npm install zod` gives an editor its types).
export default {
  type: "object",
  properties: {
    url: { type: "string", description: "Where the hook is." },
    message: { type: "string", minLength: 1, description: "What is said." },
  },
  required: ["url", "message"],
  additionalProperties: false,
};
