// A gateway's machine is copied whole: disk, log, and the state of its (emulated) TPM. Both copies speak.
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Clock, type LogFields, type Logger, millis, silentLogger } from "@wattseal/base";
import { decodeAs, type Entry, encodeEntry, statusPayload } from "@wattseal/energy-ledger";
import {
  FederationWorker,
  LctRegistry,
  SqliteRegistryStore,
  SqliteStore,
} from "@wattseal/federation";
import {
  Ed25519SecretKey,
  enrol,
  LocalSigner,
  P256SecretKey,
  provision,
  type Signer,
  softwareApplicant,
  TpmAnchor,
  tpmApplicant,
  tpmFolder,
} from "@wattseal/lct-keys";
import { type LctDocument, verifyAuthority } from "@wattseal/lct-keys/verify";
import { consistencyProof, leafHash, nodeHash, rootAt } from "@wattseal/tlog";
import { entropy, Swtpm } from "@wattseal/tpm2/testing";
import { encodeBatch, packName } from "@wattseal/uplink";
import { afterAll, beforeAll, expect, it } from "vitest";
import { hasSwtpm, NEEDS_SWTPM } from "./support/swtpm.js";

const NOW = millis(1_760_000_000_000);
/** Time stands still; what is due within a second runs at once. */
const clock: Clock = {
  now: () => NOW,
  at: (time, task) => {
    if (time > NOW + 1000) return () => {};
    const handle = setImmediate(task);
    return () => clearImmediate(handle);
  },
};
const authority = Ed25519SecretKey.generate(entropy);
const authorities = [authority.publicKey];
const wish = { kind: "pack", context: ["fleet test"], authorities } as const;

class Log {
  readonly leaves: Uint8Array[];

  constructor(leaves: readonly Uint8Array[] = []) {
    this.leaves = [...leaves];
  }

  get size(): number {
    return this.leaves.length;
  }

  append(entry: Entry): void {
    this.leaves.push(encodeEntry(entry));
  }

  #read = (level: number, index: number): Uint8Array => {
    if (level === 0) return leafHash(this.leaves[index]!);
    return nodeHash(this.#read(level - 1, 2 * index), this.#read(level - 1, 2 * index + 1));
  };

  root(size = this.size): Uint8Array {
    return rootAt(size, this.#read);
  }

  proof(from: number, to: number): Uint8Array[] {
    return consistencyProof(from, to, this.#read);
  }
}

/** One machine: what a thief of all of it has. */
class Machine {
  readonly swtpm: Swtpm;
  readonly directory: string;
  readonly log: Log;
  #signer: Signer | undefined;
  #service: LocalSigner | undefined;
  #sent = 0;
  /** Counter of the log's last epoch. */
  #epoch: number;

  constructor(swtpm: Swtpm, directory: string, log = new Log(), epoch = 0) {
    this.#epoch = epoch;
    this.swtpm = swtpm;
    this.directory = directory;
    this.log = log;
    this.#sent = log.size;
  }

  get access() {
    return { transport: this.swtpm.transport, entropy, pause: (ms: number) => pause(ms) };
  }

  /** Begins an epoch on what the log holds. */
  async start(document: LctDocument): Promise<void> {
    const anchor = await TpmAnchor.open({
      ...this.access,
      folder: tpmFolder(this.directory),
      document,
      approvals: () => Promise.resolve([]),
      rationed: false,
    });
    this.#service = await LocalSigner.open({
      directory: this.directory,
      anchor,
      document,
      entropy,
      softwareVersion: "test",
      clock,
      logger: silentLogger,
    });
    const { log } = this;
    if (log.size === 0) {
      log.append({ type: "lct.document", timeMs: NOW, body: { sign1: document.bytes } });
    }
    this.#signer = await this.#service.begin({
      log: {
        size: log.size,
        root: log.root(),
        lastCounter: this.#epoch,
        bootVersion: 0,
        head: undefined,
        receipt: undefined,
        consistencyProof: (from, to) => log.proof(from, to),
      },
      clock,
      synchronised: true,
    });
    this.#epoch = this.#signer.identity().epoch;
    log.append({
      type: "epoch.begin",
      timeMs: NOW,
      body: { evidence: this.#signer.epochEvidence },
    });
  }

  work(count: number, mark: number): void {
    for (let i = 0; i < count; i += 1) {
      this.log.append({
        type: "ops.clock",
        timeMs: NOW,
        body: { sync: "synchronised", source: "test", step: mark },
      });
    }
  }

  /** Everything since the last batch, as a gateway sends it. */
  async batch(document: LctDocument): Promise<Uint8Array> {
    const signer = this.#signer!;
    const { log } = this;
    const consistency = log.proof(signer.lastSigned.size, log.size);
    const [checkpoint] = await signer.sign({ size: log.size, root: log.root(), consistency });
    const prevSize = this.#sent;
    this.#sent = log.size;
    const leaves = log.leaves.slice(prevSize);
    return encodeBatch({ origin: document.origin, prevSize, leaves, checkpoint: checkpoint! });
  }

  async powerOff(): Promise<void> {
    await this.#service?.close();
    await this.swtpm.powerCut();
  }

  /** Byte for byte, onto another machine; both are off. */
  async copy(): Promise<Machine> {
    const swtpm = await Swtpm.start();
    await swtpm.powerCut();
    const state = "tpm2-00.permall";
    await cp(join(this.swtpm.folder, state), join(swtpm.folder, state));
    const directory = await mkdtemp(join(tmpdir(), "wattseal-copy-"));
    await cp(this.directory, directory, { recursive: true });
    return new Machine(swtpm, directory, new Log(this.log.leaves), this.#epoch);
  }

  async remove(): Promise<void> {
    await this.swtpm.remove();
    await rm(this.directory, { recursive: true, force: true });
  }
}

let root: string;
let original: Machine;
const machines: Machine[] = [];

beforeAll(async () => {
  if (!hasSwtpm) return;
  root = await mkdtemp(join(tmpdir(), "wattseal-fleet-"));
  const directory = await mkdtemp(join(tmpdir(), "wattseal-machine-"));
  original = new Machine(await Swtpm.start(), directory);
  machines.push(original);
});
afterAll(async () => {
  for (const machine of machines) await machine.remove();
  if (hasSwtpm) await rm(root, { recursive: true, force: true });
});

it.skipIf(!hasSwtpm)(
  `a machine that was copied with its emulator's state ends its LCT as soon as both speak, and nobody else's${NEEDS_SWTPM}`,
  async () => {
    const logged: { event: string; fields: LogFields | undefined }[] = [];
    const keep = (event: string, fields?: LogFields) => void logged.push({ event, fields });
    const logger: Logger = { ...silentLogger, warn: keep, error: keep };
    const registryStore = await SqliteRegistryStore.open(join(root, "registry"));
    const registry = await LctRegistry.open({
      store: registryStore,
      authority,
      roots: [],
      updateKeys: "any",
      clock,
      entropy,
      logger,
    });
    const store = await SqliteStore.open(join(root, "store"));
    const witness = Ed25519SecretKey.generate(entropy);
    const receipts: string[] = [];
    const worker = await FederationWorker.start({
      store,
      witness: {
        name: "wattseal-federation/test",
        publicKey: witness.publicKey,
        sign: (bytes) => witness.sign(bytes),
      },
      authorityKeys: authorities,
      clock,
      logger,
      publish: (pack, channel) => void (channel === "receipt" && receipts.push(pack)),
      standing: registry,
    });
    const give = (document: LctDocument, payload: Uint8Array) =>
      new Promise<void>((settle) => {
        worker.deliver({
          pack: packName(document.label),
          channel: "batch",
          payload,
          settle: () => settle(),
        });
      });
    const enrolled = async (applicant: Parameters<typeof enrol>[0]) => {
      const { token } = await registry.grant({});
      const under = {
        request: async (bytes: Uint8Array) => (await registry.request(token, bytes)).challenge,
        activate: (id: Uint8Array, bytes: Uint8Array) => registry.activate(token, id, bytes),
      };
      return (await enrol(applicant, under, wish)).document;
    };

    const folder = tpmFolder(original.directory);
    const identity = await provision(original.access, { pcrs: [7] }, folder);
    const document = await enrolled(tpmApplicant(original.access, identity));
    expect(document.binding).toBe("software"); // an emulator's maker is nobody's root
    await original.start(document);
    original.work(5, 0);
    await give(document, await original.batch(document));
    expect(receipts).toEqual([document.label]);

    await original.powerOff();
    const copy = await original.copy();
    machines.push(copy);
    await original.swtpm.powerOn();
    await copy.swtpm.powerOn();
    await original.start(document);
    await copy.start(document); // offline, neither can know of the other
    original.work(3, 1);
    copy.work(3, 2);

    await give(document, await original.batch(document));
    expect(receipts).toEqual([document.label, document.label]);
    await give(document, await copy.batch(document));
    const standing = await registry.lct(document.lct);
    expect(standing?.state).toBe("slashed");
    const last = verifyAuthority(standing!.statements.at(-1)!, authorities);
    expect(decodeAs(statusPayload, last.payload, "status")).toMatchObject({
      lct: document.lct,
      state: "slashed",
    });
    expect(await registry.evidence(document.lct)).toMatchObject([{ kind: "epoch" }]);
    expect(logged.map(({ event }) => event)).toEqual(["federation.fork", "registry.slashed"]);

    for (const machine of [original, copy]) {
      machine.work(2, 3);
      await give(document, await machine.batch(document));
    }
    expect(worker.stats.refused).toEqual({ fork: 1, revoked: 2 });
    expect(receipts).toHaveLength(2);

    // Its anchor gets no other LCT; whoever else is in the fleet goes on.
    await expect(enrolled(tpmApplicant(original.access, identity))).rejects.toMatchObject({
      code: "enrolled",
    });
    const other = await enrolled(softwareApplicant(P256SecretKey.generate(entropy)));
    expect(registry.finalState(packName(other.label))).toBeUndefined();

    await original.powerOff();
    await copy.powerOff();
    await worker.stop();
    await store.close();
    await registryStore.close();
  },
);
