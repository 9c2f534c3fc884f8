import { type Cancel, type Clock, millis, utf8 } from "@wattseal/base";
import { SlcanReader, type SlcanReply } from "@wattseal/can-protocol";
import type { BytePort } from "./port.js";

/** What an adapter answered: the status flags, to F; undefined: nothing in time. */
export type Answer = "done" | "refused" | { readonly flags: number } | undefined;

interface Question {
  readonly then: (answer: Answer) => void;
  readonly cancel: Cancel;
}

/** Commands and their answers, one at a time; what an adapter says unasked goes to `hear`. */
export class SlcanDialogue {
  readonly #port: BytePort;
  readonly #clock: Clock;
  #question: Question | undefined;

  constructor(
    port: BytePort,
    clock: Clock,
    hear: (reply: SlcanReply) => void,
    end: (reason: string) => void,
  ) {
    this.#port = port;
    this.#clock = clock;
    const reader = new SlcanReader();
    const take = (reply: SlcanReply) => {
      if (reply.kind === "done" || reply.kind === "refused") this.#answer(reply.kind);
      else if (reply.kind === "status") this.#answer({ flags: reply.flags });
      else hear(reply);
    };
    port.listen({ data: (chunk) => reader.push(chunk, take), end });
  }

  /** Whether an answer is awaited. */
  get busy(): boolean {
    return this.#question !== undefined;
  }

  /** Without waiting for an answer. */
  tell(command: string): void {
    this.#port.write(utf8(`${command}\r`));
  }

  ask(command: string, withinMs: number, then: (answer: Answer) => void): void {
    const due = millis(this.#clock.now() + withinMs);
    const cancel = this.#clock.at(due, () => this.#answer(undefined));
    this.#question = { then, cancel };
    this.tell(command);
  }

  /** Forgets the question. */
  stop(): void {
    this.#question?.cancel();
    this.#question = undefined;
  }

  /** An answer to nothing is late, and means nothing. */
  #answer(answer: Answer): void {
    const question = this.#question;
    this.stop();
    question?.then(answer);
  }
}
