/** What a genesis body of version 2 commits to of the TPM that holds the anchor. */
import { type Bounds, type CborValue, Fields } from "@wattseal/base";
import { ALG, decodeNvPublic, NV, type NvPublic } from "@wattseal/tpm2/verify";

/** Whose word it takes for a boot to count: the approvals of boot-approval.ts. */
export interface LctBoot {
  /** P-256, 65 bytes, uncompressed: signs boot approvals. */
  readonly updateKey: Uint8Array;
  /** TPMS_NV_PUBLIC of the version counter, which no approval in force may be below. */
  readonly versionIndex: Uint8Array;
  /** What the version counter holds at enrolment; version v of an approval stands for base + v in it. */
  readonly base: number;
}

export interface LctAttestation {
  /** P-256, 65 bytes, uncompressed: signs the quotes and the counter's certifications. */
  readonly attestationKey: Uint8Array;
  /** TPMS_NV_PUBLIC of the epoch counter, as it is once it was incremented. */
  readonly counter: Uint8Array;
  /** Name of the storage root, 34 bytes: sessions are salted to no other key, or the bus can be read. */
  readonly storage: Uint8Array;
  /** PCRs of the SHA-256 bank that the boot is judged by, ascending. */
  readonly pcrs: readonly number[];
  readonly boot: LctBoot | undefined;
}

const POINT = { length: 65, uncompressed: 4 } as const;
/** Of an index named by SHA-256 (Part 2 §13.5): its policy is empty or one digest. */
const NV_PUBLIC: Bounds = { least: 14, most: 46 };
/** Two bytes of algorithm, and SHA-256. */
const NAME_BYTES = 34;
const COUNTER_BYTES = 8;
/** Handles of NV indices: TPM_HT_NV_INDEX in the first byte (Part 2 §7.2). */
const NV_HANDLE = 1;
const PCRS: Bounds = { least: 1, most: 24 };
const LAST_PCR = 23;
/** With a version added it stays an exact integer. */
const BASE: Bounds = { least: 0, most: 2 ** 52 };

export function attestationItem(attestation: LctAttestation): CborValue {
  const { attestationKey, counter, storage, pcrs, boot } = attestation;
  const bootItem = boot === undefined ? [] : [boot.updateKey, boot.versionIndex, boot.base];
  return [attestationKey, counter, storage, pcrs, bootItem];
}

function decodePoint(fields: Fields, index: number, name: string): Uint8Array {
  const point = fields.bytes(index, name, POINT.length);
  if (point[0] !== POINT.uncompressed) fields.fail(`${name} is not uncompressed`);
  return point;
}

function isWrittenCounter({ index, nameAlgorithm, attributes, authPolicy, size }: NvPublic) {
  const named = nameAlgorithm === ALG.sha256 && [0, 32].includes(authPolicy.length);
  const counts = (attributes & NV.typeMask) === NV.counter && size === COUNTER_BYTES;
  return named && counts && (attributes & NV.written) !== 0 && index >>> 24 === NV_HANDLE;
}

function decodeCounter(fields: Fields, index: number, name: string): Uint8Array {
  const bytes = fields.bytes(index, name, NV_PUBLIC);
  if (!isWrittenCounter(decodeNvPublic(bytes))) {
    fields.fail(`${name} is no counter of 8 bytes that was incremented, named by SHA-256`);
  }
  return bytes;
}

function decodeName(fields: Fields, index: number, name: string): Uint8Array {
  const bytes = fields.bytes(index, name, NAME_BYTES);
  if (bytes[0] !== ALG.sha256 >> 8 || bytes[1] !== (ALG.sha256 & 0xff)) {
    fields.fail(`${name} is not a Name by SHA-256`);
  }
  return bytes;
}

function decodePcrs(value: CborValue | undefined): readonly number[] {
  const list = new Fields(value, "LCT attestation's PCRs", PCRS);
  let next = 0;
  return list.each((i) => {
    const pcr = list.integer(i, `PCR ${i}`, { least: next, most: LAST_PCR });
    next = pcr + 1;
    return pcr;
  });
}

function decodeBoot(value: CborValue | undefined): LctBoot {
  const fields = new Fields(value, "LCT attestation's boot", 3);
  return {
    updateKey: decodePoint(fields, 0, "update key"),
    versionIndex: decodeCounter(fields, 1, "version counter"),
    base: fields.integer(2, "base", BASE),
  };
}

/** Throws DecodeError. */
export function decodeAttestationItem(value: CborValue | undefined): LctAttestation {
  const fields = new Fields(value, "LCT attestation", 5);
  const attestation = {
    attestationKey: decodePoint(fields, 0, "attestation key"),
    counter: decodeCounter(fields, 1, "epoch counter"),
    storage: decodeName(fields, 2, "storage root"),
    pcrs: decodePcrs(fields.value(3)),
    boot: fields.absent(4) ? undefined : decodeBoot(fields.value(4)),
  };
  const { counter, boot } = attestation;
  if (boot && decodeNvPublic(boot.versionIndex).index === decodeNvPublic(counter).index) {
    fields.fail("epochs and boot versions are counted by one index");
  }
  return attestation;
}
