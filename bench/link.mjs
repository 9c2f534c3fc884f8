import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { frameNanos } from "@wattseal/can-protocol";
import { DeviceHalf } from "@wattseal/device-keys";
import { connect } from "./lib/link-pair.mjs";
import { median, perCpuSecond } from "./lib/measure.mjs";
import { entropy } from "./lib/pack.mjs";
import { formatFigures, formatTable } from "./lib/table.mjs";

const BATCH = 500;
const LATENCIES = 20_000;
const LINKS = 1000;
/** Of one handshake, both ends: es, ss, ee, se at each. */
const AGREEMENTS = 8;

const BUSES = [
  { name: "classic 500 k", fd: false, info: { nominalBitRate: 500_000, dataBitRate: undefined } },
  { name: "FD 500 k / 2 M", fd: true, info: { nominalBitRate: 500_000, dataBitRate: 2_000_000 } },
];

/** Full telemetry through the link machines of both ends: values to frames, and frames to values. */
export async function link() {
  const rows = [];
  const figures = [];
  for (const bus of BUSES) {
    rows.push(...(await throughput(bus)));
    figures.push(...latency(bus));
  }
  rows.push(await handshakes());
  figures.push(...memory());
  const table = formatTable("CAN link", "telemetry PDU or handshake", rows);
  return `${table}\n${formatFigures("CAN link, one at a time", figures)}`;
}

/** @param {typeof BUSES[number]} bus */
async function throughput({ name, fd, info }) {
  const pair = connect(fd);
  /** Sealed and not yet opened. */
  let frames = pair.seal(BATCH);
  const seal = () => {
    frames = pair.seal(BATCH);
    return BATCH;
  };
  const open = () => {
    const accepted = pair.open(frames);
    if (accepted !== BATCH) throw new Error(`${accepted} of ${BATCH} PDUs were accepted`);
    return accepted;
  };
  const wireSeconds = frames.reduce((sum, frame) => sum + frameNanos(frame, info), 0) / 1e9;
  const peer = {
    peer: `a saturated wire (frames a PDU: ${frames.length / BATCH})`,
    peerRate: BATCH / wireSeconds,
  };
  const sealing = await perCpuSecond(seal, () => {
    open();
    pair.pass();
  });
  open();
  const opening = await perCpuSecond(open, () => {
    pair.pass();
    seal();
  });
  return [
    { what: `seal, ${name}`, rate: sealing, ...peer },
    { what: `open, ${name}`, rate: opening, ...peer },
  ];
}

/**
 * From the last frame of a telemetry PDU to its reading, with nothing else to do.
 *
 * @param {typeof BUSES[number]} bus
 */
function latency({ name, fd }) {
  const pair = connect(fd);
  /** @type {number[]} */
  const micros = [];
  for (let i = 0; i < LATENCIES; i += 1) {
    const frames = pair.seal(1);
    const [last] = frames.splice(-1);
    if (last === undefined) throw new Error("a PDU has frames");
    pair.open(frames);
    const before = process.hrtime.bigint();
    const accepted = pair.open([last]);
    micros.push(Number(process.hrtime.bigint() - before) / 1000);
    if (accepted !== 1) throw new Error("the reading was not accepted");
    if (i % BATCH === 0) pair.pass();
  }
  micros.sort((a, b) => a - b);
  const at = (/** @type {number} */ share) => micros[Math.floor(share * micros.length)] ?? 0;
  return [
    { what: `last frame to reading, ${name}, p50`, value: median(micros), unit: "µs" },
    { what: `last frame to reading, ${name}, p99`, value: at(0.99), unit: "µs" },
  ];
}

/** Hello to settled, both ends made anew, beside the bare key agreements of it. */
async function handshakes() {
  const own = DeviceHalf.generate(entropy);
  const peer = DeviceHalf.generate(entropy).publicKey;
  const pair = connect(false);
  const rate = await perCpuSecond(() => {
    for (let i = 0; i < 20; i += 1) pair.again();
    return 20;
  });
  const peerRate = await perCpuSecond(() => {
    for (let i = 0; i < 20 * AGREEMENTS; i += 1) own.dh(peer);
    return 20;
  });
  return { what: "handshake, both ends", rate, peer: `${AGREEMENTS} × X25519`, peerRate };
}

/** What a pack's ends hold, linked and after a reading each. */
function memory() {
  setFlagsFromString("--expose-gc");
  const collect = /** @type {() => void} */ (runInNewContext("gc"));
  const used = () => {
    collect();
    const { heapUsed, external, rss } = process.memoryUsage();
    return { heap: heapUsed + external, rss };
  };
  const before = used();
  const packs = Array.from({ length: LINKS }, () => {
    const pair = connect(false);
    pair.open(pair.seal(1));
    return pair.pack;
  });
  const after = used();
  const kib = (/** @type {number} */ bytes) => bytes / LINKS / 1024;
  if (!packs.every(({ status }) => status.linked)) throw new Error("not all are linked");
  return [
    {
      what: `heap of a link, pack's end (of ${LINKS})`,
      value: kib(after.heap - before.heap),
      unit: "KiB",
    },
    {
      what: "resident, both ends made and one kept",
      value: kib(after.rss - before.rss),
      unit: "KiB",
    },
  ];
}
