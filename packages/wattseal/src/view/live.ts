import type { WriteStream } from "node:tty";

/** Redraws in place on a terminal; elsewhere prints a line from time to time. */
export class LiveView {
  readonly #stream: WriteStream;
  readonly #render: () => readonly string[];
  readonly #timer: NodeJS.Timeout;
  #drawn = 0;

  constructor(stream: WriteStream, render: () => readonly string[]) {
    this.#stream = stream;
    this.#render = render;
    this.#timer = setInterval(() => this.#draw(), stream.isTTY ? 250 : 5000);
  }

  /** Draws once more and leaves the picture standing. */
  stop(): void {
    clearInterval(this.#timer);
    this.#draw();
  }

  #draw(): void {
    const lines = this.#render();
    if (!this.#stream.isTTY) {
      this.#stream.write(`${lines.join("\n")}\n\n`);
      return;
    }
    const up = this.#drawn === 0 ? "" : `\x1b[${this.#drawn}A`;
    const width = this.#stream.columns;
    const body = lines.map((line) => `\x1b[2K${line.slice(0, width - 1)}`).join("\n");
    this.#stream.write(`${up}${body}\n`);
    this.#drawn = lines.length;
  }
}
