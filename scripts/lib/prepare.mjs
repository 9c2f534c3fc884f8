// Brings a checkout to where its program can run: npm packages as the lock file says, TypeScript built.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { hasCode, withLock } from "./lock.mjs";
import { run, StepFailed, say } from "./run.mjs";

export const root = fileURLToPath(new URL("../..", import.meta.url));
/** Everything the scripts leave behind, ignored by git. */
export const cache = join(root, ".cache");

/**
 * Installs what is missing and builds what changed: `project` is a TypeScript project, by default all of them.
 * Output goes to standard error. Several at once wait for each other. Throws StepFailed.
 *
 * @param {{ project?: string }} [options]
 */
export async function prepare(options = {}) {
  await withLock(join(cache, "prepare.lock"), async () => {
    if (!isInstalled(root)) await install();
    await build(options.project ?? ".");
  });
}

/** @typedef {{ version?: string, integrity?: string, resolved?: string, link?: boolean, optional?: boolean, devOptional?: boolean }} LockedPackage */

/**
 * Compares the lock file with the one npm keeps of what it installed (written last, so an interrupted install
 * has none). Optional packages may be absent: they are for other platforms.
 *
 * @param {string} directory
 */
export function isInstalled(directory) {
  const wanted = lockedPackages(join(directory, "package-lock.json"));
  const present = lockedPackages(join(directory, "node_modules", ".package-lock.json"));
  if (wanted === undefined) throw new StepFailed(`${directory} has no package-lock.json`);
  if (present === undefined) return false;
  return Object.entries(wanted)
    .filter(([path]) => path.startsWith("node_modules/"))
    .every(([path, locked]) => isSatisfied(locked, present[path]));
}

/**
 * @param {LockedPackage} locked
 * @param {LockedPackage | undefined} found
 */
function isSatisfied(locked, found) {
  if (found === undefined) return locked.optional === true || locked.devOptional === true;
  if (locked.link === true) return found.link === true && found.resolved === locked.resolved;
  return found.version === locked.version && found.integrity === locked.integrity;
}

/**
 * @param {string} file
 * @returns {Record<string, LockedPackage> | undefined}
 */
function lockedPackages(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

async function install() {
  say("installing npm packages (npm ci)");
  // Development packages hold the compiler, so NODE_ENV=production must not leave them out. No package's install
  // script runs (.npmrc): nothing here needs a native toolchain.
  const status = await npm(["ci", "--include=dev"]);
  if (status !== 0) {
    throw new StepFailed(
      `npm ci failed with status ${status}: its own message is above. It needs the npm registry, and write access to ${root}.`,
    );
  }
}

/** @param {readonly string[]} args */
async function npm(args) {
  const cli = process.env["npm_execpath"];
  const [command, first] = cli?.endsWith(".js") ? [process.execPath, [cli]] : ["npm", []];
  try {
    return await run(command, [...first, ...args], { cwd: root, output: "stderr" });
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
    throw new StepFailed("npm was not found: install it beside Node.js (Debian: apt install npm)");
  }
}

/** @param {string} project */
async function build(project) {
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  const status = await run(process.execPath, [compiler, "-b", project], {
    cwd: root,
    output: "stderr",
  });
  if (status !== 0) throw new StepFailed(`the build failed: tsc -b ${project}, status ${status}`);
}
