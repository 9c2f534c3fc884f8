import { CanProtocolError } from "../errors.js";

/** Parts of a deployed identifier: `base << 18 | sequence << 8 | address`. */
export interface ClearId {
  readonly base: number;
  /** Segment of a bulk transfer, 0-1023; else 0. */
  readonly sequence: number;
  /** 0x00 all registered modules, 0x01-0x1F a module, 0xFF unregistered. */
  readonly address: number;
}

export const BROADCAST_ADDRESS = 0x00;
export const UNREGISTERED_ADDRESS = 0xff;

/** Throws CanProtocolError `field-range` for a part that does not fit. */
export function clearId({ base, sequence, address }: ClearId): number {
  return (part(base, 11) << 18) | (part(sequence, 10) << 8) | part(address, 8);
}

export function parseClearId(id: number): ClearId {
  return { base: (id >>> 18) & 0x7ff, sequence: (id >>> 8) & 0x3ff, address: id & 0xff };
}

function part(value: number, width: number): number {
  if (!Number.isInteger(value) || value < 0 || value >= 1 << width) {
    throw new CanProtocolError(
      "field-range",
      "usage",
      `${value} does not fit ${width} identifier bits`,
    );
  }
  return value;
}
