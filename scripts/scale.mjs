// `npm run scale`: the tables of docs/scale.md, as Markdown on standard output.
import "./lib/require-node.mjs";
import { scaleTables } from "../bench/scale/tables.mjs";
import { main } from "./lib/main.mjs";

await main(async () => {
  process.stdout.write(scaleTables());
});
