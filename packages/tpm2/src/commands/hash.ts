/** Hashing in the TPM (Part 3 §17): its ticket says that a restricted key may sign the digest. */
import { type HashAlgorithm, hashAlgorithm, MOST_DIGEST } from "../structures/algorithms.js";
import { type Ticket, ticket } from "../structures/ticket.js";
import type { Tpm, Use } from "../tpm.js";
import { buffer } from "../wire/codec.js";
import { ALG, CC, RH } from "../wire/constants.js";

/** MAX_DIGEST_BUFFER of the reference implementation. */
const MOST_CHUNK = 1024;
const auth = buffer(MOST_DIGEST);
const digest = buffer(MOST_DIGEST);
const chunk = buffer(MOST_CHUNK);
const NOTHING = new Uint8Array(0);

export interface TpmHash {
  readonly digest: Uint8Array;
  /** Empty where the message begins like something only the TPM says (TPM_GENERATED_VALUE). */
  readonly ticket: Ticket;
}

/** TPM2_HashSequenceStart. A sequence object's Name is empty (Part 1 §16). */
async function start(tpm: Tpm, hash: HashAlgorithm): Promise<Use> {
  const { handle, parameters } = await tpm.runForHandle({
    code: CC.hashSequenceStart,
    parameters: (w) => {
      auth.write(w, NOTHING);
      hashAlgorithm.write(w, hash);
    },
  });
  parameters.end();
  return { handle, name: NOTHING };
}

/** TPM2_HashSequenceStart, SequenceUpdate and SequenceComplete over a message of any length. */
export async function hashSequence(
  tpm: Tpm,
  message: Uint8Array,
  hash: HashAlgorithm = ALG.sha256,
  hierarchy: number = RH.owner,
): Promise<TpmHash> {
  const sequence = await start(tpm, hash);
  let at = 0;
  for (; message.length - at > MOST_CHUNK; at += MOST_CHUNK) {
    const piece = message.subarray(at, at + MOST_CHUNK);
    const { parameters } = await tpm.run({
      code: CC.sequenceUpdate,
      uses: [sequence],
      parameters: (w) => chunk.write(w, piece),
    });
    parameters.end();
  }
  const { parameters } = await tpm.run({
    code: CC.sequenceComplete,
    uses: [sequence],
    parameters: (w) => {
      chunk.write(w, message.subarray(at));
      w.u32(hierarchy);
    },
  });
  tpm.forget(sequence.handle);
  const made = { digest: digest.read(parameters), ticket: ticket.read(parameters) };
  parameters.end();
  return made;
}
