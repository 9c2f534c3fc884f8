/**
 * A signer whose state was lost, or put back, takes up a copy of its log. Its state was the one record of what was
 * signed last; without it, a head beyond the copy may be in somebody's hands, and whatever is signed from here on would
 * contradict that. So it is taken up where something else shows that there is none, or on the operator's word.
 */
import type { LctDocument } from "../verify/document.js";
import { LctKeysError } from "../verify/errors.js";
import type { Anchor } from "./anchor.js";
import { type ContinuedLog, newestState, requireAgreement, requireLogExtends } from "./recovery.js";
import { encodeState, type SignerState } from "./state.js";
import type { StateFiles } from "./state-files.js";

/**
 * What says that nothing was signed beyond a log: the signer's own state; a counter in hardware, which shows that no
 * epoch began since the log's last one ended; or the operator's word alone.
 */
export type Footing = "state" | "counter" | "word";

export interface AdoptionOptions {
  readonly files: StateFiles;
  readonly anchor: Anchor;
  /** Verified; its anchor is `anchor`. */
  readonly document: LctDocument;
  /** Verified, to its last entry. */
  readonly log: ContinuedLog;
  /** The log's last entry ends its last epoch, and a witness's receipt covers it. */
  readonly closed: boolean;
  /** The operator's word that nobody holds a head beyond the log, and that no copy of the machine runs on. */
  readonly word: boolean;
  /** Judges, and changes nothing. */
  readonly dry: boolean;
}

/** The signer's own state shows a head beyond the log: nothing can go on from it. */
export class SignedBeyond extends LctKeysError {
  /** Entries of the log. */
  readonly size: number;
  /** Of the head that was signed last. */
  readonly signed: number;

  constructor(size: number, signed: number) {
    const message = `the signer signed a head of ${signed} entries last, and the log has ${size}`;
    super("log-rolled-back", message);
    this.size = size;
    this.signed = signed;
  }
}

interface Known {
  readonly state: SignerState | undefined;
  readonly counter: number;
  readonly claimed: readonly number[];
}

/**
 * Has the signer that is stopped go on from `log`, where nothing contradicts that; a signer that would go on from it as it is
 * is left alone. Durable when it resolves. Throws SignedBeyond, LctKeysError `log-forked`,
 * `counter-rolled-back`, and `state-rolled-back` where only the operator's word would do.
 */
export async function adoptLog(options: AdoptionOptions): Promise<Footing> {
  const { files, anchor, document, log } = options;
  const release = await files.lock();
  try {
    const claimed = await files.claimed();
    const state = await stateIn(files, claimed, document);
    const known = { state, counter: await anchor.counter(), claimed };
    if (state !== undefined) {
      if (state.size > log.size) throw new SignedBeyond(log.size, state.size);
      await requireLogExtends(state, log);
    }
    if (await goesOn(known, options)) return "state";
    const footing = footingOf(known, options);
    if (!options.dry) await write(known, options);
    return footing;
  } finally {
    await release();
  }
}

/** One that cannot be read is as good as lost. */
async function stateIn(files: StateFiles, claimed: readonly number[], document: LctDocument) {
  try {
    return await newestState(files, claimed, document);
  } catch (error) {
    if (error instanceof LctKeysError && error.code === "state-corrupt") return undefined;
    throw error;
  }
}

/** What the next start would judge: see `claimNext` and `requireAgreement`. */
async function goesOn(
  { state, counter, claimed }: Known,
  { anchor, document, log }: AdoptionOptions,
): Promise<boolean> {
  if (counter > Math.max(claimed.at(-1) ?? 0, anchor.counterBase)) return false;
  try {
    await requireAgreement(state, counter, log, document);
    return true;
  } catch (error) {
    if (error instanceof LctKeysError && error.code === "state-rolled-back") return false;
    throw error;
  }
}

function footingOf({ counter }: Known, { document, log, closed, word }: AdoptionOptions): Footing {
  const { binding, attestation, lct } = document;
  if (attestation !== undefined && counter < log.lastCounter) {
    throw new LctKeysError(
      "counter-rolled-back",
      `the log shows epoch ${log.lastCounter}, but the anchor's counter stands at ${counter}: it was turned back. This anchor signs no more: have the registry void ${lct}, and make a new identity that succeeds it (wattseal init --succeeds)`,
    );
  }
  const inHardware = attestation !== undefined && binding !== "software";
  if (inHardware && closed && counter === log.lastCounter) return "counter";
  if (word) return "word";
  throw new LctKeysError(
    "state-rolled-back",
    `the signer's state does not say what was signed last, and nothing else shows that it was entry ${log.size - 1} of this copy`,
  );
}

async function write(
  { counter, claimed }: Known,
  { files, anchor, document, log }: AdoptionOptions,
): Promise<void> {
  const epoch = Math.max(counter, log.lastCounter);
  const { lct } = document;
  if (!claimed.includes(epoch)) await files.claim(epoch);
  await files.write(epoch, encodeState({ lct, epoch, size: log.size, root: log.root }));
  for (const other of claimed) if (other !== epoch) await files.remove(other);
  if ((await anchor.counter()) === epoch) return;
  throw new LctKeysError("signer-superseded", "the anchor's counter moved: a signer runs");
}
