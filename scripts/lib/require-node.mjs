// Imported first by every script: says what is wrong before anything newer than an old Node understands is reached.
import { readFileSync } from "node:fs";

const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
const needed = manifest.engines.node.replace(">=", "");

/** @param {string} version */
function parts(version) {
  return version.split(".").map(Number);
}

const [major = 0, minor = 0] = parts(process.versions.node);
const [neededMajor = 0, neededMinor = 0] = parts(needed);
if (major < neededMajor || (major === neededMajor && minor < neededMinor)) {
  process.stderr.write(
    `Wattseal needs Node.js ${needed} or later; this is ${process.versions.node}. Get one from https://nodejs.org/ or your package manager.\n`,
  );
  process.exit(1);
}
