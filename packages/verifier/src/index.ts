export { VerifierError, type VerifierErrorCode } from "./errors.js";
export { collectEvidence, type KeptEvidence } from "./evidence/collect.js";
export {
  decodeEvidenceFile,
  type EvidenceFile,
  type EvidencePdu,
  type EvidenceSession,
  encodeEvidenceFile,
  isEvidenceFile,
} from "./evidence/file.js";
export { type EvidenceReport, verifyEvidenceFile } from "./evidence/verify.js";
export {
  type AuditDifference,
  type AuditOptions,
  type AuditReport,
  type AuditSource,
  auditLog,
  type Verdict,
} from "./log/audit.js";
export { type AcceptedAuthorities, type DecodedLeaf, LogReplay } from "./log/replay.js";
export {
  checkSnapshots,
  firstReplay,
  type ResumableLog,
  resumeReplay,
  type SnapshotFindings,
  type SnapshotLog,
  snapshotIndex,
  snapshotName,
} from "./log/resume.js";
export {
  isMissingStatement,
  type MissingEntries,
  type MissingReport,
  signMissing,
  verifyMissing,
} from "./missing/statement.js";
export { collectProof, type ProvableLog } from "./proof/collect.js";
export {
  decodeProofFile,
  encodeProofFile,
  type FurtherHead,
  type ProofFile,
  type ProvenEntry,
  type ProvenEpoch,
} from "./proof/file.js";
export { notesOver } from "./proof/notes.js";
export { type ProofReport, type ProofWitness, verifyProofFile } from "./proof/verify.js";
export {
  auditReceiptLog,
  type ReceiptLogAuditOptions,
  type ReceiptLogFault,
  type ReceiptLogFinding,
  type ReceiptLogReport,
  type ReceiptLogSource,
} from "./receipt-log/audit.js";
export type { HeldReceipt } from "./receipt-log/held.js";
export {
  type CheckedStatements,
  decodeReceiptRecord,
  encodeReceiptRecord,
  MAX_WRONG,
  NO_STATEMENTS,
  type ReceiptRecord,
  type StatementFault,
} from "./receipt-log/record.js";
export {
  decodeTrust,
  encodeTrust,
  type Trust,
  type TrustedAuthority,
} from "./trust/trust.js";
