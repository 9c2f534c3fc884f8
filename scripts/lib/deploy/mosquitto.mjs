// A mosquitto as deploy/site configures it.
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { answers, Daemon, freePort, SEARCH_PATH } from "./daemon.mjs";
import { writeFilledIn } from "./files.mjs";

const PROGRAM = "mosquitto";

export class Mosquitto {
  /** mqtts://127.0.0.1:port */
  url;
  #port;
  #folder;
  /** @type {Daemon | undefined} */ #daemon;

  /**
   * @param {string} folder
   * @param {number} port
   */
  constructor(folder, port) {
    this.#folder = folder;
    this.#port = port;
    this.url = `mqtts://127.0.0.1:${port}`;
  }

  /**
   * @param {{ readonly folder: string, readonly fleet: string, readonly authority: import("./authority.mjs").DemoAuthority, readonly autosave?: number }} options
   *   autosave: seconds; 0 saves only when it is stopped
   */
  static async start({ folder, fleet, authority, autosave = 30 }) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const port = await freePort();
    const pair = authority.issue("broker", { hosts: ["127.0.0.1", "localhost"] });
    const access = join(folder, "access");
    writeFilledIn(access, "site/access", { FLEET: fleet });
    writeFilledIn(join(folder, "mosquitto.conf"), "site/mosquitto.conf", {
      PORT: port,
      AUTOSAVE: autosave,
      ADDRESS: "127.0.0.1",
      CA: authority.certificate,
      CERTIFICATE: pair.certificate,
      KEY: pair.key,
      ACCESS: access,
      FOLDER: folder,
      USER: userInfo().username,
    });
    const broker = new Mosquitto(folder, port);
    await broker.up();
    return broker;
  }

  get pid() {
    return this.#daemon?.pid;
  }

  async up() {
    const daemon = new Daemon(
      PROGRAM,
      ["-c", join(this.#folder, "mosquitto.conf")],
      join(this.#folder, "mosquitto.log"),
    );
    this.#daemon = daemon;
    await daemon.until(() => answers(this.#port));
  }

  /** SIGKILL: what came since the last autosave is forgotten. */
  async kill() {
    await this.#daemon?.end("SIGKILL");
  }

  /** SIGTERM: it saves first. */
  async stop() {
    await this.#daemon?.end("SIGTERM");
  }
}

/** False where the program is not installed. */
export function hasMosquitto() {
  return (
    spawnSync(PROGRAM, ["-h"], { stdio: "ignore", env: { PATH: SEARCH_PATH } }).error === undefined
  );
}
