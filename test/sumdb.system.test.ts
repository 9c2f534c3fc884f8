// Go's own transparency log packages (golang.org/x/mod/sumdb) as a judge of our notes, checkpoints, roots and proofs.
import { spawn } from "node:child_process";
import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { cosign, formatCheckpoint, formatVkey, leafHash, signCheckpoint } from "@wattseal/tlog";
import { LogStore, type StoredLog } from "@wattseal/tlog/store";
import { describe, expect, it } from "vitest";
import { buildGo, hasGo, hasSumdb } from "./support/go.js";
import { temporaryFolder } from "./support/program.js";
import { Random } from "./support/random.js";

const able = hasGo() && hasSumdb();
const cure = "Debian: apt install golang-go golang-golang-x-mod-dev";
const skipped = able ? "" : ` (skipped: Go or its sumdb packages are not installed; ${cure})`;

type Question = Readonly<Record<string, string | number | readonly string[]>>;

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

/** What Go says of each question. */
async function ask(questions: readonly Question[]): Promise<string[]> {
  const program = await buildGo("sumdb", await temporaryFolder());
  const child = spawn(program, [], { stdio: ["pipe", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  child.stdin.end(questions.map((question) => `${JSON.stringify(question)}\n`).join(""));
  await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const answers = text.split("\n").slice(0, -1);
  expect(answers).toHaveLength(questions.length);
  return answers;
}

function signer(name: string, fill: number) {
  const seed = Buffer.alloc(32, fill);
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  const publicKey = new Uint8Array(spki.subarray(-32));
  const bytesSigned = (bytes: Uint8Array) => new Uint8Array(sign(null, bytes, key));
  const vkey = formatVkey({ name, type: "ed25519", publicKey });
  const skey = `PRIVATE+KEY+${vkey.split("+").slice(0, 2).join("+")}+${base64(Buffer.concat([Buffer.of(1), seed]))}`;
  return { name, publicKey, sign: bytesSigned, vkey, skey };
}

const LOG = signer("wattseal/5r52n6muf6m34dpe3fdertmol6aoqoa3", 1);
const WITNESS = signer("witness.example", 2);
const SIZE = 700;
const entry = (index: number) => new TextEncoder().encode(`entry ${index}`);

async function storedLog(): Promise<StoredLog> {
  const log = await LogStore.open({ directory: `${await temporaryFolder()}/log` });
  await log.append(Array.from({ length: SIZE }, (_, index) => entry(index)));
  return log;
}

describe("golang.org/x/mod/sumdb", () => {
  it.skipIf(!able)(
    `opens our checkpoints and receipts, and signs the same ones${skipped}`,
    async () => {
      const head = { size: 120, root: leafHash(entry(0)) };
      const text = formatCheckpoint({ origin: LOG.name, ...head });
      const checkpoint = signCheckpoint(head, LOG);
      const receipt = cosign(checkpoint, { ...WITNESS, time: 1_760_000_000 });
      const opening = { kind: "note", vkey: LOG.vkey, text };
      const answers = await ask([
        { ...opening, note: checkpoint },
        { ...opening, note: receipt },
        { kind: "signed", skey: LOG.skey, text, note: checkpoint },
        { ...opening, note: checkpoint.replace("\n120\n", "\n121\n") },
        { ...opening, note: checkpoint, vkey: WITNESS.vkey },
      ]);
      expect(answers.slice(0, 3)).toEqual(["true", "true", "true"]);
      for (const answer of answers.slice(3)) expect(answer).toMatch(/^refused: /);
    },
  );

  // not of the empty tree: Go's tlog defines an all-zero hash for it, RFC 6962 the hash of nothing
  it.skipIf(!able)(`computes our roots, at every size${skipped}`, async () => {
    const log = await storedLog();
    const sizes = [...Array(33).keys()].slice(1).concat(255, 256, 257, 511, 512, 513, SIZE);
    const questions = sizes.map((size) => ({
      kind: "root",
      entries: Array.from({ length: size }, (_, index) => base64(entry(index))),
      root2: base64(log.root(size)),
    }));
    expect(await ask(questions)).toEqual(questions.map(() => "true"));
  });

  it.skipIf(!able)(
    `accepts our inclusion and consistency proofs, and none that is altered${skipped}`,
    async () => {
      const log = await storedLog();
      const random = new Random(1);
      const good: Question[] = [];
      const bad: Question[] = [];
      for (let i = 0; i < 400; i += 1) {
        const size2 = 2 + random.below(SIZE - 1);
        const size1 = 1 + random.below(size2 - 1);
        const index = random.below(size2);
        const roots = { size2, root2: base64(log.root(size2)) };
        const inclusion = { kind: "inclusion", ...roots, index, leaf: base64(log.leafHash(index)) };
        const extension = { kind: "consistency", ...roots, size1, root1: base64(log.root(size1)) };
        const proofs = [
          { ...inclusion, proof: log.inclusionProof(index, size2).map(base64) },
          { ...extension, proof: log.consistencyProof(size1, size2).map(base64) },
        ];
        good.push(...proofs);
        for (const question of proofs) {
          bad.push({ ...question, proof: [...question.proof, base64(log.leafHash(0))] });
          bad.push({ ...question, root2: base64(leafHash(entry(0))) });
          if (question.proof.length > 0) bad.push({ ...question, proof: question.proof.slice(1) });
        }
      }
      expect(await ask(good)).toEqual(good.map(() => "true"));
      for (const answer of await ask(bad)) expect(answer).toMatch(/^refused: /);
    },
  );
});
