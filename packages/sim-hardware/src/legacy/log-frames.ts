import { viewOf } from "@wattseal/base";
import { type CanFrame, crc32, encodeClear, LAST_LOG_FRAME } from "@wattseal/can-protocol";

const FRAME_BYTES = 1024;
const SEGMENT_BYTES = 8;
/** As deployed modules count: the start frame, and 128 of data. */
const SEGMENTS = 129;

/** The bytes of a log frame: made up, the same each time. */
export function logFrameBytes(counter: number): Uint8Array {
  const bytes = new Uint8Array(FRAME_BYTES);
  const view = viewOf(bytes);
  for (let at = 0; at < FRAME_BYTES; at += 4) {
    view.setUint32(at, Math.imul(counter + at + 1, 0x9e37_79b1) >>> 0, true);
  }
  view.setUint32(0, counter, true);
  return bytes;
}

/** All frames of one transfer; none for a log frame that is not there. */
export function logFrames(options: {
  readonly wanted: number;
  /** The newest one. */
  readonly last: number;
  readonly address: number;
  readonly wrongCrc: boolean;
}): readonly CanFrame[] {
  const { wanted, last, address, wrongCrc } = options;
  const counter = wanted === LAST_LOG_FRAME ? last : wanted;
  if (counter > last) return [];
  const bytes = logFrameBytes(counter);
  const view = viewOf(bytes);
  const frames = [encodeClear("frameStart", { counter, segments: SEGMENTS }, { address })];
  for (let at = 0; at < FRAME_BYTES; at += SEGMENT_BYTES) {
    const values = { low: view.getUint32(at, true), high: view.getUint32(at + 4, true) };
    frames.push(encodeClear("frameData", values, { address, sequence: at / SEGMENT_BYTES }));
  }
  const crc = crc32(bytes);
  frames.push(encodeClear("frameEnd", { crc: wrongCrc ? (crc ^ 1) >>> 0 : crc }, { address }));
  return frames;
}
