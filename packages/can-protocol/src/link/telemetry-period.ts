/**
 * How often the modules of a bus may push telemetry. Of the time on the wire, in a second:
 *
 *     load(f) = modules · ( f · T  +  H  +  S / 60 )
 *
 * T is one telemetry PDU (42 B of body: 8 classic frames, or one FD frame of 64 B), H one heartbeat PDU (5 B: 3
 * classic frames, or one FD frame of 24 B), and S what a whole handshake takes (hello, message 1, message 2, ping and its echo)
 * times the attempts that an end may make a minute. Frames count with the stuff bits that random data has on
 * average, about one in 33 bits, and with their intermission. The rest of the wire, `1 − share`, is left to
 * orders, their outcomes, cell detail, log frames, and repetitions after errors.
 */
import type { BusInfo, CanFrame } from "../bus.js";
import { CanProtocolError } from "../errors.js";
import { paddedLength } from "../secured/fd.js";
import { HELLO_LENGTH, MESSAGE_1_LENGTH, MESSAGE_2_LENGTH } from "../secured/handshake.js";
import { MIN_PDU } from "../secured/sealed-pdu.js";
import { segment } from "../secured/segments.js";
import { frameNanos } from "../wire/frame-bits.js";
import { DEFAULT_LIMITS } from "./limits.js";

export const DEFAULT_RATE_HZ = 5;
export const HIGHEST_RATE_HZ = 10;
/** Of the wire, for everything that comes by the clock. */
export const TELEMETRY_SHARE = 0.6;
/** Commands carry the tick of the last telemetry, which must not be older than 2 s. */
const LONGEST_PERIOD_MS = 1000;
const STEP_MS = 10;
const SAMPLES = 32;

const TELEMETRY_BODY = 42;
const HEARTBEAT_BODY = 5;
const PING_BODY = 4;

export interface TelemetryDemand {
  /** On this bus, 1 to 31. */
  readonly modules: number;
  readonly info: BusInfo;
  /** Whether the links send FD frames. */
  readonly fd: boolean;
  /** Readings a second that are wished for: up to 10 (default). Never more are told than the modules can. */
  readonly hz?: number;
  /** Of the wire, 0 to 1; default TELEMETRY_SHARE. */
  readonly share?: number;
}

export interface TelemetryPlan {
  /** For a telemetry-request; a multiple of 10 ms. */
  readonly periodMs: number;
  /** Share of the wire that everything that comes by the clock then takes; above `share` only at 1000 ms. */
  readonly load: number;
}

/** The shortest period from `1000 / hz` to 1000 ms that stays within the share. Throws CanProtocolError `field-range`. */
export function telemetryPeriod(demand: TelemetryDemand): TelemetryPlan {
  const { modules, hz = HIGHEST_RATE_HZ, share = TELEMETRY_SHARE } = demand;
  within(modules, 1, 31, "modules");
  within(hz, 1, HIGHEST_RATE_HZ, "readings a second");
  within(share, 0, 1, "of the wire");
  const reading = modules * pduNanos(TELEMETRY_BODY, demand);
  const rest = (modules * (pduNanos(HEARTBEAT_BODY, demand) + handshakeNanos(demand) / 60)) / 1e9;
  const longEnough = reading / (share - rest) / 1e6;
  const wished = Math.max(1000 / hz, share > rest ? longEnough : LONGEST_PERIOD_MS);
  const periodMs = Math.min(LONGEST_PERIOD_MS, Math.ceil(wished / STEP_MS) * STEP_MS);
  return { periodMs, load: reading / (periodMs * 1e6) + rest };
}

function handshakeNanos(demand: TelemetryDemand): number {
  const once =
    framesNanos(HELLO_LENGTH, demand) +
    framesNanos(MESSAGE_1_LENGTH, demand) +
    framesNanos(MESSAGE_2_LENGTH, demand) +
    2 * pduNanos(PING_BODY, demand);
  return DEFAULT_LIMITS.attemptsPerMinute * once;
}

const pduNanos = (body: number, demand: TelemetryDemand) => framesNanos(MIN_PDU + body, demand);

/** Mean over a few PDUs of data like ciphertext; always the same few. */
function framesNanos(length: number, { fd, info }: TelemetryDemand): number {
  const bytes = paddedLength(length, fd);
  let sum = 0;
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const data = noise(bytes, sample + 1);
    const frames: readonly CanFrame[] = segment(data, 0x633, 1 + (sample % 31), sample, fd);
    for (const frame of frames) sum += frameNanos(frame, info);
  }
  return sum / SAMPLES;
}

/** xorshift32: nothing is secret here, but the statistics are those of ciphertext. */
function noise(length: number, seed: number): Uint8Array {
  let state = Math.imul(seed, 0x9e3779b1);
  return Uint8Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state & 0xff;
  });
}

function within(value: number, least: number, most: number, what: string): void {
  if (value >= least && value <= most) return;
  throw new CanProtocolError("field-range", "usage", `${value} ${what}: ${least} to ${most}`);
}
