// Installs what is missing, then builds everything: `npm run build`.
import "./lib/require-node.mjs";
import { main } from "./lib/main.mjs";
import { prepare } from "./lib/prepare.mjs";

await main(() => prepare());
