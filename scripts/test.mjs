// `npm test -- …`: every test that this machine allows; arguments go to vitest. Ends with one line of counts.
import "./lib/require-node.mjs";
import { readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { hasCode } from "./lib/lock.mjs";
import { cache, prepare, root } from "./lib/prepare.mjs";
import { run, StepFailed, say } from "./lib/run.mjs";
import { skippedForAReason, summarise, summaryLine } from "./lib/summary.mjs";
import { ensureSystemPackages, searchPath } from "./lib/system-packages.mjs";

/** @returns {Promise<import("./lib/summary.mjs").Summary>} */
async function test() {
  await prepare();
  await ensureSystemPackages();
  const reportFile = join(cache, `vitest-${process.pid}.json`);
  const status = await run(process.execPath, vitestArguments(reportFile), {
    cwd: root,
    env: { ...process.env, PATH: searchPath() },
  });
  const report = readReport(reportFile);
  for (const title of skippedForAReason(report)) say(`not run: ${title}`);
  return summarise(report, status);
}

/** @param {string} reportFile */
function vitestArguments(reportFile) {
  return [
    join(root, "node_modules", "vitest", "vitest.mjs"),
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${reportFile}`,
    ...process.argv.slice(2),
  ];
}

/** @param {string} file */
function readReport(file) {
  try {
    const report = JSON.parse(readFileSync(file, "utf8"));
    renameSync(file, join(cache, "test-results.json"));
    return report;
  } catch (error) {
    if (!hasCode(error, "ENOENT") && !(error instanceof SyntaxError)) throw error;
    rmSync(file, { force: true });
    say("vitest left no report");
    return undefined;
  }
}

let summary = { passed: 0, failed: 1, skipped: 0 };
let exitStatus = 1;
try {
  summary = await test();
  exitStatus = summary.failed === 0 ? 0 : 1;
} catch (error) {
  if (!(error instanceof StepFailed)) say(String(error instanceof Error ? error.stack : error));
  else say(error.message);
  if (error instanceof StepFailed) exitStatus = error.exitStatus;
}
process.stdout.write(`${summaryLine(summary)}\n`);
process.exitCode = exitStatus;
