/**
 * A pack that was offline for 30 days comes back: the gateway's sender and a federation's worker with its store, over a
 * link in virtual time. Everything is counted; nothing depends on how fast this machine is.
 */
import { millis, silentLogger, utf8 } from "@wattseal/base";
import { encodeEntry } from "@wattseal/energy-ledger";
import { FederationWorker, type Publish, readStoredLog, SqliteStore } from "@wattseal/federation";
import { unverifiedCheckpoint } from "@wattseal/tlog";
import { LogStore } from "@wattseal/tlog/store";
import {
  decodeRequest,
  encodeBatch,
  encodeResponse,
  leafBytes,
  PendingCheckpoints,
  type SenderEffect,
  type SenderEvent,
  TARGET_BATCH_BYTES,
  TARGET_BATCH_LEAVES,
  takeResponse,
  UplinkCursors,
  UplinkSender,
} from "@wattseal/uplink";
import { expect, it, onTestFinished } from "vitest";
import {
  AUTHORITY,
  START,
  TestClock,
  TestPack,
  WITNESS,
} from "../packages/federation/src/fleet.fixture.js";
import { temporaryFolder } from "./support/program.js";

const MINUTE = 60_000;
const DAYS = 30;
/** Minutes. */
const DAY = 24 * 60;
/** Of a pack with four modules: their intervals, the window, a charge. */
const A_MINUTE = 6;
/** The sender's own. */
const WINDOW = 8;
const ONE_WAY_MS = 40;

interface Sent {
  readonly kind: "head" | "batch" | "response";
  readonly leaves: number;
  readonly bytes: number;
}

/** A pack's log on disk, and what its gateway keeps beside it. */
class Pack {
  readonly #pack = new TestPack("offline for a month");
  readonly store: LogStore;
  readonly pending: PendingCheckpoints;
  readonly cursors: UplinkCursors;
  document = "";
  #minutes = 0;

  private constructor(store: LogStore) {
    this.store = store;
    const { origin } = this.#pack;
    const log = {
      get size() {
        return store.durableSize;
      },
      root: (size: number) => store.root(size),
      keyAt: (size: number) => this.#pack.keyAt(size),
    };
    const save = async (text: string) => {
      this.document = text;
    };
    const stored = undefined;
    this.pending = PendingCheckpoints.load({ origin, stored, witnessed: 0, log, save }).pending;
    this.cursors = UplinkCursors.load({
      origin,
      log,
      destinations: [{ name: WITNESS.name, publicKeys: [WITNESS.publicKey] }],
      quorum: 1,
      stored: () => undefined,
      save: async () => {},
    });
  }

  static async open(directory: string): Promise<Pack> {
    const pack = new Pack(await LogStore.open({ directory }));
    onTestFinished(() => pack.store.close());
    await pack.store.append(pack.#pack.leaves);
    await pack.#sign(0);
    return pack;
  }

  get name() {
    return this.#pack.name;
  }

  get origin() {
    return this.#pack.origin;
  }

  get size(): number {
    return this.store.durableSize;
  }

  /** Some minutes' entries, and a checkpoint over so many minutes of them each. */
  async record(minutes: number, each = minutes): Promise<void> {
    let from = this.size;
    const leaves: Uint8Array[] = [];
    for (let i = 0; i < minutes * A_MINUTE; i += 1) {
      const timeMs = millis(START + MINUTE * (this.#minutes + Math.floor(i / A_MINUTE)));
      const body = { sync: "synchronised", source: "test", step: i } as const;
      leaves.push(encodeEntry({ type: "ops.clock", timeMs, body }));
    }
    this.#minutes += minutes;
    await this.store.append(leaves);
    for (const end = this.size; from < end; from += each * A_MINUTE) {
      await this.#sign(from, from + each * A_MINUTE);
    }
  }

  async #sign(from: number, size = this.size): Promise<void> {
    const note = this.#pack.note(size, this.store.root(size));
    await this.pending.add({ size, note, bytes: leafBytes(this.store.entries(from, size)) });
  }
}

/** Sender and worker with the same delay either way; what is on its way to the broker takes memory. */
class Link {
  readonly clock = new TestClock();
  readonly sent: Sent[] = [];
  readonly heads: number[] = [];
  requests = 0;
  receipts = 0;
  /** Messages of history on their way when a head set off, at most. */
  aheadOfHead = 0;
  mostHeld = { messages: 0, bytes: 0 };
  readonly #pack: Pack;
  readonly #worker: Pick<FederationWorker, "deliver">;
  readonly #sender: UplinkSender;
  #held: Sent[] = [];
  #isDown = true;

  private constructor(pack: Pack, worker: Pick<FederationWorker, "deliver">) {
    this.#pack = pack;
    this.#worker = worker;
    this.#sender = new UplinkSender({ witnessed: 0, pending: pack.pending });
  }

  static async open(pack: Pack, store: SqliteStore): Promise<Link> {
    const opened: { worker?: FederationWorker } = {};
    const link = new Link(pack, { deliver: (delivery) => opened.worker?.deliver(delivery) });
    const worker = await FederationWorker.start({
      store,
      witness: WITNESS,
      authorityKeys: [AUTHORITY.publicKey],
      clock: link.clock,
      logger: silentLogger,
      publish: (_, channel, payload) => link.#later(() => link.#published(channel, payload)),
    });
    opened.worker = worker;
    onTestFinished(() => worker.stop());
    return link;
  }

  get status() {
    return this.#sender.status(this.clock.now());
  }

  connect(): void {
    this.#isDown = false;
    this.#handle({ kind: "connected" });
  }

  disconnect(): void {
    this.#isDown = true;
    this.#handle({ kind: "disconnected" });
  }

  signed(): void {
    this.#handle({ kind: "signed" });
  }

  /** Lets time pass; the sender hears of its deadlines. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= ONE_WAY_MS) {
      await this.clock.advance(Math.min(left, ONE_WAY_MS));
      const { deadline } = this.#sender;
      if (deadline !== undefined && deadline <= this.clock.now()) this.#handle({ kind: "tick" });
    }
  }

  #later(task: () => void): void {
    this.clock.at(this.clock.now() + ONE_WAY_MS, task);
  }

  #published(channel: Parameters<Publish>[1], payload: Uint8Array): void {
    if (this.#isDown) return;
    if (channel === "request") {
      this.requests += 1;
      this.#handle({ kind: "request", request: decodeRequest(payload) });
      return;
    }
    this.receipts += 1;
    void this.#pack.cursors.accept(WITNESS.name, payload).then(({ size }) => {
      this.#pack.pending.prune(size);
      this.#handle({ kind: "witnessed", size });
    });
  }

  #handle(event: SenderEvent): void {
    for (const effect of this.#sender.handle(event, this.clock.now())) this.#perform(effect);
  }

  #perform(effect: SenderEffect): void {
    const { origin, store } = this.#pack;
    if (effect.kind === "alarm") throw new Error(effect.message);
    if (effect.kind === "head") {
      const history = this.#held.filter(({ kind }) => kind !== "head").length;
      this.aheadOfHead = Math.max(this.aheadOfHead, history);
      this.heads.push(unverifiedCheckpoint(effect.note).size);
      this.#send("head", utf8(effect.note), 0);
    } else if (effect.kind === "batch") {
      const { from, to, note: checkpoint } = effect;
      const leaves = [...store.entries(from, to)];
      const payload = encodeBatch({ origin, prevSize: from, leaves, checkpoint });
      this.#send("batch", payload, leaves.length);
    } else {
      const response = takeResponse(store, effect);
      this.#send("response", encodeResponse(response), response.leaves.length);
    }
  }

  #send(kind: Sent["kind"], payload: Uint8Array, leaves: number): void {
    const sent = { kind, leaves, bytes: payload.length };
    this.sent.push(sent);
    this.#held.push(sent);
    const bytes = this.#held.reduce((sum, held) => sum + held.bytes, 0);
    this.mostHeld = {
      messages: Math.max(this.mostHeld.messages, this.#held.length),
      bytes: Math.max(this.mostHeld.bytes, bytes),
    };
    const settle = () =>
      this.#later(() => {
        this.#held = this.#held.filter((held) => held !== sent);
        this.#handle({ kind: "acknowledged" });
      });
    const { name } = this.#pack;
    this.#later(() => this.#worker.deliver({ pack: name, channel: kind, payload, settle }));
  }
}

it("30 days offline: the present head goes first and never waits for history, which is sent once, a window at a time", async () => {
  const folder = await temporaryFolder();
  const store = await SqliteStore.open(`${folder}/store`);
  onTestFinished(() => store.close());
  const pack = await Pack.open(`${folder}/log`);
  const link = await Link.open(pack, store);
  link.connect();
  await pack.record(10);
  link.signed();
  while (link.status.witnessed < pack.size) await link.pass(ONE_WAY_MS);
  link.disconnect();

  const before = pack.size;
  for (let day = 0; day < DAYS; day += 1) await pack.record(DAY, 10);
  const behind = pack.size - before;
  expect(behind).toBe(DAYS * DAY * A_MINUTE);
  // more than the checkpoints that are kept can cut: what is older is fetched by requests
  expect(pack.pending.base).toBeGreaterThan(before);
  const mostPending = pack.pending.list.length;

  link.sent.length = 0;
  link.heads.length = 0;
  link.mostHeld = { messages: 0, bytes: 0 };
  link.connect();
  expect(link.sent[0]?.kind).toBe("head");
  expect(link.heads).toEqual([pack.size]);

  // the present goes on meanwhile: a checkpoint a second
  const signed = [pack.size];
  for (let seconds = 0; link.status.witnessed < pack.size; seconds += 1) {
    expect(seconds, `${link.status.witnessed} of ${pack.size} are witnessed`).toBeLessThan(600);
    await link.pass(1000);
    if (link.status.witnessed === pack.size) break;
    await pack.record(1);
    signed.push(pack.size);
    link.signed();
    // at once, whatever of history is under way
    expect(link.heads.at(-1)).toBe(pack.size);
  }
  expect(link.heads).toEqual(signed);
  expect(signed.length).toBeGreaterThan(2);

  // paced by receipts: a window of history at most, in memory and on the link
  expect(link.aheadOfHead).toBeLessThanOrEqual(WINDOW);
  expect(link.mostHeld.messages).toBeLessThanOrEqual(2 * WINDOW);
  expect(link.mostHeld.bytes).toBeLessThan(2 * WINDOW * (TARGET_BATCH_BYTES + 4096));
  expect(mostPending).toBeLessThanOrEqual(1024);
  expect(pack.document.length).toBeLessThan(1024 * 512);

  // each leaf once, in full messages
  const history = link.sent.filter(({ kind }) => kind !== "head");
  const leaves = history.reduce((sum, sent) => sum + sent.leaves, 0);
  const recorded = pack.size - before;
  expect(leaves).toBeGreaterThanOrEqual(recorded);
  expect(leaves - recorded).toBeLessThanOrEqual(2 * WINDOW * TARGET_BATCH_LEAVES);
  expect(history.filter(({ kind }) => kind === "response").length).toBeGreaterThan(10);
  expect(history.length).toBeLessThan((1.25 * recorded) / TARGET_BATCH_LEAVES + signed.length);

  // then the present is witnessed a checkpoint at a time
  const receipts = link.receipts;
  for (let i = 0; i < 5; i += 1) {
    await pack.record(1);
    link.signed();
    await link.pass(1000);
    expect(link.status).toMatchObject({ witnessed: pack.size, behind: 0, inFlight: 0 });
  }
  expect(link.receipts).toBe(receipts + 5);

  let index = 0;
  const own = pack.store.entries(0, pack.size)[Symbol.iterator]();
  for await (const stored of readStoredLog(store, pack.name)) {
    if (!Buffer.from(stored).equals(own.next().value ?? new Uint8Array())) break;
    index += 1;
  }
  expect(index).toBe(pack.size);
}, 540_000);
