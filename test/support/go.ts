/** Go programs of the tests: built offline, with caches of their own that npm test may delete. */
import { execFile, execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const CACHE = fileURLToPath(new URL("../../.cache/go", import.meta.url));
/** Where Debian puts the sources of Go packages. */
const GOPATH = "/usr/share/gocode";
const PROGRAM: string = "go";

const offline = { GOENV: "off", GOPROXY: "off", GOTOOLCHAIN: "local", CGO_ENABLED: "0" };

export function hasGo(): boolean {
  try {
    execFileSync(PROGRAM, ["version"], { stdio: "ignore" });
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ENOENT");
  }
}

export function hasSumdb(): boolean {
  return existsSync(`${GOPATH}/src/golang.org/x/mod/sumdb/tlog/tlog.go`);
}

/** Builds the program in `folder`, relative to test/; returns its path. Outside modules, packages come from Debian's. */
export async function buildGo(folder: string, into: string): Promise<string> {
  const directory = fileURLToPath(new URL(`../${folder}`, import.meta.url));
  const program = join(into, basename(folder));
  await mkdir(CACHE, { recursive: true });
  const env = { ...process.env, ...offline, GO111MODULE: "off", GOFLAGS: "", GOPATH };
  const built = { ...env, GOCACHE: join(CACHE, "build") };
  await answerOf(PROGRAM, ["build", "-o", program, "."], { cwd: directory, env: built });
  return program;
}

export interface Answer {
  readonly status: number;
  readonly stdout: string;
}

/** Runs a program to its end; throws, with what it said, for any status above 1. */
export function answerOf(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const all = { ...options, maxBuffer: 1 << 28 };
    execFile(program, args, all, (error, stdout, stderr) => {
      const status = error === null ? 0 : error.code;
      if (status === 0 || (status === 1 && stderr === "")) resolve({ status, stdout });
      else reject(new Error(`${program}: ${stderr}`, { cause: error }));
    });
  });
}
