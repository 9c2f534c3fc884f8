/** Cuts the program off at a step that is named: killed once the step is done, before it can know that it is. */
import { once } from "node:events";
import { createServer as createHttp } from "node:http";
import { type AddressInfo, createServer as createSocket, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { flush, HANDLE_TYPE, handlesFrom } from "@wattseal/tpm2";
import { codeOf, type Swtpm } from "@wattseal/tpm2/testing";
import { onTestFinished } from "vitest";
import { type Finished, type RunOptions, wattseal } from "./program.js";

/**
 * `file`: the call of node:fs, and the name that it makes or removes. `commit`: PostgreSQL was
 * asked to commit so many transactions that store leaves.
 * `sync`: so many times the embedded database made a file durable. `tpm`: a command's code.
 */
export type Step =
  | { readonly file: RegExp }
  | { readonly commit: number }
  | { readonly sync: number }
  | { readonly tpm: number }
  | { readonly http: "GET" | "POST" | "PUT" };

/** Whether what was just done is the step at which the client is cut off; then it hears nothing of it. */
type IsCut = (done: Step) => boolean;

const AFTER_FILE = (source: string) => `
    import fs from "node:fs/promises";
    import { basename } from "node:path";
    const last = new RegExp(${JSON.stringify(source)});
    const done = (what) => last.test(what) && process.kill(process.pid, "SIGKILL");
    for (const [name, position] of [["rename", 1], ["link", 1], ["rm", 0]]) {
      const call = fs[name];
      fs[name] = async (...args) => {
        await call(...args);
        done(name + " " + basename(args[position]));
      };
    }
    const { renameSync } = files;
    files.renameSync = (from, to) => {
      renameSync(from, to);
      done("rename " + basename(to));
    };`;

const COUNTED = (count: number) => `
    let left = ${count};
    const done = () => --left === 0 && process.kill(process.pid, "SIGKILL");`;

/** What the server makes of it is not waited for. */
const AFTER_COMMIT = `
    import { Socket } from "node:net";
    const { write } = Socket.prototype;
    let stores = false;
    Socket.prototype.write = function (chunk, ...args) {
      const sent = write.call(this, chunk, ...args);
      const said = Buffer.from(chunk);
      stores ||= said.includes("INSERT INTO wattseal.bundle");
      if (stores && said.includes("COMMIT\\0")) {
        stores = false;
        done();
      }
      return sent;
    };`;

const AFTER_SYNC = `
    const { fsyncSync } = files;
    files.fsyncSync = (file) => {
      fsyncSync(file);
      done();
    };`;

/** Node's option that ends the process by SIGKILL right after such a step. */
function dyingAfter(step: Step): readonly string[] {
  const code =
    "file" in step
      ? AFTER_FILE(step.file.source)
      : "commit" in step
        ? COUNTED(step.commit) + AFTER_COMMIT
        : "sync" in step
          ? COUNTED(step.sync) + AFTER_SYNC
          : undefined;
  if (code === undefined) return [];
  const whole = `
    import files from "node:fs";
    import { syncBuiltinESMExports } from "node:module";
    ${code}
    syncBuiltinESMExports();`;
  return ["--import", `data:text/javascript,${encodeURIComponent(whole)}`];
}

/** What the program is run against, and which of its steps is its last. */
export class Cutter {
  #last: { readonly step: Step; readonly cut: () => void } | undefined;

  readonly isCut: IsCut = (done) => {
    if (this.#last === undefined || !isSame(this.#last.step, done)) return false;
    this.#last.cut();
    this.#last = undefined;
    return true;
  };

  /** Runs the program and kills it after this step; throws where it ended otherwise. */
  async killed(
    args: readonly string[],
    step: Step,
    { env }: Pick<RunOptions, "env"> = {},
  ): Promise<void> {
    const started = (cut: () => void) => {
      this.#last = { step, cut };
    };
    const finished = await wattseal(args, { env, node: dyingAfter(step), started });
    this.#last = undefined;
    if (finished.signal === "SIGKILL") return;
    throw new Error(`${JSON.stringify(finished)} instead of being killed after ${named(step)}`);
  }

  /** Runs the program; the answer to this step does not reach it. */
  async unanswered(args: readonly string[], step: Step): Promise<Finished> {
    this.#last = { step, cut: () => {} };
    const finished = await wattseal(args);
    if (this.#last !== undefined) throw new Error(`it never came to ${named(step)}`);
    return finished;
  }
}

function isSame(wanted: Step, done: Step): boolean {
  if ("tpm" in wanted) return "tpm" in done && wanted.tpm === done.tpm;
  return "http" in wanted && "http" in done && wanted.http === done.http;
}

function named(step: Step): string {
  if ("file" in step) return String(step.file);
  return "tpm" in step ? `command 0x${step.tpm.toString(16)}` : JSON.stringify(step);
}

/** A way to the registry at `url`: the URL to use instead. `instead`: another answer than the registry's. */
export async function wayToRegistry(
  url: string,
  isCut: IsCut,
  instead: (method: string, answer: Buffer) => Uint8Array = (_, answer) => answer,
): Promise<string> {
  const server = createHttp((incoming, outgoing) => {
    const { method = "", url: path, headers } = incoming;
    const forward = async () => {
      const body = await buffer(incoming);
      const { authorization = "", "content-type": type = "" } = headers;
      const asked = { method, headers: { authorization, "content-type": type } };
      const reply = await fetch(
        new URL(path ?? "", url),
        body.length === 0 ? asked : { ...asked, body },
      );
      const answer = instead(method, Buffer.from(await reply.arrayBuffer()));
      if ((method === "GET" || method === "POST" || method === "PUT") && isCut({ http: method })) {
        incoming.socket.destroy();
      } else {
        outgoing.writeHead(reply.status, {
          "content-type": reply.headers.get("content-type") ?? "",
        });
        outgoing.end(answer);
      }
    };
    forward().catch(() => incoming.socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return `http://127.0.0.1:${port}`;
}

/** A way to a TPM, one client after the other: the socket to use instead. What a client leaves behind is flushed, as Linux' resource manager does. */
export async function wayToTpm(swtpm: Swtpm, isCut: IsCut): Promise<string> {
  const path = `${swtpm.folder}/way`;
  let turn: Promise<void> = Promise.resolve();
  const server = createSocket((client) => {
    turn = turn.then(() => serveClient(swtpm, client, isCut)).catch(() => {});
  });
  server.listen(path);
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return path;
}

const HEADER = 10;

async function serveClient(swtpm: Swtpm, client: Socket, isCut: IsCut): Promise<void> {
  const connection = await swtpm.transport.open();
  let wasCut = false;
  try {
    let command = Buffer.alloc(0);
    for await (const part of client) {
      command = Buffer.concat([command, part]);
      if (command.length < HEADER || command.length < command.readUInt32BE(2)) continue;
      const answer = await connection.transmit(command);
      wasCut = isCut({ tpm: codeOf(command) });
      if (wasCut) break;
      client.write(answer);
      command = Buffer.alloc(0);
    }
  } finally {
    await connection.close();
    client.destroy();
    if (wasCut) await flushAll(swtpm);
  }
}

function flushAll(swtpm: Swtpm): Promise<void> {
  return swtpm.use(async (tpm) => {
    for (const type of [HANDLE_TYPE.transient, HANDLE_TYPE.hmacSession]) {
      for (const handle of await handlesFrom(tpm, type * 0x1000000)) await flush(tpm, handle);
    }
  });
}
