// `npm run vectors`: writes docs/firmware/vectors/ and docs/firmware/example.md.
import "./lib/require-node.mjs";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { main } from "./lib/main.mjs";
import { prepare, root } from "./lib/prepare.mjs";
import { say } from "./lib/run.mjs";

await main(async () => {
  await prepare({ project: "packages/can-protocol" });
  const { files } = await import("./lib/firmware/files.mjs");
  for (const [path, text] of files()) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    say(`wrote ${path}`);
  }
});
