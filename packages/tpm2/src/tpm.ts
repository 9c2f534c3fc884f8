import { type Entropy, InvariantViolation } from "@wattseal/base";
import { AuthValue } from "./session/auth-value.js";
import {
  type Authorization,
  Exchange,
  type Ref,
  type Request,
  type Response,
} from "./session/exchange.js";
import type { Session } from "./session/session.js";
import { startProtected } from "./session/start.js";
import type { Public } from "./structures/public.js";
import type { Connection, Transport } from "./transport/transport.js";
import { CC } from "./wire/constants.js";
import { TpmError } from "./wire/errors.js";
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
  /** The command changes the first handle's authorisation value to this one: its response is authenticated by it. */
  readonly newAuth?: AuthValue | undefined;
  /** Takes no session (Part 3), or names what is not known yet: its response is not authenticated, whatever it says. */
  readonly open?: boolean;
}

export interface TpmOptions {
  readonly entropy: Entropy;
  /** Resolves after so many ms: between tries of a command that the TPM asks to repeat. */
  readonly pause: (ms: number) => Promise<void>;
  /** Sessions are salted for it: HMACs and encryption then hold against whoever listens on the bus. */
  readonly saltKey?: SaltKey | undefined;
  /** No further command is sent once it aborts; the one under way ends first, since a TPM finishes what it began. */
  readonly signal?: AbortSignal | undefined;
}

/** A TPM that says "again" is asked so often, with these pauses between, ms. */
const RETRIES: readonly number[] = [1, 5, 20, 100, 500];

/** TPM2_FlushContext, which takes no session. */
function flushing(handle: number): Request {
  const writer = new Writer();
  writer.u32(handle);
  const request = { code: CC.flushContext, handles: [], authorizations: [], returnsHandle: false };
  return { ...request, parameters: writer.done() };
}

/**
 * One transaction with a TPM: commands over one connection, one after the other. What it loads and opens is flushed at
 * its end. With a salt key every response is authenticated and secrets travel encrypted; without one, authorisation
 * values travel as passwords, and whoever is on the bus can answer in the TPM's place.
 */
export class Tpm {
  readonly #connection: Connection;
  readonly #options: TpmOptions;
  readonly #loaded = new Set<number>();
  readonly #sessions: (Promise<Session> | undefined)[] = [];
  #saltKey: SaltKey | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #over = false;

  private constructor(connection: Connection, options: TpmOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#saltKey = options.saltKey;
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
    return this.#saltKey;
  }

  /**
   * From here on sessions are salted for this key, which the transaction made itself: an endorsement key at provisioning,
   * when no storage key is known yet. What came before is as protected as it was.
   */
  async protect(saltKey: SaltKey): Promise<void> {
    for (const earlier of this.#sessions.splice(0)) {
      const session = await earlier;
      session?.dispose();
      if (session !== undefined) await this.#flush(session.handle);
    }
    this.#saltKey = saltKey;
  }

  /**
   * One command. What it loads is kept until the transaction's end. Throws TpmError: `tpm-refused` with the TPM's
   * reason, `tpm-response` for an answer that cannot be trusted, `tpm-cancelled`, and what the transport throws.
   */
  async run(call: Call): Promise<Response> {
    const { code, uses = [], refs = [], returnsHandle = false, newAuth } = call;
    const writer = new Writer();
    call.parameters?.(writer);
    const parameters = writer.done();
    const authorizations = await this.#authorizations(uses, call);
    // Nonces are drawn in turn with the commands that carry them.
    return this.#inTurn(async () => {
      const handles = [...uses, ...refs];
      const request = { code, handles, authorizations, parameters, returnsHandle, newAuth };
      const response = await this.#exchange(new Exchange(request, this.entropy));
      if (response.handle !== undefined) this.#loaded.add(response.handle);
      this.#requireAtWork();
      return response;
    });
  }

  /** A command that loads something: its handle, and the rest of the response. */
  async runForHandle(call: Call): Promise<Response & { readonly handle: number }> {
    const { handle, parameters } = await this.run({ ...call, returnsHandle: true });
    if (handle === undefined) throw new InvariantViolation("a response without its handle");
    return { handle, parameters };
  }

  /** Was flushed, or is no longer there. */
  forget(handle: number): void {
    this.#loaded.delete(handle);
  }

  #flush(handle: number): Promise<void> {
    return this.#inTurn(async () => {
      await this.#exchange(new Exchange(flushing(handle), this.entropy));
      this.#loaded.delete(handle);
    });
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(task);
    this.#turn = mine.catch(() => {});
    return mine;
  }

  #requireAtWork(): void {
    if (this.#over) throw new TpmError("tpm-usage", "the transaction is over");
    if (this.#options.signal?.aborted) {
      throw new TpmError("tpm-cancelled", "the transaction was cancelled");
    }
  }

  /** Sends the same bytes again while the TPM asks for it: a refused command moves no nonce. */
  async #exchange(exchange: Exchange): Promise<Response> {
    for (const pause of RETRIES) {
      this.#requireAtWork();
      try {
        return await this.#once(exchange);
      } catch (thrown) {
        if (!(thrown instanceof TpmError && thrown.response?.retry)) throw thrown;
        await this.#options.pause(pause);
      }
    }
    this.#requireAtWork();
    return this.#once(exchange);
  }

  async #once(exchange: Exchange): Promise<Response> {
    return exchange.answer(await this.#connection.transmit(exchange.command));
  }

  /**
   * No session may come twice in one command (Part 1 §19.4), so each handle that needs one has its own. What needs none
   * gets one that encrypts or audits, so that the response authenticates all the same.
   */
  async #authorizations(
    uses: readonly Use[],
    { secret: { command = false, response = false } = {}, open = false }: Call,
  ): Promise<readonly Authorization[]> {
    const made: Authorization[] = [];
    let hidden = !command && !response;
    let taken = 0;
    for (const { auth, policy } of uses) {
      if (policy !== undefined) {
        made.push({ session: policy, auth, decrypt: false, encrypt: false, audit: false });
        continue;
      }
      const session = await this.#session(taken);
      taken += 1;
      if (session === undefined) made.push({ password: auth ?? AuthValue.empty });
      else {
        const flags = { decrypt: command && !hidden, encrypt: response && !hidden, audit: false };
        made.push({ session, auth: auth ?? AuthValue.empty, ...flags });
        hidden = true;
      }
    }
    if (open || (hidden && made.length > 0)) return made;
    const session = await this.#session(taken);
    if (session === undefined) return made;
    const flags = { decrypt: command, encrypt: response, audit: hidden };
    return [...made, { session, auth: undefined, ...flags }];
  }

  #session(index: number): Promise<Session> | undefined {
    const saltKey = this.#saltKey;
    if (saltKey === undefined) return undefined;
    const started = this.#sessions[index];
    if (started !== undefined) return started;
    const session = startProtected(this, saltKey);
    this.#sessions[index] = session;
    session.catch(() => {
      this.#sessions[index] = undefined;
    });
    return session;
  }

  /** What a broken connection held is beyond reach, and a failure here must not hide the one before. */
  async #cleanUp(): Promise<void> {
    this.#over = true;
    await this.#turn;
    for (const session of this.#sessions) await session?.then((s) => s.dispose()).catch(() => {});
    for (const handle of [...this.#loaded].reverse()) {
      try {
        await this.#once(new Exchange(flushing(handle), this.entropy));
      } catch (thrown) {
        if (!(thrown instanceof TpmError && thrown.code === "tpm-refused")) return;
      }
    }
  }
}
