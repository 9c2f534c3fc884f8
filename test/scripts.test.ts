import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { withLock } from "../scripts/lib/lock.mjs";
import { isInstalled } from "../scripts/lib/prepare.mjs";
import { skippedForAReason, summarise, summaryLine } from "../scripts/lib/summary.mjs";

const directories: string[] = [];
function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "wattseal-scripts-"));
  directories.push(directory);
  return directory;
}
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

describe("whether npm packages are installed", () => {
  const locked = {
    "": { version: "0.1.0" },
    "node_modules/a": { version: "1.0.0", integrity: "sha512-a" },
    "node_modules/other-platform": { version: "1.0.0", integrity: "sha512-o", optional: true },
    "node_modules/@wattseal/base": { resolved: "packages/base", link: true },
  };

  function checkout(installed: object | undefined): string {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "package-lock.json"), JSON.stringify({ packages: locked }));
    mkdirSync(join(directory, "node_modules"));
    const hidden = join(directory, "node_modules", ".package-lock.json");
    if (installed !== undefined) writeFileSync(hidden, JSON.stringify({ packages: installed }));
    return directory;
  }

  const { "node_modules/other-platform": _, ...withoutOptional } = locked;
  const { "node_modules/a": __, ...withoutRequired } = locked;

  it.each([
    ["all that the lock file names", locked, true],
    ["all but an optional package of another platform", withoutOptional, true],
    ["nothing, or an install that was interrupted", undefined, false],
    ["all but a required package", withoutRequired, false],
    [
      "another version",
      { ...locked, "node_modules/a": { version: "0.9.0", integrity: "sha512-a" } },
      false,
    ],
    [
      "the same version with other content",
      { ...locked, "node_modules/a": { version: "1.0.0", integrity: "sha512-b" } },
      false,
    ],
  ])("%s", (_title, installed, expected) => {
    expect(isInstalled(checkout(installed))).toBe(expected);
  });
});

describe("the lock between two starts", () => {
  it("lets one task run at a time and leaves nothing behind, even when a task fails", async () => {
    const lock = join(temporaryDirectory(), "lock");
    const events: string[] = [];
    const task = (name: string) =>
      withLock(lock, async () => {
        events.push(`${name} begins`);
        await Promise.resolve();
        events.push(`${name} ends`);
        throw new Error(name);
      });
    const results = await Promise.allSettled([task("first"), task("second")]);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(events).toEqual(["first begins", "first ends", "second begins", "second ends"]);
    expect(existsSync(lock)).toBe(false);
  });

  it("is taken over from a process that died with it", async () => {
    const lock = join(temporaryDirectory(), "lock");
    const { pid } = spawnSync(process.execPath, ["--version"]);
    mkdirSync(lock);
    writeFileSync(join(lock, "owner"), String(pid));
    await expect(withLock(lock, async () => "taken")).resolves.toBe("taken");
  });
});

describe("the line of counts that a test run ends with", () => {
  const file = (status: string, ...statuses: string[]) => ({
    name: "sample.test.ts",
    status,
    assertionResults: statuses.map((it) => ({ status: it, fullName: `a ${it} test` })),
  });
  const report = (...testResults: ReturnType<typeof file>[]) => ({ testResults });

  it.each([
    [
      "counts by status",
      report(file("passed", "passed", "skipped", "todo")),
      0,
      "1 passed, 0 failed, 2 skipped",
    ],
    [
      "counts failures",
      report(file("failed", "passed", "failed")),
      1,
      "1 passed, 1 failed, 0 skipped",
    ],
    [
      "counts a file that did not load",
      report(file("failed"), file("passed", "passed")),
      1,
      "1 passed, 1 failed, 0 skipped",
    ],
    [
      "counts an error outside any test",
      report(file("passed", "passed")),
      1,
      "1 passed, 1 failed, 0 skipped",
    ],
    ["takes a crash without a report as failure", undefined, 139, "0 passed, 1 failed, 0 skipped"],
    ["takes a run of nothing as failure", report(), 0, "0 passed, 1 failed, 0 skipped"],
    [
      "takes a run that skipped everything as failure",
      report(file("passed", "skipped")),
      0,
      "0 passed, 1 failed, 1 skipped",
    ],
  ] as const)("%s", (_title, results, exitStatus, line) => {
    expect(summaryLine(summarise(results, exitStatus))).toBe(line);
  });

  it("names the tests that the machine could not run, with their reason", () => {
    const reason = "vectors (skipped: ../shared/vectors is absent)";
    const results = [
      { status: "skipped", fullName: reason },
      { status: "skipped", fullName: "left out by a filter" },
      { status: "passed", fullName: "skipped: but only by name" },
    ];
    const named = skippedForAReason({
      testResults: [{ name: "a", status: "passed", assertionResults: results }],
    });
    expect(named).toEqual([reason]);
  });
});
