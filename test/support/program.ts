import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";

export const PROGRAM = fileURLToPath(
  new URL("../../packages/wattseal/bin/wattseal.mjs", import.meta.url),
);

/** A recording beside the checkout, or undefined where the folder is absent. */
export function recording(path: string): string | undefined {
  const file = fileURLToPath(new URL(`../../../shared/data/${path}`, import.meta.url));
  return existsSync(file) ? file : undefined;
}

/** What a killed process was writing may appear a moment after it was removed. */
const GONE = { recursive: true, force: true, maxRetries: 20, retryDelay: 100 } as const;

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "wattseal-test-"));
  onTestFinished(() => rm(folder, GONE));
  return folder;
}

export interface Finished {
  readonly status: number | null;
  /** It was killed. */
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Makes the state folder of a demonstration without a TPM, for roles that are started one by one. The pack's LCT. */
export async function demoState(state: string, ...flags: readonly string[]): Promise<string> {
  const made = await wattseal(["init", "--demo", "--tpm", "none", "--state", state, ...flags]);
  expect(made.status, made.stderr).toBe(0);
  return /lct:pack:[a-z2-7]{32}/.exec(made.stdout)?.[0] ?? "";
}

export interface RunOptions {
  readonly cwd?: string;
  /** Beside this process's own. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Node's own options, before the program. */
  readonly node?: readonly string[];
  /** What it reads from standard input; else nothing is there. */
  readonly input?: string;
  /** Told how to kill it with -9, before it has done anything. */
  readonly started?: (kill: () => void) => void;
}

/** Runs the program to its end. */
export function wattseal(
  args: readonly string[],
  { cwd, env = {}, node = [], input, started }: RunOptions = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...node, PROGRAM, ...args], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    started?.(() => void child.kill("SIGKILL"));
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.stdin.once("error", () => {}); // it need not read
    child.stdin.end(input);
    child.once("error", reject);
    child.once("close", (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
}

export type LogLine = { readonly msg: string } & Readonly<Record<string, unknown>>;

/** A role as a process of its own, followed by its structured log. */
export class Role {
  readonly lines: LogLine[] = [];
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;
  readonly #waiting = new Set<() => void>();

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child = child;
    this.#exit = new Promise((resolve) => {
      child.once("close", (status) => {
        resolve(status);
        this.#wake();
      });
    });
    createInterface({ input: child.stderr }).on("line", (line) => {
      this.lines.push(parseLine(line));
      this.#wake();
    });
    onTestFinished(() => this.kill());
  }

  /** The first line from `from` on for which `wanted` holds; rejects when the process ends before. */
  async line(wanted: (line: LogLine) => boolean, from = 0): Promise<LogLine> {
    for (let next = from; ; ) {
      for (; next < this.lines.length; next += 1) {
        const line = this.lines[next];
        if (line !== undefined && wanted(line)) return line;
      }
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new Error(
          `the process ended:\n${this.lines.map((line) => JSON.stringify(line)).join("\n")}`,
        );
      }
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
      });
    }
  }

  /** SIGKILL; resolves when the process is gone and everything it wrote has been read. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exit;
  }

  /** Resolves with the exit status when the process ends by itself. */
  get ended(): Promise<number | null> {
    return this.#exit;
  }

  /** SIGTERM; resolves with the exit status. */
  stop(): Promise<number | null> {
    this.#child.kill("SIGTERM");
    return this.#exit;
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

function parseLine(line: string): LogLine {
  try {
    const parsed: unknown = JSON.parse(line);
    if (
      typeof parsed === "object" &&
      parsed !== null &&
      "msg" in parsed &&
      typeof parsed.msg === "string"
    ) {
      return { ...parsed, msg: parsed.msg };
    }
  } catch {
    // Not a structured line: kept as its text.
  }
  return { msg: line };
}
