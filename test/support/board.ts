/** A pack whose keys are in a TPM of its own, which a test can measure into, cut the power of, and put elsewhere. */
import { cp, readFile, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { sha256, utf8 } from "@wattseal/base";
import { hardwareRoot } from "@wattseal/lct-keys";
import { ALG, pcrExtend } from "@wattseal/tpm2";
import { Swtpm } from "@wattseal/tpm2/testing";
import { expect, onTestFinished } from "vitest";
import { systemClock, systemEntropy } from "../../packages/wattseal/src/ports/system.js";
import { initDemo } from "../../packages/wattseal/src/state/demo.js";
import { layoutOf } from "../../packages/wattseal/src/state/layout.js";
import { Maker } from "./maker.js";
import { Role, temporaryFolder, wattseal } from "./program.js";

const MEASURED = 7;

export class Board {
  readonly folder: string;
  readonly state: string;
  readonly #swtpm: Swtpm | undefined;
  #broker = "mqtt://127.0.0.1:1";

  private constructor(folder: string, swtpm?: Swtpm) {
    this.folder = folder;
    this.state = `${folder}/state`;
    this.#swtpm = swtpm;
  }

  /** One module; its authority takes the TPM's maker for hardware's, and approved the boot as it is, as version 1. */
  static async start(): Promise<Board> {
    const folder = await temporaryFolder();
    const swtpm = await Swtpm.start();
    onTestFinished(() => swtpm.remove());
    const maker = await Maker.start(`${folder}/maker`);
    await maker.make(swtpm);
    const board = new Board(folder, swtpm);
    const roots = [hardwareRoot(await readFile(maker.root, "utf8"))];
    const makers = { roots, intermediates: await maker.intermediates() };
    await board.#init({ tpm: { type: "socket", path: swtpm.socket }, makers });
    return board;
  }

  /** One module; an emulated TPM whose state lies in the pack's folder. */
  static async emulated(): Promise<Board> {
    const board = new Board(await temporaryFolder());
    await board.#init({ tpm: { type: "emulator", directory: `${board.state}/tpm` } });
    return board;
  }

  /** One module; its keys are files. */
  static async software(): Promise<Board> {
    const board = new Board(await temporaryFolder());
    await board.#init({ tpm: undefined });
    return board;
  }

  /** The machine's TPM; a test's that has one. */
  get swtpm(): Swtpm {
    if (this.#swtpm === undefined) throw new Error("this board's TPM is in its folder");
    return this.#swtpm;
  }

  async #init(keys: Pick<Parameters<typeof initDemo>[0], "tpm" | "makers">): Promise<void> {
    const pack = { fleet: "demo", modules: 1, legacy: 0, broker: this.#broker };
    const ports = { entropy: systemEntropy, clock: systemClock() };
    await initDemo({ layout: layoutOf(this.state), ...pack, ...ports, ...keys });
  }

  /** Modules and bus. */
  async simulate(): Promise<Role> {
    const sim = new Role(["sim", "--state", this.state, "--speed", "60"]);
    await sim.line(({ msg }) => msg === "sim.running");
    return sim;
  }

  /** Broker, worker and registry. */
  async federate(env: Readonly<Record<string, string>> = {}): Promise<Role> {
    const federation = new Role(["federation", "--state", this.state, "--port", "0"], env);
    const { broker } = await federation.line(({ msg }) => msg === "federation.running");
    this.#broker = String(broker);
    return federation;
  }

  /** Gateways started from now on go there. */
  connectTo(broker: string): void {
    this.#broker = broker;
  }

  /** With its query API: what `--from` and `--token` of a command name. */
  async queried(): Promise<{ readonly federation: Role; readonly from: readonly string[] }> {
    const token = `${this.folder}/query.token`;
    await writeFile(token, "a".repeat(64), { mode: 0o600 });
    const listen = { WATTSEAL_QUERY_LISTEN: "127.0.0.1:0", WATTSEAL_QUERY_TOKENFILE: token };
    const federation = await this.federate(listen);
    const { queries } = await federation.line(({ msg }) => msg === "federation.running");
    return { federation, from: ["--from", String(queries), "--token", token] };
  }

  /** `state`: of this board, or of a copy of it. It may end at once. */
  gateway(state = this.state): Role {
    const bus = `unix:${this.state}/sim/bus.sock`;
    return new Role(["gateway", "--state", state, "--broker", this.#broker, "--bus", bus]);
  }

  /** A gateway that takes orders. */
  async running(state = this.state): Promise<Role> {
    const gateway = this.gateway(state);
    await gateway.line(({ msg }) => msg === "control.listening");
    return gateway;
  }

  /** The machine starts again, into this. */
  async boot(...measured: readonly string[]): Promise<void> {
    await this.swtpm.powerCut();
    await this.swtpm.powerOn();
    for (const what of measured) {
      const digest = sha256(utf8(what));
      await this.swtpm.use((tpm) => pcrExtend(tpm, MEASURED, [{ hash: ALG.sha256, digest }]));
    }
  }

  /** The update key's holder approves the boot as it is. */
  async approve(version: number): Promise<void> {
    const { authority, gateway } = layoutOf(this.state);
    const of = ["--key", authority.updateKey, "--lct", gateway.document];
    const tpm = ["--tpm", `swtpm:${this.swtpm.socket}`];
    const out = ["--version", String(version), "--out", `${gateway.boot}/${version}.boot`];
    const { status, stderr } = await wattseal(["policy", "sign", ...of, ...tpm, ...out]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  }

  copy(of: string, to: string): Promise<void> {
    return cp(`${this.folder}/${of}`, `${this.folder}/${to}`, {
      recursive: true,
      filter: (path) => !path.endsWith(".sock"),
    });
  }
}

export interface Status {
  /** UTC ms. */
  readonly time: number;
  readonly uplink: { readonly connected: boolean };
  readonly signer: {
    readonly epoch?: { readonly epoch: number; readonly state: string };
    readonly halves: readonly { readonly state: string; readonly reason?: string }[];
  };
  readonly modules: readonly { readonly linked: boolean }[];
  readonly society: { readonly atp: number; readonly withheld: number };
  readonly log: {
    readonly entries: number;
    readonly checkpoints: number;
    readonly witnessed: number;
    readonly stopped?: string;
  };
}

/** Of a running gateway, once it is as `wanted`. */
export async function statusOnce(
  state: string,
  wanted: (status: Status) => boolean,
): Promise<Status> {
  for (;;) {
    const status = await statusOf(state);
    if (wanted(status)) return status;
    await pause(50);
  }
}

function statusOf(state: string): Promise<Status> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { socketPath: `${state}/run/control.sock`, path: "/status", agent: false },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        response.on("end", () => resolve(JSON.parse(text)));
      },
    );
    asked.once("error", reject);
    asked.end();
  });
}
