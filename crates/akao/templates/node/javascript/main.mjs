/** Greets somebody, as often as wanted. */

import { Failure, node, serve } from "./akao/index.js";

const greet = node(
  "com.example.my-node",
  { inputs: { name: { type: "string", required: true }, times: { type: "integer", default: 1 } } },
  async (context, { name, times }) => {
    if (name === "") throw new Failure("input", "the name is empty");
    for (let index = 1; index <= times; index++) {
      context.checkCancelled();
      context.progress(index / times, `greeting ${index}`);
    }
    context.log("info", "greeted", { name });
    return { text: Array(times).fill(`Hello ${name}`).join(", ") };
  },
);

serve(greet, { version: "1.0.0" });
