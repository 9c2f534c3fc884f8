/** A board whose power is cut at one step: before a command or after it, before a file is written or after it. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Transport } from "@wattseal/tpm2";
import { type StateFiles, stateFilesIn } from "../signer/state-files.js";
import type { TpmFolder } from "./folder.js";
import { accessTo, type Board } from "./tpm.fixture.js";

/** Counts steps and cuts at the `at`th; never, where it is not reached. */
export class Supply {
  readonly #board: Board;
  readonly #at: number;
  #steps = 0;
  /** Whatever is thrown from then on comes of it. */
  cut = false;

  constructor(board: Board, at: number) {
    this.#board = board;
    this.#at = at;
  }

  async #tick(leave: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    this.#steps += 1;
    if (this.#steps !== this.#at) return;
    this.cut = true;
    await this.#board.swtpm.powerCut();
    await leave();
    throw new Error("the power was cut");
  }

  get access() {
    const { transport } = this.#board.swtpm;
    const cuttable: Transport = {
      open: async () => {
        const connection = await transport.open();
        return {
          transmit: async (command) => {
            await this.#tick();
            const answer = await connection.transmit(command);
            await this.#tick();
            return answer;
          },
          close: () => connection.close(),
        };
      },
    };
    return accessTo(cuttable);
  }

  /** The signer's own state beside it. */
  get files(): StateFiles {
    const files = stateFilesIn(this.#board.directory);
    const ticked = async <T>(change: () => Promise<T>): Promise<T> => {
      await this.#tick();
      const changed = await change();
      await this.#tick();
      return changed;
    };
    return {
      ...files,
      claim: (epoch) => ticked(() => files.claim(epoch)),
      write: (epoch, content) => ticked(() => files.write(epoch, content)),
      remove: (epoch) => ticked(() => files.remove(epoch)),
    };
  }

  /** A write that is cut leaves a part of its draft. */
  get folder(): TpmFolder {
    const { folder, directory } = this.#board;
    const part = (name: string, content: Uint8Array) => () =>
      writeFile(join(directory, `${name}.draft`), content.subarray(0, content.length / 2));
    return {
      ...folder,
      write: async (name, content) => {
        await this.#tick(part(name, content));
        await folder.write(name, content);
        await this.#tick();
      },
      remove: async (name) => {
        await this.#tick();
        await folder.remove(name);
        await this.#tick();
      },
    };
  }
}
