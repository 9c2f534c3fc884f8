import { type Clock, fromUtf8, millis, utf8 } from "@wattseal/base";
import { START } from "../testing.fixture.js";
import type { BytePort, BytePortListener } from "./port.js";

/** Time that the test moves on. */
export class ManualClock implements Clock {
  #now: number = START;
  #tasks: { readonly time: number; readonly task: () => void }[] = [];

  now() {
    return millis(this.#now);
  }

  at(time: number, task: () => void) {
    const entry = { time, task };
    this.#tasks.push(entry);
    return () => {
      this.#tasks = this.#tasks.filter((other) => other !== entry);
    };
  }

  /** Lets promises settle before and after each millisecond. */
  async pass(milliseconds: number): Promise<void> {
    for (let i = 0; i < milliseconds; i += 1) {
      await Promise.resolve();
      this.#now += 1;
      for (const entry of this.#tasks.filter(({ time }) => time <= this.#now)) {
        this.#tasks = this.#tasks.filter((other) => other !== entry);
        entry.task();
      }
    }
    await Promise.resolve();
  }
}

/** An adapter's end of a line, by hand: `answers` says what each command is answered. */
export class ManualPort implements BytePort {
  readonly commands: string[] = [];
  answers: (command: string) => string = () => "\r";
  closed = false;
  #listener: BytePortListener | undefined;

  write(bytes: Uint8Array): void {
    const command = fromUtf8(bytes).slice(0, -1);
    this.commands.push(command);
    this.say(this.answers(command));
  }

  say(text: string): void {
    if (text !== "" && !this.closed) this.#listener?.data(utf8(text));
  }

  end(reason: string): void {
    this.#listener?.end(reason);
  }

  listen(listener: BytePortListener): void {
    this.#listener = listener;
  }

  close(): void {
    this.closed = true;
  }
}
