/** Policy digests without a TPM (Part 3 §23), for whoever approves a policy elsewhere. SHA-256. */
import { concatBytes, sha256, viewOf } from "@wattseal/base";
import { type PcrSelection, pcrSelections } from "../structures/pcr.js";
import { CC, EO } from "../wire/constants.js";
import { Writer } from "../wire/writer.js";

/** One condition of a policy. Names are those of the objects that it speaks of. */
export type PolicyCondition =
  | { readonly type: "pcr"; readonly selection: PcrSelection; readonly pcrDigest: Uint8Array }
  | { readonly type: "auth-value" }
  | { readonly type: "command-code"; readonly code: number }
  /** `authority`: the Name of the object whose authorisation value is to be known. */
  | { readonly type: "secret"; readonly authority: Uint8Array }
  | {
      readonly type: "nv";
      /** The index's Name. */
      readonly index: Uint8Array;
      readonly operation: keyof typeof EO;
      readonly value: Uint8Array;
      readonly offset?: number;
    }
  /** What came before was approved by this key, for `reference`; only that stays of it. */
  | { readonly type: "authorize"; readonly keyName: Uint8Array; readonly reference: Uint8Array };

const START = new Uint8Array(32);
const NOTHING = new Uint8Array(0);

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value);
  return bytes;
}

/** PolicyUpdate(), Part 3 §23.2.3: two hashes, of which the second takes the reference in. */
function update(digest: Uint8Array, code: number, name: Uint8Array, reference: Uint8Array) {
  return sha256(concatBytes(sha256(concatBytes(digest, u32(code), name)), reference));
}

function pcrDigestOf(digest: Uint8Array, selection: PcrSelection, values: Uint8Array): Uint8Array {
  const writer = new Writer();
  pcrSelections.write(writer, [selection]);
  return sha256(concatBytes(digest, u32(CC.policyPcr), writer.done(), values));
}

function extend(digest: Uint8Array, condition: PolicyCondition): Uint8Array {
  switch (condition.type) {
    case "pcr":
      return pcrDigestOf(digest, condition.selection, condition.pcrDigest);
    case "auth-value":
      return sha256(concatBytes(digest, u32(CC.policyAuthValue)));
    case "command-code":
      return sha256(concatBytes(digest, u32(CC.policyCommandCode), u32(condition.code)));
    case "secret":
      return update(digest, CC.policySecret, condition.authority, NOTHING);
    case "nv": {
      const { index, operation, value, offset = 0 } = condition;
      const writer = new Writer();
      writer.bytes(value);
      writer.u16(offset);
      writer.u16(EO[operation]);
      return sha256(concatBytes(digest, u32(CC.policyNv), sha256(writer.done()), index));
    }
    case "authorize":
      return update(START, CC.policyAuthorize, condition.keyName, condition.reference);
  }
}

/** The digest that a session has when it met these conditions, in this order. */
export function policyOf(conditions: readonly PolicyCondition[]): Uint8Array {
  return conditions.reduce(extend, START);
}

/** What the approver of a policy signs, by SHA-256, so that PolicyAuthorize takes it (Part 3 §23.16). */
export function approvalOf(policy: Uint8Array, reference: Uint8Array): Uint8Array {
  return concatBytes(policy, reference);
}
