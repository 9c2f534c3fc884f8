/**
 * Makes an identity in a TPM. Each step is written down before it is taken, so that after a power cut anywhere the next
 * call goes on: what stands at its place under its Name is done, an empty place is filled, and where somebody else's
 * object stands another place is taken. Nothing that is there is ever overwritten.
 */
import { bytesEqual } from "@wattseal/base";
import {
  AuthValue,
  create,
  createPrimary,
  evictControl,
  flush,
  isRefusal,
  type LoadedObject,
  load,
  type NvIndex,
  nvDefineSpace,
  nvIncrement,
  nvReadCounter,
  RH,
  type SaltKey,
  SIGNING_KEY,
  type Tpm,
  type Use,
} from "@wattseal/tpm2";
import { LctKeysError } from "../verify/errors.js";
import { permanent, type TpmAccess, transact } from "./access.js";
import { type Endorsement, protectByEndorsement } from "./endorsement.js";
import {
  forgetTpmPlan,
  openTpmIdentity,
  openTpmPlan,
  type TpmFolder,
  writeTpmIdentity,
  writeTpmPlan,
} from "./folder.js";
import type { TpmIdentity, TpmPlan } from "./identity.js";
import { freePlace, freePlaces, nameAt, type Place } from "./places.js";
import { attestationKey, counterAt, storageRoot } from "./templates.js";

export interface HierarchyAuths {
  /** Authorisation values of the hierarchies; empty by default. Not kept. */
  readonly owner?: AuthValue | undefined;
  readonly endorsement?: AuthValue | undefined;
}

export interface ProvisionOptions extends HierarchyAuths {
  /** PCRs of the SHA-256 bank that make up a boot: 1 to 24 of 0 to 23, ascending. */
  readonly pcrs: readonly number[];
  /** P-256, 65 bytes: approves boots. Without one device halves are sealed to the TPM, and not to its boot. */
  readonly updateKey?: Uint8Array | undefined;
}

/** Somebody else may take a place between the look at it and its use, so often. */
const TRIES = 8;

function requireSame(
  made: Pick<ProvisionOptions, "pcrs" | "updateKey">,
  wanted: ProvisionOptions,
): void {
  const none = new Uint8Array(0);
  const samePcrs = String(made.pcrs) === String(wanted.pcrs);
  if (samePcrs && bytesEqual(made.updateKey ?? none, wanted.updateKey ?? none)) return;
  throw new LctKeysError(
    "tpm-other-policy",
    "an identity was made or begun here with other PCRs or another update key: go on with those, or retire it first",
  );
}

/** Says what to do about refusals that the TPM's owner can cure. */
async function explained<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (isRefusal(cause, "nv-space", "object-memory")) {
      const problem =
        "the TPM has no room for three keys and two counters: remove what nobody needs (tpm2_getcap handles-persistent, handles-nv-index) and go on";
      throw new LctKeysError("tpm-full", problem, { cause });
    }
    if (isRefusal(cause, "bad-auth", "auth-fail")) {
      const problem =
        "the TPM's owner or endorsement hierarchy has another authorisation value than the one given";
      throw new LctKeysError("tpm-hierarchy-auth", problem, { cause });
    }
    throw cause;
  }
}

class Provisioning {
  readonly #access: TpmAccess;
  readonly #folder: TpmFolder;
  readonly #owner: Use;
  readonly #endorsement: AuthValue | undefined;
  #plan: TpmPlan;

  constructor(access: TpmAccess, options: ProvisionOptions, folder: TpmFolder, plan: TpmPlan) {
    this.#access = access;
    this.#folder = folder;
    this.#owner = permanent(RH.owner, options.owner);
    this.#endorsement = options.endorsement;
    this.#plan = plan;
  }

  get #auth(): AuthValue {
    return new AuthValue(this.#plan.auth);
  }

  async run(): Promise<TpmIdentity> {
    const primaries = await transact(this.#access, undefined, (tpm) => this.#primaries(tpm));
    const { root } = primaries;
    const rest = await transact(this.#access, root, (tpm) => this.#children(tpm, root));
    const { key, certificate } = primaries.endorsement;
    const identity = {
      endorsement: key.publicArea,
      certificate,
      root,
      attestationKey: primaries.attestationKey,
      ...rest,
      pcrs: this.#plan.pcrs,
    };
    await writeTpmIdentity(this.#folder, identity, this.#plan.auth);
    return { ...identity, auth: this.#auth };
  }

  /** The storage root is made in sessions salted for the endorsement key: all later ones trust its Name. */
  async #primaries(tpm: Tpm) {
    const endorsement: Endorsement = await protectByEndorsement(tpm, this.#endorsement);
    const { unique } = this.#plan;
    const hierarchy = permanent(RH.endorsement, this.#endorsement);
    const root = await this.#primary(tpm, this.#owner, storageRoot(unique), "root");
    const key = attestationKey(unique);
    return {
      endorsement,
      root,
      attestationKey: await this.#primary(tpm, hierarchy, key, "attestationKey"),
    };
  }

  async #primary(
    tpm: Tpm,
    hierarchy: Use,
    publicArea: SaltKey["publicArea"],
    place: Place,
  ): Promise<SaltKey> {
    const key = await createPrimary(tpm, hierarchy, { publicArea, auth: this.#auth });
    return this.#persist(tpm, key, place);
  }

  async #children(tpm: Tpm, root: SaltKey) {
    const anchor = await this.#persist(tpm, await this.#anchor(tpm, root), "anchor");
    const { index: counter, value: counterBase } = await this.#counter(tpm, "counter");
    const { updateKey } = this.#plan;
    if (updateKey === undefined) return { anchor, counter, counterBase, boot: undefined };
    const { index: version, value: base } = await this.#counter(tpm, "version");
    return { anchor, counter, counterBase, boot: { updateKey, version, base } };
  }

  /** A blob that its parent cannot open was drawn under the root of a TPM that has been cleared since. */
  async #anchor(tpm: Tpm, root: SaltKey): Promise<LoadedObject> {
    const parent = { ...root, auth: this.#auth };
    const drawn = this.#plan.anchor;
    if (drawn !== undefined) {
      try {
        return await load(tpm, parent, drawn);
      } catch (thrown) {
        if (!isRefusal(thrown, "integrity")) throw thrown;
      }
    }
    const blob = await create(tpm, parent, { publicArea: SIGNING_KEY, auth: this.#auth });
    await this.#replan({ anchor: blob });
    return load(tpm, parent, blob);
  }

  async #persist(tpm: Tpm, object: LoadedObject, place: Place): Promise<SaltKey> {
    const { name, publicArea } = object;
    const handle = await this.#place(place, tpm, async (handle) => {
      const found = await nameAt(tpm, handle);
      if (found !== undefined) return bytesEqual(found, name) ? handle : undefined;
      await evictControl(tpm, this.#owner, object, handle);
      return handle;
    });
    await flush(tpm, object.handle);
    return { handle, name, publicArea };
  }

  #counter(tpm: Tpm, place: Place): Promise<{ readonly index: NvIndex; readonly value: number }> {
    const auth = this.#auth;
    return this.#place(place, tpm, async (handle) => {
      const { fresh, written } = counterAt(handle);
      const found = await nameAt(tpm, handle);
      if (found === undefined) await nvDefineSpace(tpm, this.#owner, fresh.publicArea, auth);
      else if (!bytesEqual(found, fresh.name) && !bytesEqual(found, written.name)) return undefined;
      const done = found !== undefined && bytesEqual(found, written.name);
      try {
        const index = done ? written : await nvIncrement(tpm, { ...fresh, auth }, fresh);
        return { index, value: Number(await nvReadCounter(tpm, { ...index, auth }, index)) };
      } catch (thrown) {
        // Somebody else's counter has the same Name: a Name knows no authorisation value.
        if (isRefusal(thrown, "bad-auth")) return undefined;
        throw thrown;
      }
    });
  }

  /** Another place is planned for one that turns out to be taken. */
  async #place<T>(
    place: Place,
    tpm: Tpm,
    fill: (handle: number) => Promise<T | undefined>,
  ): Promise<T> {
    for (let tried = 1; ; tried += 1) {
      const filled = await fill(this.#plan.places[place]).catch((thrown: unknown) => {
        if (tried === TRIES || !isRefusal(thrown, "nv-defined")) throw thrown;
        return undefined;
      });
      if (filled !== undefined) return filled;
      const { places } = this.#plan;
      const other = await freePlace(tpm, place, Object.values(places));
      await this.#replan({ places: { ...places, [place]: other } });
    }
  }

  async #replan(change: Partial<TpmPlan>): Promise<void> {
    this.#plan = { ...this.#plan, ...change };
    await writeTpmPlan(this.#folder, this.#plan);
  }
}

async function begin(
  access: TpmAccess,
  { pcrs, updateKey }: ProvisionOptions,
  folder: TpmFolder,
): Promise<TpmPlan> {
  const { entropy } = access;
  const secrets = { unique: entropy.bytes(32), auth: entropy.bytes(32) };
  const places = await transact(access, undefined, freePlaces);
  const plan = { ...secrets, pcrs, updateKey, places, anchor: undefined };
  await writeTpmPlan(folder, plan);
  return plan;
}

/**
 * The identity in this folder, made where there is none and ended where making it was cut. Throws LctKeysError
 * `tpm-other-policy`, `tpm-full`, `tpm-hierarchy-auth`, `key-…`; DecodeError for damaged files; TpmError. Then, or after a
 * power cut, the same call goes on.
 */
export async function provision(
  access: TpmAccess,
  options: ProvisionOptions,
  folder: TpmFolder,
): Promise<TpmIdentity> {
  const made = await openTpmIdentity(folder);
  if (made !== undefined) {
    requireSame({ pcrs: made.pcrs, updateKey: made.boot?.updateKey }, options);
    await forgetTpmPlan(folder);
    return made;
  }
  const begun = await openTpmPlan(folder);
  if (begun !== undefined) requireSame(begun, options);
  const plan = begun ?? (await explained(begin(access, options, folder)));
  return explained(new Provisioning(access, options, folder, plan).run());
}
