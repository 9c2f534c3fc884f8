import { type Logger, messageOf } from "@wattseal/base";
import type { TimeReader } from "../time/kernel.js";
import { type ModuleFlash, writeModuleFlash } from "./flash.js";

/** Where modules' flash is kept: in a folder, or for this run alone. Simulated time stands while a file is written. */
export class FlashStore implements TimeReader {
  readonly #directory: string | undefined;
  readonly #logger: Logger;
  /** The last of the writes under way, which follow one another. */
  #writing: Promise<void> | undefined;

  constructor(directory: string | undefined, logger: Logger) {
    this.#directory = directory;
    this.#logger = logger;
  }

  ready(): Promise<void> | undefined {
    return this.#writing;
  }

  /** `done` hears whether it is durable, before time moves on. */
  write(flash: ModuleFlash, done: (durable: boolean) => void): void {
    const directory = this.#directory;
    if (directory === undefined) {
      done(true);
      return;
    }
    const writing = (this.#writing ?? Promise.resolve())
      .then(() => this.#attempt(directory, flash))
      .then((durable) => {
        if (this.#writing === writing) this.#writing = undefined;
        done(durable);
      });
    this.#writing = writing;
  }

  async #attempt(directory: string, flash: ModuleFlash): Promise<boolean> {
    try {
      await writeModuleFlash(directory, flash);
      return true;
    } catch (error) {
      this.#logger.error("sim.flash.unwritten", { uid: flash.uid, error: messageOf(error) });
      return false;
    }
  }
}
