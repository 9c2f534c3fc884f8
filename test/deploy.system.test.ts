import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { toHex } from "@wattseal/base";
import { openStore, readStoredLog } from "@wattseal/federation";
import { LogStore } from "@wattseal/tlog/store";
import { describe, expect, it, onTestFinished } from "vitest";
import { PostgresServer, postgresMissing } from "../scripts/lib/postgres.mjs";
import { missingFor } from "./support/deployment.js";
import { temporaryFolder } from "./support/program.js";

const SCRIPT = fileURLToPath(new URL("../scripts/deploy.mjs", import.meta.url));

/** A store of the deployment's, as its workers are told of it. */
async function storeOf(kind: string, state: string) {
  if (kind !== "cluster" || postgresMissing() !== undefined) {
    return {
      flags: [],
      options: { kind: "embedded", directory: `${state}/federation/store` },
    } as const;
  }
  const server = await PostgresServer.start();
  onTestFinished(() => server.close());
  const url = await server.createDatabase();
  return {
    flags: ["--database", url, "--workers", "2"],
    options: { kind: "postgres", url },
  } as const;
}

describe.each(["embedded", "site", "cluster"] as const)("npm run deploy --", (kind) => {
  const skipped = kind === "embedded" ? "" : missingFor(kind);

  it.skipIf(skipped !== "")(
    `${kind}: brings a pack's log to a witness, until Ctrl-C${skipped}`,
    async () => {
      const state = await temporaryFolder();
      const { flags, options } = await storeOf(kind, state);
      const child = spawn(
        process.execPath,
        [SCRIPT, kind, "--state", state, "--speed", "20", ...flags],
        {
          stdio: ["ignore", "pipe", "pipe"],
        },
      );
      onTestFinished(() => void child.kill("SIGKILL"));
      const ended = once(child, "exit");
      let said = "";
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
      const lines: string[] = [];
      for await (const line of createInterface({ input: child.stdout })) {
        lines.push(line);
        if (line.startsWith("The federation has witnessed")) break;
      }
      expect(lines.at(-1) ?? said).toMatch(/has witnessed/);
      child.stdout.resume();
      child.kill("SIGINT");
      expect(await ended, said).toEqual([0, null]);
      const log = await LogStore.openReadOnly({ directory: `${state}/gateway/log` });
      const store = await openStore(options);
      onTestFinished(() => store.close());
      const [pack] = await store.packs();
      const stored: Uint8Array[] = [];
      if (pack !== undefined) {
        for await (const leaf of readStoredLog(store, pack.pack)) stored.push(leaf);
      }
      expect(stored.length).toBeGreaterThan(0);
      expect(toHex(Buffer.concat(stored))).toBe(toHex(Buffer.concat([...log.entries()])));
      expect(pack?.receipt?.size).toBe(log.durableSize);
    },
  );
});

it("npm run deploy -- says what it takes when it is given something else", async () => {
  const child = spawn(process.execPath, [SCRIPT, "moon"], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  expect(await once(child, "close")).toEqual([2, null]);
  expect(said).toContain("embedded, site, cluster");
});
