/** A mosquitto of a test's own: started, killed and started again on one port. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";

const PROGRAM: string = "mosquitto";

/** False where the program is not installed. */
export function hasMosquitto(): boolean {
  try {
    execFileSync(PROGRAM, ["-h"], { stdio: "ignore" });
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ENOENT");
  }
}

/** Access as packages/federation/README.md describes it: user name = pack. */
const ACCESS = (fleet: string) => {
  const mine = ["batch", "head", "epoch", "state", "alarm", "response"];
  const theirs = ["receipt", "request", "order"];
  return [
    "user federation",
    ...mine.map((channel) => `topic read wattseal/1/${fleet}/+/${channel}`),
    ...theirs.map((channel) => `topic write wattseal/1/${fleet}/+/${channel}`),
    ...mine.map((channel) => `pattern write wattseal/1/${fleet}/%u/${channel}`),
    ...theirs.map((channel) => `pattern read wattseal/1/${fleet}/%u/${channel}`),
    "",
  ].join("\n");
};

export class Mosquitto {
  readonly url: string;
  readonly #port: number;
  readonly #config: string;
  #child: ChildProcess | undefined;

  private constructor(port: number, config: string) {
    this.url = `mqtt://127.0.0.1:${port}`;
    this.#port = port;
    this.#config = config;
  }

  static async start(folder: string, fleet: string): Promise<Mosquitto> {
    const port = await freePort();
    const config = join(folder, "mosquitto.conf");
    const access = join(folder, "access");
    await writeFile(access, ACCESS(fleet), { mode: 0o600 });
    const settings = [
      `listener ${port} 127.0.0.1`,
      "allow_anonymous true",
      `acl_file ${access}`,
      "user root",
      "persistence false",
      "max_packet_size 266240",
    ];
    await writeFile(config, `${settings.join("\n")}\n`);
    const broker = new Mosquitto(port, config);
    await broker.up();
    return broker;
  }

  async up(): Promise<void> {
    this.#child = spawn(PROGRAM, ["-c", this.#config], { stdio: "ignore" });
    while (!(await answers(this.#port))) {
      if (this.#child.exitCode !== null) throw new Error("mosquitto does not start");
    }
  }

  /** kill -9: without persistence it forgets sessions, subscriptions, queues and retained messages. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => {
      setTimeout(() => resolve(false), 20);
    });
  });
}
