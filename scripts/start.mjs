// `npm start -- …`: `wattseal start …` on a checkout where nothing was done before.
import "./lib/require-node.mjs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { main } from "./lib/main.mjs";
import { prepare, root } from "./lib/prepare.mjs";

await main(async () => {
  await prepare({ project: "packages/wattseal" });
  // In this process, not in a child: signals, terminal and exit status are then the program's own.
  const program = join(root, "packages", "wattseal", "bin", "wattseal.mjs");
  process.argv.splice(1, 1, program, "start");
  await import(pathToFileURL(program).href);
});
