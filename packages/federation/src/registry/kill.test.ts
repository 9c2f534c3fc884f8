import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { lctId } from "@wattseal/base";
import { expect, it } from "vitest";
import { temporaryDirectory } from "../fleet.fixture.js";
import { said } from "./registry.fixture.js";
import { SqliteRegistryStore } from "./sqlite.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const built = existsSync(`${root}/dist/index.js`);
const KILLS = 8;

/** Grants, enrols and voids for ever, and prints each step once it is done. */
const CHILD = `
  import { createHash } from "node:crypto";
  import { LctRegistry, SqliteRegistryStore } from "@wattseal/federation";
  import { Ed25519SecretKey, enrol, P256SecretKey, softwareApplicant } from "@wattseal/lct-keys";
  import { randomBytes } from "node:crypto";
  const seeded = (seed) => { let n = 0; return { bytes(length) { const out = new Uint8Array(length); for (let at = 0; at < length; at += 32) { n += 1; out.set(createHash("sha256").update(seed + " " + n).digest().subarray(0, length - at), at); } return out; } }; };
  const quiet = () => {};
  const entropy = { bytes: (length) => new Uint8Array(randomBytes(length)) };
  const authority = Ed25519SecretKey.generate(seeded("authority"));
  const registry = await LctRegistry.open({
    store: await SqliteRegistryStore.open(process.argv[1]), authority, roots: [], updateKeys: "any",
    clock: { now: () => 1760000000000 }, entropy, logger: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  });
  const say = (line) => new Promise((resolve) => process.stdout.write(line + "\\n", resolve));
  await say("open");
  for (;;) {
    const { token } = await registry.grant({});
    await say("granted");
    let lct;
    await enrol(softwareApplicant(P256SecretKey.generate(entropy)), {
      request: async (bytes) => {
        const { challenge } = await registry.request(token, bytes);
        await say("challenged");
        return challenge;
      },
      activate: async (id, bytes) => registry.activate(token, id, bytes),
    }, { kind: "pack", context: [], authorities: [authority.publicKey] }).then(({ document }) => { lct = document.lct; });
    await say("active " + lct);
    await registry.void(lct, "gone");
    await say("void " + lct);
  }
`;

/** Runs the child until it has printed `lines` lines and kills it; what it had announced. */
async function killed(directory: string, lines: number): Promise<string[]> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", CHILD, directory], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const heard: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    heard.push(line);
    if (heard.length === lines) child.kill("SIGKILL");
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  expect(child.signalCode).toBe("SIGKILL");
  return heard;
}

const title = built ? "" : " (skipped: the package is not built)";
it.skipIf(!built)(
  `a registry that is killed between any two steps loses no token, doubles none, and takes no ending back${title}`,
  { timeout: 400_000 },
  async () => {
    const directory = temporaryDirectory();
    const announced: string[] = [];
    for (let kill = 0; kill < KILLS; kill += 1) {
      announced.push(...(await killed(directory.path, 2 + kill)));
      const store = await SqliteRegistryStore.open(directory.path);
      const tokens = await store.tokens();
      const lcts = await store.lcts("", 1_000);
      const count = (word: string) => announced.filter((line) => line.startsWith(word)).length;
      expect(tokens.length).toBeGreaterThanOrEqual(count("granted"));
      const spent = tokens.flatMap(({ spentOn }) => spentOn ?? []);
      expect(new Set(spent).size).toBe(spent.length);
      expect([...spent].sort()).toEqual(lcts.map(({ lct }) => lct));
      for (const line of announced) {
        const [word, id] = line.split(" ");
        if (id === undefined) continue;
        const state = (await store.lct(lctId(id)))?.state;
        if (word === "void") expect(state).toBe("void");
        else expect(state).toMatch(/^(active|void)$/);
      }
      for (const { lct, state, statements } of lcts) {
        expect(statements.map((it) => said(it).state)).toEqual(
          state === "active" ? ["active"] : ["active", state],
        );
        expect(statements.every((it) => said(it).lct === lct)).toBe(true);
      }
      await store.close();
    }
    directory.remove();
  },
);
