/** A pack with keys of its own in a temporary folder, on a clock that tests turn by hand. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@wattseal/base";
import { encodeAs, mintPayload, policyPayload, sourcePayload } from "@wattseal/energy-ledger";
import {
  beginSoftwareEpoch,
  createSoftwareAnchor,
  Ed25519SecretKey,
  issueLctDocument,
  type Signer,
  signAuthorityPayload,
} from "@wattseal/lct-keys";
import { verifyLctDocument } from "@wattseal/lct-keys/verify";
import { PendingCheckpoints } from "@wattseal/uplink";
import { HandClock, START } from "./clock.fixture.js";
import { EnergyLog } from "./ledger/energy-log.js";
import type { ContinuedLog, EnergyLogOptions } from "./ledger/energy-log-options.js";
import type { StatementDraft } from "./ledger/entered.js";

const entropy = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };

/** Who issues and mints; packs that deal with each other have one in common. */
export function newAuthority() {
  return Ed25519SecretKey.generate(entropy);
}

export async function makePack(
  onFinished: (cleanUp: () => Promise<void>) => void,
  authority = newAuthority(),
) {
  const root = await mkdtemp(join(tmpdir(), "wattseal-gateway-"));
  onFinished(() => rm(root, { recursive: true, force: true }));
  const clock = new HandClock();
  const signerFolder = join(root, "signer");
  const document = verifyLctDocument(
    issueLctDocument(authority, {
      kind: "pack",
      class: "responsive",
      anchor: { type: "p256", publicKey: await createSoftwareAnchor(signerFolder, entropy) },
      binding: "software",
      strengthBps: 4000,
      context: [],
      created: START,
      witnesses: [],
      mrh: [],
    }),
    [authority.publicKey],
  );
  const society = document.lct;
  const signed = (payload: Uint8Array) => ({ sign1: signAuthorityPayload(authority, payload) });
  const statements: readonly StatementDraft[] = [
    {
      type: "society.policy",
      body: signed(
        encodeAs(policyPayload, {
          purpose: "wattseal-policy-1",
          society,
          version: 1,
          highBps: 10_000,
          developingBps: 9000,
          lowBps: 6000,
          tier: "low",
          lotDays: 7,
          withheldDays: 7,
          wasteAlert: 100_000,
          declaredCap: 0,
        }),
      ),
    },
    {
      type: "society.mint",
      body: signed(
        encodeAs(mintPayload, {
          purpose: "wattseal-mint-1",
          society,
          amount: 50_000_000,
          serial: 1,
        }),
      ),
    },
    {
      type: "society.source",
      body: signed(
        encodeAs(sourcePayload, {
          purpose: "wattseal-source-1",
          society,
          source: "charger",
          kind: "grid",
          ratedWatts: 100_000,
          provenAt: START,
          meter: undefined,
        }),
      ),
    },
  ];
  const trust = {
    authorities: [{ name: "test authority", publicKey: authority.publicKey }],
    witnesses: [],
    quorum: 1,
  };
  const directory = join(root, "log");

  const beginEpoch = (log: ContinuedLog): Promise<Signer> =>
    beginSoftwareEpoch({
      directory: signerFolder,
      clock,
      entropy,
      document,
      softwareVersion: "test",
      synchronised: true,
      log,
    });

  const openLog = (changes: Partial<EnergyLogOptions> = {}) =>
    EnergyLog.open({
      directory,
      document,
      trust,
      clock,
      logger: silentLogger,
      openSigner: beginEpoch,
      ...changes,
    });

  const loadPending = (log: EnergyLog, witnessed = 0) =>
    PendingCheckpoints.load({
      origin: document.origin,
      stored: log.store.readDocument("pending"),
      witnessed,
      log: log.own,
      save: (text) => log.store.writeDocument("pending", text),
    }).pending;

  /** `witnessed`: as many entries a federation has. */
  const begin = async (
    log: EnergyLog,
    onSigned: (size: number) => void = () => {},
    witnessed = 0,
  ) => {
    const pending = loadPending(log, witnessed);
    await log.begin({ pending, receipt: undefined, onSigned });
    await log.append({
      type: "ops.clock",
      body: { sync: "synchronised", source: "test", step: 0 },
    });
    return pending;
  };

  return {
    root,
    directory,
    clock,
    document,
    trust,
    statements,
    openLog,
    beginEpoch,
    loadPending,
    begin,
  };
}
