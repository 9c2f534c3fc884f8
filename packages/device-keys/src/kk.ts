/**
 * Noise_KK_25519_ChaChaPoly_SHA256 (Noise Protocol Framework rev 34 §7.5), without I/O:
 *
 *     -> s
 *     <- s
 *     ...
 *     -> e, es, ss
 *     <- e, ee, se
 *
 * A message that does not authenticate leaves the handshake as it was: whoever injects one costs time only.
 */
import { inspect } from "node:util";
import { concatBytes, type Entropy } from "@wattseal/base";
import { TAG_LENGTH } from "./aead.js";
import { DeviceKeysError } from "./errors.js";
import { type DeviceCustody, DeviceHalf, HALF_LENGTH } from "./half.js";
import { SymmetricState } from "./symmetric.js";
import { TransportCipher } from "./transport.js";

const EMPTY = new Uint8Array(0);

interface KkParts {
  /** Both sides' agreement on what this handshake is for. */
  readonly prologue: Uint8Array;
  /** The peer's static public half, 32 bytes. */
  readonly peer: Uint8Array;
  /** Where the ephemeral half comes from. */
  readonly entropy: Entropy;
}

export interface KkInitiatorOptions extends KkParts {
  /** Our static public half, 32 bytes. What holds the secret one is asked by the caller, in its own time. */
  readonly publicKey: Uint8Array;
}

export interface KkResponderOptions extends KkParts {
  /** Our static half. */
  readonly custody: DeviceCustody;
}

/** What a finished handshake gives. */
export interface KkSession {
  /** 32 bytes, the same on both sides and different for every session (Noise rev 34 §11.2). */
  readonly handshakeHash: Uint8Array;
  readonly send: TransportCipher;
  readonly receive: TransportCipher;
}

/** What came of a message 2, but for se. */
interface Received {
  readonly state: SymmetricState;
  readonly sealed: Uint8Array;
}

/**
 * The side that writes message 1: the pack. Its static half may be held far away (a TPM behind the signer), so the two
 * results that need it, ss and se, are given to it: X25519 of that half, 32 bytes, wiped here.
 */
export class KkInitiator {
  readonly #peer: Uint8Array;
  readonly #ephemeral: DeviceHalf;
  #state: SymmetricState | undefined;
  #received: Received | undefined;
  #turn: "write-1" | "read-2" | "done" = "write-1";

  constructor({ prologue, publicKey, peer, entropy }: KkInitiatorOptions) {
    this.#peer = peer;
    this.#ephemeral = DeviceHalf.generate(entropy);
    this.#state = SymmetricState.initialize(prologue, publicKey, peer);
  }

  /** e, es, ss and `payload`: 48 bytes and the payload's length. `ss`: of our static half with the peer's. */
  writeMessage1(ss: Uint8Array, payload: Uint8Array = EMPTY): Uint8Array {
    const state = turn(this.#state, this.#turn === "write-1");
    this.#turn = "read-2";
    state.mixHash(this.#ephemeral.publicKey);
    state.mixKey(this.#ephemeral.dh(this.#peer));
    state.mixKey(ss);
    return concatBytes(this.#ephemeral.publicKey, state.encryptAndHash(payload));
  }

  /**
   * e and ee: as far as message 2 goes without our static half. Returns the peer's ephemeral half, 32 bytes, with
   * which it is to agree (se), then `openMessage2`. Takes the place of a message 2 that was begun before.
   * Throws `handshake-refused` for an impossible length, `weak-peer-half`.
   */
  beginMessage2(message: Uint8Array): Uint8Array {
    const state = turn(this.#state, this.#turn === "read-2").clone();
    this.#dropReceived();
    const peerEphemeral = ephemeralOf(message, 2);
    const ee = this.#ephemeral.dh(peerEphemeral);
    state.mixHash(peerEphemeral);
    state.mixKey(ee);
    this.#received = { state, sealed: message.slice(HALF_LENGTH) };
    return peerEphemeral;
  }

  /** se and the payload. Throws `handshake-refused`, after which a later, true message 2 is still read. */
  openMessage2(se: Uint8Array): { payload: Uint8Array; session: KkSession } {
    const received = this.#received;
    if (received === undefined) throw outOfTurn();
    this.#received = undefined;
    const { state, sealed } = received;
    state.mixKey(se);
    const payload = state.decryptAndHash(sealed);
    if (payload === undefined) {
      state.dispose();
      throw refused(2);
    }
    const [send, receive] = state.split();
    const session = sessionOf(state, send, receive);
    this.dispose();
    return { payload, session };
  }

  #dropReceived(): void {
    this.#received?.state.dispose();
    this.#received = undefined;
  }

  /** Wipes what is left of the handshake; idempotent. The session, if any, stays. */
  dispose(): void {
    this.#turn = "done";
    this.#ephemeral.dispose();
    this.#dropReceived();
    this.#state?.dispose();
    this.#state = undefined;
  }

  toJSON(): string {
    return "[Noise KK initiator, redacted]";
  }

  [inspect.custom](): string {
    return this.toJSON();
  }
}

/** The side that answers: the module. */
export class KkResponder {
  readonly #options: KkResponderOptions;
  #state: SymmetricState | undefined;
  #peerEphemeral: Uint8Array | undefined;

  constructor(options: KkResponderOptions) {
    this.#options = options;
    const { prologue, custody, peer } = options;
    this.#state = SymmetricState.initialize(prologue, peer, custody.publicKey);
  }

  /** Returns the payload. Throws `handshake-refused`, after which a later, true message 1 is still read. */
  readMessage1(message: Uint8Array): Uint8Array {
    const state = turn(this.#state, this.#peerEphemeral === undefined).clone();
    const { custody, peer } = this.#options;
    const peerEphemeral = ephemeralOf(message, 1);
    state.mixHash(peerEphemeral);
    state.mixKey(custody.dh(peerEphemeral));
    state.mixKey(custody.dh(peer));
    const payload = state.decryptAndHash(message.subarray(HALF_LENGTH));
    if (payload === undefined) throw refused(1);
    this.#state = state;
    this.#peerEphemeral = peerEphemeral;
    return payload;
  }

  /** e, ee, se and `payload`: 48 bytes and the payload's length. */
  writeMessage2(payload: Uint8Array = EMPTY): { message: Uint8Array; session: KkSession } {
    const peerEphemeral = this.#peerEphemeral;
    const state = turn(this.#state, peerEphemeral !== undefined);
    if (peerEphemeral === undefined) throw outOfTurn();
    const ephemeral = DeviceHalf.generate(this.#options.entropy);
    state.mixHash(ephemeral.publicKey);
    state.mixKey(ephemeral.dh(peerEphemeral));
    state.mixKey(ephemeral.dh(this.#options.peer));
    ephemeral.dispose();
    const message = concatBytes(ephemeral.publicKey, state.encryptAndHash(payload));
    const [receive, send] = state.split();
    const session = sessionOf(state, send, receive);
    this.dispose();
    return { message, session };
  }

  /** Wipes what is left of the handshake; idempotent. The session, if any, stays. */
  dispose(): void {
    this.#state?.dispose();
    this.#state = undefined;
  }

  toJSON(): string {
    return "[Noise KK responder, redacted]";
  }

  [inspect.custom](): string {
    return this.toJSON();
  }
}

function turn(state: SymmetricState | undefined, ours: boolean): SymmetricState {
  if (state === undefined || !ours) throw outOfTurn();
  return state;
}

function outOfTurn(): DeviceKeysError {
  return new DeviceKeysError("out-of-turn", "usage", "this is not the handshake's next step");
}

function refused(message: 1 | 2): DeviceKeysError {
  return new DeviceKeysError(
    "handshake-refused",
    "peer",
    `handshake message ${message} does not authenticate`,
  );
}

function ephemeralOf(message: Uint8Array, number: 1 | 2): Uint8Array {
  if (message.length < HALF_LENGTH + TAG_LENGTH) throw refused(number);
  return message.slice(0, HALF_LENGTH);
}

function sessionOf(state: SymmetricState, send: Uint8Array, receive: Uint8Array): KkSession {
  const session = {
    handshakeHash: Uint8Array.from(state.hash),
    send: new TransportCipher(send),
    receive: new TransportCipher(receive),
  };
  send.fill(0);
  receive.fill(0);
  state.dispose();
  return session;
}
