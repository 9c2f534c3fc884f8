export { TlogError, type TlogErrorCode } from "./errors.js";
export {
  type Checkpoint,
  formatCheckpoint,
  type LogKeys,
  parseCheckpoint,
  signCheckpoint,
  unverifiedCheckpoint,
  verifyCheckpoint,
  verifyLogHead,
} from "./note/checkpoint.js";
export { type Cosigned, cosign, verifyCosignature } from "./note/cosignature.js";
export {
  formatVkey,
  keyId,
  parseVkey,
  SIGNATURE_TYPE,
  type SignatureType,
  type VerifierKey,
} from "./note/key.js";
export {
  addSignature,
  formatNote,
  type NoteSignature,
  type NoteSigner,
  parseNote,
  type SignedNote,
  signNote,
  verifyNote,
} from "./note/note.js";
export {
  quorumSize,
  type Witness,
  type WitnessLine,
  witnessLines,
  witnessVkeys,
} from "./note/witness.js";
export {
  decodeBundle,
  encodeBundle,
  entriesPath,
  TILE_HEIGHT,
  TILE_WIDTH,
  tilePath,
} from "./tiles.js";
export { Frontier, rootOf } from "./tree/frontier.js";
export { EMPTY_ROOT, HASH_LENGTH, leafHash, nodeHash } from "./tree/hash.js";
export { consistencyProof, type HashReader, inclusionProof, rootAt } from "./tree/proofs.js";
export {
  type ConsistencyClaim,
  type InclusionClaim,
  verifyConsistency,
  verifyInclusion,
} from "./tree/verify.js";
