// `npm run fuzz:link [-- inputs [seed]]`
import "./lib/require-node.mjs";
import { fuzzCommand } from "./lib/fuzz/command.mjs";

await fuzzCommand({
  name: "fuzz:link",
  what: "Throws random and damaged inputs at every decoder that faces the module bus, and fails on anything but a refusal.",
  load: async () => (await import("./lib/fuzz-link.mjs")).fuzzLink,
});
