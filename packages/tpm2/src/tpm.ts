import type { Entropy } from "@wattseal/base";
import { AuthValue } from "./session/auth-value.js";
import { type Authorization, Exchange, type Ref, type Response } from "./session/exchange.js";
import type { Session } from "./session/session.js";
import { startProtected } from "./session/start.js";
import type { Public } from "./structures/public.js";
import type { Connection, Transport } from "./transport/transport.js";
import { CC } from "./wire/constants.js";
import { isRefusal } from "./wire/errors.js";
import { Writer } from "./wire/writer.js";

/** A handle whose use has to be authorised: by its authorisation value, or by a policy session that has been satisfied. */
export interface Use extends Ref {
  readonly auth?: AuthValue | undefined;
  readonly policy?: Session | undefined;
}

/** A storage key whose public area the caller pinned: sessions are salted for it, so that nobody else can follow. */
export interface SaltKey extends Ref {
  readonly publicArea: Public;
}

export interface Call {
  readonly code: number;
  /** Handles that need an authorisation; they come first. */
  readonly uses?: readonly Use[];
  readonly refs?: readonly Ref[];
  readonly parameters?: ((writer: Writer) => void) | undefined;
  /** The first parameter is a TPM2B and worth hiding: of the command, of the response. */
  readonly secret?: { readonly command?: boolean; readonly response?: boolean };
  readonly returnsHandle?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface TpmOptions {
  readonly entropy: Entropy;
  /** Resolves after so many ms: between tries of a command that the TPM asks to repeat. */
  readonly pause: (ms: number) => Promise<void>;
  /** Sessions are salted for it: HMACs and encryption then hold against whoever listens on the bus. */
  readonly saltKey?: SaltKey | undefined;
}

/** A TPM that says "again" is asked so often, with these pauses between, ms. */
const EMPTY = AuthValue.empty;
const RETRIES: readonly number[] = [1, 5, 20, 100, 500];

/**
 * One transaction with a TPM: commands over one connection. What it loads and opens is flushed at its end. With a
 * salt key every authorisation is an HMAC and secrets travel encrypted; without one, values travel as passwords.
 */
export class Tpm {
  readonly #connection: Connection;
  readonly #options: TpmOptions;
  readonly #loaded = new Set<number>();
  readonly #sessions: Session[] = [];

  private constructor(connection: Connection, options: TpmOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  /** Runs `work` on a connection of its own and cleans up behind it, whatever happens. */
  static async transact<T>(
    transport: Transport,
    options: TpmOptions,
    work: (tpm: Tpm) => Promise<T>,
  ): Promise<T> {
    const connection = await transport.open();
    const tpm = new Tpm(connection, options);
    try {
      return await work(tpm);
    } finally {
      await tpm.#cleanUp();
      await connection.close();
    }
  }

  get entropy(): Entropy {
    return this.#options.entropy;
  }

  get saltKey(): SaltKey | undefined {
    return this.#options.saltKey;
  }

  /**
   * One command. Throws TpmError: `tpm-refused` with the TPM's reason, `tpm-response` for an answer that cannot be
   * trusted, and what the transport throws.
   */
  async run(call: Call): Promise<Response> {
    const { uses = [], refs = [], returnsHandle = false } = call;
    const writer = new Writer();
    call.parameters?.(writer);
    const exchange = new Exchange(
      {
        code: call.code,
        handles: [...uses, ...refs],
        authorizations: await this.#authorizations(uses, call.secret ?? {}),
        parameters: writer.done(),
        returnsHandle,
      },
      this.entropy,
    );
    return this.#exchange(exchange, call.signal);
  }

  /** Sends the same bytes again while the TPM asks for it: a refused command moves no nonce. */
  async #exchange(exchange: Exchange, signal: AbortSignal | undefined): Promise<Response> {
    for (const pause of RETRIES) {
      try {
        return exchange.answer(await this.#connection.transmit(exchange.command, signal));
      } catch (thrown) {
        if (!isRefusal(thrown, "retry", "yielded", "testing", "nv-rate")) throw thrown;
        await this.#options.pause(pause);
      }
    }
    return exchange.answer(await this.#connection.transmit(exchange.command, signal));
  }

  /** Will be flushed when the transaction ends. */
  keep(handle: number): void {
    this.#loaded.add(handle);
  }

  /** Was flushed, or is no longer there. */
  forget(handle: number): void {
    this.#loaded.delete(handle);
  }

  /** No session may come twice in one command (Part 1 §19.4), so each handle that needs one has its own. */
  async #authorizations(
    uses: readonly Use[],
    { command = false, response = false }: NonNullable<Call["secret"]>,
  ): Promise<readonly Authorization[]> {
    const made: Authorization[] = [];
    let hidden = !command && !response;
    let taken = 0;
    for (const { auth, policy } of uses) {
      if (policy !== undefined) {
        made.push({ session: policy, auth, decrypt: false, encrypt: false });
        continue;
      }
      const session = await this.#session(taken);
      taken += 1;
      if (session === undefined) made.push({ password: auth ?? EMPTY });
      else {
        const flags = { decrypt: command && !hidden, encrypt: response && !hidden };
        made.push({ session, auth: auth ?? EMPTY, ...flags });
        hidden = true;
      }
    }
    if (hidden) return made;
    const session = await this.#session(taken);
    if (session === undefined) return made;
    return [...made, { session, auth: undefined, decrypt: command, encrypt: response }];
  }

  async #session(index: number): Promise<Session | undefined> {
    const { saltKey } = this.#options;
    if (saltKey === undefined) return undefined;
    const session = this.#sessions[index] ?? (await startProtected(this, saltKey, "hmac"));
    this.#sessions[index] = session;
    return session;
  }

  /** What a broken connection holds is gone anyway, so failures do not hide why it broke. */
  async #cleanUp(): Promise<void> {
    for (const session of this.#sessions) session.dispose();
    for (const handle of [...this.#loaded].reverse()) {
      try {
        await this.run({ code: CC.flushContext, parameters: (w) => w.u32(handle) });
      } catch {
        return;
      }
    }
  }
}
