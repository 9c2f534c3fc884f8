/** One command out, one response in: handles, authorisation area, parameters (Part 1 §18). */
import { concatBytes, type Entropy, InvariantViolation } from "@wattseal/base";
import { digestOf, sameSecret } from "../crypto/digest.js";
import { MOST_DIGEST } from "../structures/algorithms.js";
import { buffer } from "../wire/codec.js";
import { RS_PASSWORD, SESSION, ST } from "../wire/constants.js";
import { commandName, refused, TpmError } from "../wire/errors.js";
import { Reader, type Refuse } from "../wire/reader.js";
import { Writer } from "../wire/writer.js";
import { type AuthValue, authBytes } from "./auth-value.js";
import { attributesOf, type SessionUse } from "./session.js";

/** A handle with what it stands for: the Name goes into every authorisation. */
export interface Ref {
  readonly handle: number;
  readonly name: Uint8Array;
}

/** How the use of a handle is authorised. A password crosses the bus in the clear: for what has none. */
export type Authorization = { readonly password: AuthValue } | SessionUse;

export interface Request {
  readonly code: number;
  readonly handles: readonly Ref[];
  /** One for each handle that needs it, then sessions that only encrypt. */
  readonly authorizations: readonly Authorization[];
  readonly parameters: Uint8Array;
  /** The response begins with a handle. */
  readonly returnsHandle: boolean;
  /** What authorises the first handle once the command was carried out, where the command changes it. */
  readonly newAuth?: AuthValue | undefined;
}

export interface Response {
  readonly handle: number | undefined;
  readonly parameters: Reader;
}

const nonce = buffer(MOST_DIGEST);
const hmac = buffer(MOST_DIGEST);
const NONE = new Uint8Array(0);
const HEADER = 10;

function sessionsOf(request: Request): readonly SessionUse[] {
  return request.authorizations.filter((each) => "session" in each);
}

const malformed: Refuse = (command, offset, problem) => {
  const message = `the response to ${command} is malformed: ${problem} (at offset ${offset})`;
  throw new TpmError("tpm-response", message);
};

/** Part 1 §21.2: the content of the first parameter, whose length stays readable. */
function withFirst(parameters: Uint8Array, change: (first: Uint8Array) => Uint8Array): Uint8Array {
  const length = ((parameters[0] ?? 0) << 8) | (parameters[1] ?? 0);
  if (parameters.length < 2 + length) throw new InvariantViolation("no parameter to encrypt");
  const first = change(parameters.subarray(2, 2 + length));
  return concatBytes(parameters.subarray(0, 2), first, parameters.subarray(2 + length));
}

export class Exchange {
  readonly #request: Request;
  readonly #uses: readonly SessionUse[];
  readonly #command: Uint8Array;

  /** Draws new nonces for the sessions: one exchange is one command, sent again only unchanged. */
  constructor(request: Request, entropy: Entropy) {
    this.#request = request;
    this.#uses = sessionsOf(request);
    for (const { session } of this.#uses) session.next(entropy);
    this.#command = this.#build();
  }

  /** The whole command. */
  get command(): Uint8Array {
    return this.#command;
  }

  #build(): Uint8Array {
    const { code, handles, authorizations } = this.#request;
    const parameters = this.#encrypted();
    const writer = new Writer();
    for (const { handle } of handles) writer.u32(handle);
    if (authorizations.length > 0) {
      const area = this.#area(parameters);
      writer.u32(area.length);
      writer.bytes(area);
    }
    writer.bytes(parameters);
    const body = writer.done();
    const header = new Writer();
    header.u16(authorizations.length > 0 ? ST.sessions : ST.noSessions);
    header.u32(HEADER + body.length);
    header.u32(code);
    return concatBytes(header.done(), body);
  }

  #encrypted(): Uint8Array {
    const { parameters } = this.#request;
    const use = this.#uses.find(({ decrypt }) => decrypt);
    if (use === undefined) return parameters;
    return withFirst(parameters, (first) => use.session.encrypt(use.auth, first));
  }

  #area(parameters: Uint8Array): Uint8Array {
    const writer = new Writer();
    for (const each of this.#request.authorizations) {
      if ("session" in each) this.#authorize(writer, each, parameters);
      else {
        writer.u32(RS_PASSWORD);
        nonce.write(writer, NONE);
        writer.u8(SESSION.continue);
        hmac.write(writer, authBytes(each.password));
      }
    }
    return writer.done();
  }

  #authorize(writer: Writer, use: SessionUse, parameters: Uint8Array): void {
    const { session, auth } = use;
    const attributes = attributesOf(use);
    const mac = session.hmac(auth, {
      parameterHash: this.#commandHash(use, parameters),
      newer: session.nonceCaller,
      older: session.nonceTpm,
      extra: this.#otherNonces(use),
      attributes,
    });
    writer.u32(session.handle);
    nonce.write(writer, session.nonceCaller);
    writer.u8(attributes);
    hmac.write(writer, mac);
  }

  /** Part 1 §19.6.5: the first session speaks for those that encrypt, so that they cannot be taken out. */
  #otherNonces(use: SessionUse): Uint8Array[] {
    if (this.#request.authorizations[0] !== use) return [];
    const decrypting = this.#uses.find(({ decrypt }) => decrypt);
    const encrypting = this.#uses.find(({ encrypt }) => encrypt);
    const others = [decrypting, encrypting === decrypting ? undefined : encrypting];
    return others.flatMap((other) =>
      other === undefined || other === use ? [] : [other.session.nonceTpm],
    );
  }

  /** cpHash, Part 1 §16.7. */
  #commandHash({ session }: SessionUse, parameters: Uint8Array): Uint8Array {
    const { code, handles } = this.#request;
    const writer = new Writer();
    writer.u32(code);
    const names = handles.map(({ name }) => name);
    return digestOf(session.hash, writer.done(), ...names, parameters);
  }

  /**
   * Takes the response apart. Throws TpmError `tpm-refused` for what the TPM refused, `tpm-response` for what is no
   * answer to this command or does not authenticate; then nothing of it may be used.
   */
  answer(response: Uint8Array): Response {
    const { code, authorizations, returnsHandle } = this.#request;
    const reader = new Reader(response, commandName(code), malformed);
    const tag = reader.u16();
    const size = reader.u32();
    if (size !== response.length) reader.fail(`${size} bytes announced, ${response.length} came`);
    const result = reader.u32();
    if (result !== 0) {
      reader.end();
      throw refused(code, result);
    }
    const expected = authorizations.length > 0 ? ST.sessions : ST.noSessions;
    if (tag !== expected) reader.fail(`tag 0x${tag.toString(16)}`);
    const handle = returnsHandle ? reader.u32() : undefined;
    if (tag === ST.noSessions) return { handle, parameters: reader };
    const parameters = reader.bytes(reader.u32());
    for (const each of authorizations) this.#check(reader, each, parameters);
    reader.end();
    const plain = this.#decrypted(parameters);
    return { handle, parameters: new Reader(plain, commandName(code), malformed) };
  }

  #check(reader: Reader, each: Authorization, parameters: Uint8Array): void {
    const nonceTpm = nonce.read(reader);
    const attributes = reader.u8();
    const mac = hmac.read(reader);
    if (!("session" in each)) {
      if (mac.length > 0 || nonceTpm.length > 0) reader.fail("a password has no HMAC");
      return;
    }
    const { session } = each;
    const { authorizations, newAuth } = this.#request;
    const auth = authorizations[0] === each ? (newAuth ?? each.auth) : each.auth;
    const wanted = session.hmac(auth, {
      parameterHash: this.#responseHash(each, parameters),
      newer: nonceTpm,
      older: session.nonceCaller,
      extra: [],
      attributes,
    });
    // An audit session's answer may add that no other command came between (Part 1 §31.3).
    const meant = each.audit ? attributes & ~SESSION.auditExclusive : attributes;
    if (meant !== attributesOf(each) || !sameSecret(mac, wanted)) {
      const what = commandName(this.#request.code);
      throw new TpmError(
        "tpm-response",
        `the response to ${what} does not authenticate: it was altered on its way, or is not this TPM's`,
      );
    }
    session.answered(nonceTpm);
  }

  /** rpHash, Part 1 §16.8. */
  #responseHash({ session }: SessionUse, parameters: Uint8Array): Uint8Array {
    const writer = new Writer();
    writer.u32(0);
    writer.u32(this.#request.code);
    return digestOf(session.hash, writer.done(), parameters);
  }

  #decrypted(parameters: Uint8Array): Uint8Array {
    const use = this.#uses.find(({ encrypt }) => encrypt);
    if (use === undefined) return parameters;
    return withFirst(parameters, (first) => use.session.decrypt(use.auth, first));
  }
}
