/** One authenticated client's requests: judged, carried out, answered. No sockets here. */
import {
  type Cancel,
  type CborValue,
  type Clock,
  DecodeError,
  type Logger,
  type Millis,
  messageOf,
  millis,
  WattsealError,
} from "@wattseal/base";
import { LctKeysError } from "../../verify/errors.js";
import type { LocalSigner } from "../local-signer.js";
import type { Signer } from "../port.js";
import type { CallLimits } from "./call-limits.js";
import {
  attestationResult,
  halfItem,
  identityResult,
  nextStartResult,
  okReply,
  proofQuestion,
  refusalReply,
} from "./replies.js";
import { type Ask, decodeRequest, type IdentityRequest } from "./requests.js";

export interface SessionOptions {
  readonly service: LocalSigner;
  readonly limits: CallLimits;
  /** Only runs: ages the epoch from the time that the client gave for its beginning. */
  readonly clock: Clock;
  readonly logger: Logger;
  readonly send: (reply: Uint8Array) => void;
  /** A request was answered. */
  readonly onSettled: () => void;
}

interface Question {
  readonly answer: (proof: readonly Uint8Array[]) => void;
  readonly fail: (error: Error) => void;
}

/**
 * The log's time, as far as the signer knows it: what the client said, and what has passed since the epoch began. Until
 * then it stands, since a log's time may run slower than ours and no epoch may be dated after its entry.
 */
class AgingClock implements Clock {
  readonly #from: number;
  readonly #steady: Clock;
  #started: number | undefined;

  constructor(from: number, steady: Clock) {
    this.#from = from;
    this.#steady = steady;
  }

  start(): void {
    this.#started = this.#steady.now();
  }

  now(): Millis {
    const passed = this.#started === undefined ? 0 : this.#steady.now() - this.#started;
    return millis(this.#from + passed);
  }

  at(time: Millis, task: () => void): Cancel {
    return this.#steady.at(millis(this.#steady.now() + Math.max(0, time - this.now())), task);
  }
}

/** A client has this long for a proof. */
const PROOF_MS = 10_000;

export class Session {
  readonly #options: SessionOptions;
  readonly #questions = new Map<number, Question>();
  /** Ids under way. */
  readonly #pending = new Set<number>();
  #epoch: Signer | undefined;
  #over = false;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  get pending(): number {
    return this.#pending.size;
  }

  /** Throws DecodeError for what is no request, and for one whose id is in use: then the client is not one of ours. */
  receive(frame: Uint8Array): void {
    const { id, request } = decodeRequest(frame);
    if (request.call === "proof") {
      const question = this.#questions.get(id);
      if (question === undefined) throw new DecodeError("signer request", 0, "answers no question");
      this.#questions.delete(id);
      question.answer(request.proof);
      return;
    }
    if (this.#pending.has(id)) throw new DecodeError("signer request", 0, `id ${id} is in use`);
    this.#pending.add(id);
    void this.#serve(id, request);
  }

  /** The client is gone: its epoch is over, and what it asked is answered to nobody. */
  async end(): Promise<void> {
    this.#over = true;
    for (const { fail } of this.#questions.values()) {
      fail(new LctKeysError("signer-request", "the client left before it answered"));
    }
    this.#questions.clear();
    await this.#options.service.endEpoch();
  }

  async #serve(id: number, request: Ask): Promise<void> {
    const { limits, logger, send, onSettled } = this.#options;
    let reply: Uint8Array;
    try {
      limits.take(request.call);
      reply = okReply(id, await this.#answer(id, request));
    } catch (error) {
      const code = error instanceof WattsealError ? error.code : undefined;
      logger.warn("signer.refused", { call: request.call, code, error: messageOf(error) });
      reply = refusalReply(id, error);
    }
    this.#pending.delete(id);
    if (!this.#over) send(reply);
    onSettled();
  }

  async #answer(id: number, request: Ask): Promise<CborValue> {
    const { service } = this.#options;
    switch (request.call) {
      case "identity":
        return this.#begin(id, request.log);
      case "sign":
        return this.#begun().sign(...request.heads);
      case "attest":
        return attestationResult(await service.attest(request.nonce));
      case "dh":
        return [await service.dh(request.own, request.peer)];
      case "ocmf":
        return [await service.ocmf(request.day)];
      case "half":
        return halfItem(await service.createHalf());
      case "starts":
        return nextStartResult(await service.nextStartMs());
    }
  }

  async #begin(id: number, { time, synchronised, ...log }: IdentityRequest): Promise<CborValue> {
    this.#epoch = undefined;
    const aging = new AgingClock(time, this.#options.clock);
    const epoch = await this.#options.service.begin({
      log: { ...log, consistencyProof: (from, to) => this.#ask(id, from, to) },
      clock: aging,
      synchronised,
    });
    aging.start();
    this.#epoch = epoch;
    return identityResult({ ...epoch.identity(), evidence: epoch.epochEvidence });
  }

  #begun(): Signer {
    if (this.#epoch !== undefined) return this.#epoch;
    throw new LctKeysError("signer-closed", "no epoch has begun on this connection");
  }

  #ask(id: number, from: number, to: number): Promise<readonly Uint8Array[]> {
    const { clock, send } = this.#options;
    return new Promise((resolve, reject) => {
      const cancel = clock.at(millis(clock.now() + PROOF_MS), () => {
        this.#questions.delete(id);
        reject(new LctKeysError("signer-request", `no consistency proof in ${PROOF_MS} ms`));
      });
      this.#questions.set(id, {
        answer: (proof) => {
          cancel();
          resolve(proof);
        },
        fail: (error) => {
          cancel();
          reject(error);
        },
      });
      send(proofQuestion(id, from, to));
    });
  }
}
