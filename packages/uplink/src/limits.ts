/** Brokers of the field cap payloads at 256 KiB. */
export const MAX_MESSAGE_BYTES = 262_144;
/** Bounds what one message makes a decoder allocate. */
export const MAX_BATCH_LEAVES = 4096;
/** A checkpoint's cadence, hence the size that history is sent in. */
export const TARGET_BATCH_LEAVES = 256;
/** Encoded leaf bytes: 48 KiB. */
export const TARGET_BATCH_BYTES = 49_152;
/** A checkpoint note with one signature has about 250 bytes. */
export const MAX_NOTE_BYTES = 2048;
/** Nodes of an RFC 9162 consistency proof in a tree of at most 2^53 leaves. */
export const MAX_PROOF_NODES = 64;
/** What a batch may hold of leaves (with their length heads) beside origin and note. */
export const MAX_BATCH_LEAF_BYTES = MAX_MESSAGE_BYTES - 2 * MAX_NOTE_BYTES;
/** CBOR head of a byte string of up to 16 KiB. */
export const LEAF_HEAD_BYTES = 3;
