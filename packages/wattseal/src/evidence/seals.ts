import { INNER_TYPE, RecordedPdus, SealedAgain, type SoughtPdu } from "@wattseal/can-protocol";
import { openTrace } from "@wattseal/sim-hardware";
import type { EvidenceReport } from "@wattseal/verifier";

/** What the released keys say of the PDUs that readings came in. */
export interface SealFinding {
  /** PDUs that key, counter and body give, tag and all. */
  readonly sealed: number;
  /** PDUs that they do not give. */
  readonly wrong: number;
  /** PDUs of sessions whose key was not released: running, or ended with a gateway that was killed. */
  readonly unreleased: number;
}

/** What a recording of the bus says of them. */
export interface RecordingFinding {
  readonly recorded: number;
  readonly missing: number;
}

export interface Seals {
  readonly finding: SealFinding;
  /** The PDUs as they were on the wire, as far as keys are released. */
  readonly pdus: readonly SoughtPdu[];
}

/** Seals each PDU again and compares its tag. */
export function checkSeals({ pdus, sessions, slot }: EvidenceReport): Seals {
  const ciphers = sessions.map(({ key }) =>
    key === undefined ? undefined : new SealedAgain(key, slot),
  );
  const finding = { sealed: 0, wrong: 0, unreleased: 0 };
  const onWire = pdus.map((pdu) => {
    const cipher = ciphers[pdu.session];
    const { length, tag } = pdu;
    const sealed = cipher?.pdu({ ...pdu, class: "normal", type: INNER_TYPE.telemetry });
    if (cipher === undefined) finding.unreleased += 1;
    else if (sealed === undefined) finding.wrong += 1;
    else finding.sealed += 1;
    return { length, tag, sealed };
  });
  return { finding, pdus: onWire };
}

/** Looks for each PDU in a recording of the bus (.log, .asc, .pcap) that somebody else may have made. */
export async function findInRecording(
  path: string,
  { slot }: EvidenceReport,
  { pdus }: Seals,
): Promise<RecordingFinding> {
  const search = new RecordedPdus(slot, pdus);
  for await (const batch of openTrace(path).batches) {
    for (const record of batch) search.take(record);
  }
  return { recorded: pdus.length - search.missing, missing: search.missing };
}
