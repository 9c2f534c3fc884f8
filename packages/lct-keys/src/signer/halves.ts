/** The device halves of a running signer: opened once, used by their public half, wiped at its end. */
import { bytesEqual, toHex } from "@wattseal/base";
import { LctKeysError } from "../verify/errors.js";
import type { AnchorHalf } from "./anchor.js";
import type { HalfStatus } from "./port.js";

/** One in use, one that is to follow, and a few of rolls gone by. */
const MOST = 16;

export class HalvesInMemory {
  readonly #halves: AnchorHalf[];

  constructor(halves: readonly AnchorHalf[]) {
    this.#halves = [...halves];
  }

  get statuses(): readonly HalfStatus[] {
    return this.#halves.map(statusOf);
  }

  /** Throws `half-unknown`, `half-refused`, DeviceKeysError. */
  dh(own: Uint8Array, peer: Uint8Array): Uint8Array {
    const named = this.#halves.filter(
      ({ publicKey }) => publicKey !== undefined && bytesEqual(publicKey, own),
    );
    for (const kept of named) if (kept.state === "open") return kept.half.dh(peer);
    for (const kept of named) {
      if (kept.state === "refused") throw new LctKeysError("half-refused", kept.reason);
    }
    const refused = this.#halves.flatMap((kept) => (kept.state === "refused" ? [kept.reason] : []));
    const others = refused.length === 0 ? "" : `, and cannot open: ${refused.join("; ")}`;
    throw new LctKeysError(
      "half-unknown",
      `the signer keeps no device half ${toHex(own.subarray(0, 4))}…${others}`,
    );
  }

  requireRoom(): void {
    if (this.#halves.length < MOST) return;
    throw new LctKeysError(
      "half-refused",
      `the signer keeps ${MOST} device halves already: remove the files of those that no pairing record names`,
    );
  }

  add(half: AnchorHalf): HalfStatus {
    this.#halves.push(half);
    return statusOf(half);
  }

  dispose(): void {
    for (const kept of this.#halves.splice(0)) if (kept.state === "open") kept.half.dispose();
  }
}

function statusOf(kept: AnchorHalf): HalfStatus {
  const { reference, publicKey } = kept;
  return kept.state === "open"
    ? { state: "open", reference, publicKey: kept.publicKey }
    : { state: "refused", reference, publicKey, reason: kept.reason };
}
