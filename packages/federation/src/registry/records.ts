/** Rows' contents that are not columns: what a token grants, and a challenge that is outstanding. */
import { decodeCbor, encodeCbor, Fields } from "@wattseal/base";
import { ENROLLED_KINDS, type EnrolmentGrant, type PendingEnrolment } from "@wattseal/lct-keys";

const CONTEXT = { least: 0, most: 16 } as const;
const TEXT = { least: 1, most: 256 } as const;
const MESSAGE = { least: 1, most: 32_768 } as const;

export function encodeGrant({ kind, context, succeeds }: EnrolmentGrant): Uint8Array {
  const bytes = encodeCbor([kind, context, succeeds ?? []]);
  decodeGrant(bytes);
  return bytes;
}

/** Throws DecodeError. */
export function decodeGrant(bytes: Uint8Array): EnrolmentGrant {
  const what = "token's grant";
  const fields = new Fields(decodeCbor(bytes, { what }), what, 3);
  const context = new Fields(fields.value(1), "token's context", CONTEXT);
  return {
    kind: fields.oneOf(0, "kind", ENROLLED_KINDS),
    context: context.each((i) => context.text(i, `item ${i}`, TEXT)),
    succeeds: fields.absent(2) ? undefined : fields.lct(2, "predecessor"),
  };
}

export function encodePending(pending: PendingEnrolment): Uint8Array {
  return encodeCbor([
    pending.id,
    pending.lct,
    pending.expires,
    pending.request,
    pending.challenge,
    pending.salt,
    pending.genesisBody,
    pending.secretHash ?? [],
    pending.hardware ?? [],
    pending.why,
  ]);
}

/** Throws DecodeError. */
export function decodePending(bytes: Uint8Array): PendingEnrolment {
  const what = "outstanding challenge";
  const fields = new Fields(decodeCbor(bytes, { what }), what, 10);
  return {
    id: fields.bytes(0, "id", 16),
    lct: fields.lct(1, "lct"),
    expires: fields.millis(2, "expiry"),
    request: fields.bytes(3, "request", MESSAGE),
    challenge: fields.bytes(4, "challenge", MESSAGE),
    salt: fields.bytes(5, "salt", 32),
    genesisBody: fields.bytes(6, "genesis body", MESSAGE),
    secretHash: fields.absent(7) ? undefined : fields.bytes(7, "secret's hash", 32),
    hardware: fields.absent(8) ? undefined : fields.bytes(8, "endorsement key's hash", 32),
    why: fields.text(9, "reason", { least: 1, most: 4_096 }),
  };
}
