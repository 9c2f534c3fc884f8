/** What a pack with a certificate, a key and an accepted document can do to a federation that means it well. */
import { randomBytes } from "node:crypto";
import { millis, utf8 } from "@wattseal/base";
import { encodeEntry } from "@wattseal/energy-ledger";
import type { RefusalReason } from "@wattseal/federation";
import { leafHash, rootOf, signCheckpoint } from "@wattseal/tlog";
import { type Batch, type Channel, encodeBatch } from "@wattseal/uplink";
import { START, TestPack, WITNESS } from "../../packages/federation/src/fleet.fixture.js";

export interface Shot {
  readonly channel: Channel;
  readonly payload: Uint8Array;
}

/** `hostile` has ten entries stored. */
export interface Attack {
  readonly what: string;
  /** By what the federation refuses it; undefined: it is taken, and changes nothing. */
  readonly reason: RefusalReason | undefined;
  readonly shots: (hostile: TestPack, victim: TestPack) => readonly Shot[];
}

const EPOCH = 5;
/** Its log of `size` entries, eight or more: two epochs are in it, of counters 1 and 5. Each has the same keys and entries. */
export function hostileOf(size: number): TestPack {
  const hostile = new TestPack("hostile");
  hostile.work(3);
  hostile.beginEpoch(EPOCH);
  hostile.work(size - hostile.size);
  return hostile;
}

const batch = (payload: Uint8Array): Shot => ({ channel: "batch", payload });
const head = (note: string): Shot => ({ channel: "head", payload: utf8(note) });

/** `leaves` behind the first `size` of its own, under its own key; its log on this side stays as it is. */
function signedBehind(pack: TestPack, size: number, leaves: readonly Uint8Array[]): Batch {
  const all = [...pack.leaves.slice(0, size), ...leaves];
  const checkpoint = pack.note(all.length, rootOf(all.map(leafHash)));
  return { origin: pack.origin, prevSize: size, leaves, checkpoint };
}

/** Of an epoch that never began. */
function endOfAnother(): Uint8Array {
  const body = { epoch: 99, reason: "hostile" };
  return encodeEntry({ type: "epoch.end", timeMs: millis(START + 3_600_000), body });
}

function clockSet(step: number): Uint8Array {
  const body = { sync: "synchronised", source: "hostile", step } as const;
  return encodeEntry({ type: "ops.clock", timeMs: millis(START + 3_600_000), body });
}

/** One after the other: none of them ends the hostile's LCT. */
export const ATTACKS: readonly Attack[] = [
  {
    what: "random bytes where a batch belongs",
    reason: "malformed",
    shots: () => [batch(randomBytes(300))],
  },
  {
    what: "bytes that are no head, no evidence and no response",
    reason: "malformed",
    shots: () => [
      head("no note"),
      { channel: "epoch", payload: randomBytes(15_001) },
      { channel: "epoch", payload: randomBytes(100) },
      { channel: "response", payload: randomBytes(100) },
    ],
  },
  {
    what: "arrays in arrays, as deep as a message is long",
    reason: "malformed",
    shots: () => [batch(new Uint8Array(200_000).fill(0x81))],
  },
  {
    what: "a length of four thousand million leaves",
    reason: "malformed",
    shots: (hostile) => {
      const bytes = hostile.batch(0);
      const at = Buffer.from(bytes).indexOf("leaves") + "leaves".length;
      return [batch(Buffer.concat([bytes.slice(0, at), Uint8Array.of(0x9a, 255, 255, 255, 255)]))];
    },
  },
  {
    what: "an old head of its own, as if nothing had come after",
    reason: undefined,
    shots: (hostile) => [head(hostile.note(6)), head(hostile.note(10))],
  },
  {
    what: "batches of its own that are stored, again",
    reason: undefined,
    shots: (hostile) => [batch(hostile.batch(0, 10)), batch(hostile.batch(4, 10))],
  },
  {
    what: "another pack's batch and head, as they are",
    reason: "origin",
    shots: (_hostile, victim) => [batch(victim.batch(0)), head(victim.note())],
  },
  {
    what: "another pack's leaves under its own name and key",
    reason: "leaf",
    shots: (hostile, victim) => {
      const leaves = victim.leaves.slice(0, 10);
      const { origin } = hostile;
      return [batch(encodeBatch({ origin, prevSize: 0, leaves, checkpoint: hostile.note(10) }))];
    },
  },
  {
    what: "another pack's epoch behind its own entries",
    reason: "epoch",
    shots: (hostile, victim) => [
      batch(encodeBatch(signedBehind(hostile, 10, victim.leaves.slice(1, 2)))),
    ],
  },
  {
    what: "leaves that do not give the root that it signed",
    reason: "root",
    shots: (hostile) => {
      const signed = signedBehind(hostile, 10, [clockSet(1), clockSet(2)]);
      return [batch(encodeBatch({ ...signed, leaves: signed.leaves.toReversed() }))];
    },
  },
  {
    what: "a checkpoint of another size than its leaves have",
    reason: "size",
    shots: (hostile) => {
      const signed = signedBehind(hostile, 10, [clockSet(1), clockSet(2)]);
      return [batch(encodeBatch({ ...signed, leaves: signed.leaves.slice(1) }))];
    },
  },
  {
    what: "what no key of its own has signed",
    reason: "signature",
    shots: (hostile) => {
      const root = rootOf(hostile.leaves.slice(0, 10).map(leafHash));
      const stranger = { ...WITNESS, name: hostile.origin };
      return [
        head(signCheckpoint({ size: 10, root }, stranger)),
        head(signCheckpoint({ size: Number.MAX_SAFE_INTEGER, root }, stranger)),
      ];
    },
  },
  {
    what: "an epoch whose counter does not grow",
    reason: "epoch",
    shots: (hostile) => {
      const twin = hostileOf(10);
      twin.beginEpoch(EPOCH - 1);
      return [batch(encodeBatch(signedBehind(hostile, 10, twin.leaves.slice(10))))];
    },
  },
  {
    what: "evidence that another anchor signed",
    reason: "epoch",
    shots: () => {
      const other = new TestPack("other");
      other.beginEpoch(EPOCH + 1);
      return [{ channel: "epoch", payload: other.evidence }];
    },
  },
  {
    what: "a head under the key of an epoch that is over",
    reason: "signature",
    shots: (hostile) => {
      const before = new TestPack("hostile");
      return [10, 12].map((size) => head(before.note(size, hostile.root(10))));
    },
  },
  {
    what: "what the ledger's rules refuse, under its own signature",
    reason: "entry",
    shots: (hostile) => [batch(encodeBatch(signedBehind(hostile, 10, [endOfAnother()])))],
  },
  {
    what: "what is no entry at all, under its own signature",
    reason: "entry",
    shots: (hostile) => [batch(encodeBatch(signedBehind(hostile, 10, [utf8("no entry")])))],
  },
];

/** Another root for ten entries, under its key. */
export function fork(hostile: TestPack): Shot {
  return batch(encodeBatch(signedBehind(hostile, 8, [clockSet(1), clockSet(2)])));
}

/** Everything cheap to send and dear to keep. */
export function flood(hostile: TestPack, count: number): readonly Shot[] {
  const ahead = signedBehind(hostile, 10, [clockSet(1), clockSet(2)]);
  const kinds: readonly ((i: number) => Shot)[] = [
    (i) => batch(encodeBatch({ ...ahead, prevSize: 11, leaves: [clockSet(i)] })),
    () => head(ahead.checkpoint),
    (i) => batch(utf8(`junk ${i}`)),
    (i) => ({ channel: "alarm", payload: utf8(`alarm ${i}`) }),
    () => batch(hostile.batch(0, 10)),
    (i) => batch(encodeBatch(signedBehind(hostile, 10, [utf8(`no entry ${i}`)]))),
  ];
  return Array.from({ length: count }, (_, i) => kinds[i % kinds.length]!(i));
}
