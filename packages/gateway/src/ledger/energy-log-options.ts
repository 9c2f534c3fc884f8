import type { Clock, Logger, Millis, WattsealError } from "@wattseal/base";
import type { EntryBody, EntryType } from "@wattseal/energy-ledger";
import type { Signer } from "@wattseal/lct-keys";
import type { LctDocument } from "@wattseal/lct-keys/verify";
import type { StoreFiles } from "@wattseal/tlog/store";
import type { PendingCheckpoints } from "@wattseal/uplink";
import type { Trust } from "@wattseal/verifier";

/** An entry before it is entered. */
export type Draft<T extends EntryType = EntryType> = {
  [Type in T]: {
    readonly type: Type;
    readonly body: EntryBody<Type>;
    /** Of which moment it is true, UTC ms; absent: of the moment it is appended. */
    readonly timeMs?: Millis;
  };
}[T];

/** What a signer must know of the log that its epoch continues. */
export interface ContinuedLog {
  readonly size: number;
  readonly root: Uint8Array;
  /** Counter of the last epoch in the log, 0 before the first. */
  readonly lastCounter: number;
  /** The highest version of a boot approval that its epochs stood under; 0 without any. */
  readonly bootVersion: number;
  consistencyProof(from: number, to: number): readonly Uint8Array[];
  /** Last signed checkpoint and last receipt that the log keeps. */
  readonly head: string | undefined;
  readonly receipt: string | undefined;
}

export interface EnergyLogOptions {
  readonly directory: string;
  /** Of `directory`; default: the disk's. */
  readonly files?: StoreFiles | undefined;
  readonly document: LctDocument;
  /** Whose document, mint, source, policy and status statements this log accepts. */
  readonly trust: Trust;
  /** Begins an epoch. */
  readonly openSigner: (log: ContinuedLog) => Promise<Signer>;
  /** UTC, which dates entries: it may stand still for a while. */
  readonly clock: Clock;
  /** Time that only runs, for what has to be signed in time; default: `clock`. */
  readonly steady?: Clock | undefined;
  readonly logger: Logger;
  /** An entry that was acknowledged, with its leaf hash: for whoever keeps accounts of that elsewhere. */
  readonly onDurable?: ((index: number, leafHash: Uint8Array) => void) | undefined;
}

export interface BeginOptions {
  readonly pending: PendingCheckpoints;
  readonly onSigned: (size: number) => void;
  /** Nothing is accepted any more: `stopped` says why. */
  readonly onStopped?: (() => void) | undefined;
  /** The signer is away: entries go on, and the next epoch signs them. Default: the log stops. */
  readonly onAway?: ((error: WattsealError) => void) | undefined;
}
