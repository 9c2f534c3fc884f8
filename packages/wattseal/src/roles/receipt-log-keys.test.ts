import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@wattseal/base";
import { Ed25519SecretKey } from "@wattseal/lct-keys";
import { type NoteSigner, signCheckpoint } from "@wattseal/tlog";
import { describe, expect, it, onTestFinished } from "vitest";
import { systemEntropy } from "../ports/system.js";
import { makeFederationKeys } from "../state/federation-keys.js";
import { makeFolder } from "../state/files.js";
import { layoutOf } from "../state/layout.js";
import { openReceiptLogKeys, receiptLogOf } from "../state/receipt-log.js";
import { openStoreOf } from "./federation.js";
import { beginLogRotation, finishLogRotation } from "./receipt-log-keys.js";

async function federation() {
  const root = mkdtempSync(join(tmpdir(), "wattseal-receipts-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const layout = layoutOf(root);
  const { directory, config, receiptLogKey } = layout.federation;
  await makeFolder(directory);
  const authority = Ed25519SecretKey.generate(systemEntropy);
  const names = { authority: "a", witness: "fleet.example" };
  await makeFederationKeys({ layout, names, authority, entropy: systemEntropy });
  writeFileSync(config, 'fleet = "demo"\n');
  /** As a worker does that starts with what is in the folder. */
  const signHead = async () => {
    const ports = { entropy: systemEntropy, logger: silentLogger };
    const keys = await openReceiptLogKeys(layout, "fleet.example", ports);
    const further: NoteSigner[] = [keys.nextReceiptLogKey].flatMap((key) => key ?? []);
    const store = await openStoreOf(layout);
    const { note } = await store.receiptLog();
    await store.beginReceiptLog(
      [],
      (head) => signCheckpoint(head, keys.receiptLogKey, ...further),
      note,
    );
    await store.close();
  };
  const keys = async () => (await receiptLogOf(layout)).publicKeys;
  return { layout, signHead, keys, next: layout.federation.nextReceiptLogKey, receiptLogKey };
}

describe("a receipt log's key", () => {
  it("goes over to the next one: one, both, the other", async () => {
    const { layout, signHead, keys, next } = await federation();
    await signHead();
    const [first] = await keys();
    const begun = await beginLogRotation(layout, systemEntropy);
    expect(begun).toEqual({
      name: "fleet.example/receipts",
      publicKeys: [first, begun.publicKeys[1]],
    });
    expect(begun.publicKeys[1]).not.toEqual(first);
    expect(statSync(next).mode & 0o777).toBe(0o600);
    expect(await beginLogRotation(layout, systemEntropy)).toEqual(begun);
    expect(await receiptLogOf(layout)).toEqual(begun);
    await signHead();
    const finished = await finishLogRotation(layout);
    expect(finished.publicKeys).toEqual([begun.publicKeys[1]]);
    expect(await receiptLogOf(layout)).toEqual(finished);
    expect(existsSync(next)).toBe(false);
    await expect(finishLogRotation(layout)).rejects.toThrow(/begin with .* --receipt-log/);
  });

  it("stays as long as the store's newest head is under it alone: no worker could go on from that", async () => {
    const { layout, signHead, keys, receiptLogKey } = await federation();
    await signHead();
    const old = readFileSync(receiptLogKey);
    await beginLogRotation(layout, systemEntropy);
    await expect(finishLogRotation(layout)).rejects.toMatchObject({
      code: "usage",
      message: expect.stringMatching(/start every worker with receipts-next.pem first/),
    });
    expect(readFileSync(receiptLogKey)).toEqual(old);
    expect(await keys()).toHaveLength(2);
  });

  it("changes in one step where no head was signed yet", async () => {
    const { layout, keys } = await federation();
    const { publicKeys } = await beginLogRotation(layout, systemEntropy);
    await finishLogRotation(layout);
    expect(await keys()).toEqual(publicKeys.slice(1));
  });
});
