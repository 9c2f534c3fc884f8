import { frameNanos } from "@wattseal/can-protocol";
import { connect } from "./lib/link-pair.mjs";
import { perCpuSecond } from "./lib/measure.mjs";
import { formatTable } from "./lib/table.mjs";

const BATCH = 500;

const BUSES = [
  { name: "classic 500 k", fd: false, info: { nominalBitRate: 500_000, dataBitRate: undefined } },
  { name: "FD 500 k / 2 M", fd: true, info: { nominalBitRate: 500_000, dataBitRate: 2_000_000 } },
];

/** Full telemetry through the link machines of both ends: values to frames, and frames to values. */
export async function link() {
  const rows = [];
  for (const { name, fd, info } of BUSES) {
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
    rows.push({ what: `seal, ${name}`, rate: sealing, ...peer });
    rows.push({ what: `open, ${name}`, rate: opening, ...peer });
  }
  return formatTable("CAN link", "telemetry PDU", rows);
}
