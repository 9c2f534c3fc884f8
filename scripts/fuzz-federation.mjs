// `npm run fuzz:federation [-- inputs [seed]]`
import "./lib/require-node.mjs";
import { fuzzCommand } from "./lib/fuzz/command.mjs";

await fuzzCommand({
  name: "fuzz:federation",
  what: "Throws random and damaged inputs at every decoder between a broker and a federation or a gateway, and at a\nworker on a store, and fails on anything but a refusal.",
  load: async () => (await import("./lib/fuzz-federation.mjs")).fuzzFederation,
});
