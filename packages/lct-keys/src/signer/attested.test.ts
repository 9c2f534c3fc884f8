/** What an epoch is worth, as its signer says it: as the log will. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@wattseal/base";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  CountingAnchor,
  MemoryStateFiles,
  manualClock,
  seededEntropy,
  tree,
} from "../lct-keys.fixture.js";
import { approvalOf, statementsOf, tpmPack } from "../tpm-pack.fixture.js";
import { decodeEpochEvidence, epochSignedBytes } from "../verify/evidence.js";
import { LocalSigner } from "./local-signer.js";

const pack = tpmPack("tpm");
const log = tree("log", 4);
const approval = approvalOf(pack.keys, pack.document, { version: 2 });
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "wattseal-attested-"));
});
afterAll(() => rm(directory, { recursive: true }));

/** An anchor whose TPM speaks for each epoch, in a boot that was approved. */
class AttestingAnchor extends CountingAnchor {
  override async attestEpoch(bodyBytes: Uint8Array) {
    const { signature } = await super.attestEpoch(bodyBytes);
    const signedBytes = epochSignedBytes(bodyBytes);
    const counter = await this.counter();
    return { signature, ...statementsOf(pack.keys, { counter, signedBytes }), approval };
  }
}

it.each([
  [0, "attested"],
  [2, "attested"],
  [3, "unattested"],
])("after epochs under version %i, one under version 2 is %s", async (bootVersion, state) => {
  const service = await LocalSigner.open({
    directory,
    files: new MemoryStateFiles(),
    anchor: new AttestingAnchor(pack.anchor),
    document: pack.document,
    entropy: seededEntropy("attested"),
    softwareVersion: "0",
    clock: manualClock(),
    logger: silentLogger,
  });
  const start = { log: log.log(4, { bootVersion }), clock: manualClock(), synchronised: true };
  const signer = await service.begin(start);
  expect(signer.identity().state).toBe(state);
  expect(decodeEpochEvidence(signer.epochEvidence).approval).toEqual(approval);
  await signer.close();
  await service.close();
});
