import { SimError } from "../errors.js";

/** One value of a JSON document, and where it stands: every refusal names the place. */
export class Field {
  readonly path: string;
  readonly #value: unknown;

  constructor(path: string, value: unknown) {
    this.path = path;
    this.#value = value;
  }

  refuse(problem: string): SimError {
    return new SimError("scenario", "input", `${this.path}: ${problem}`);
  }

  get absent(): boolean {
    return this.#value === undefined;
  }

  /** Undefined where the field is absent. */
  optional<T>(read: (field: Field) => T): T | undefined {
    return this.absent ? undefined : read(this);
  }

  text(longest = 4096): string {
    if (typeof this.#value !== "string") throw this.refuse("is not a text");
    if (this.#value.length > longest) throw this.refuse(`has more than ${longest} characters`);
    return this.#value;
  }

  number(lowest: number, highest: number): number {
    const value = this.#value;
    if (typeof value !== "number" || !(value >= lowest && value <= highest)) {
      throw this.refuse(`is not a number from ${lowest} to ${highest}`);
    }
    return value;
  }

  integer(lowest: number, highest: number): number {
    const value = this.number(lowest, highest);
    if (!Number.isInteger(value)) throw this.refuse("is not a whole number");
    return value;
  }

  choice<T extends string | true>(choices: readonly T[]): T {
    const found = choices.find((choice) => choice === this.#value);
    if (found === undefined) throw this.refuse(`is none of ${choices.join(", ")}`);
    return found;
  }

  list<T>(most: number, read: (field: Field) => T): readonly T[] {
    const value: unknown = this.#value;
    if (!Array.isArray(value)) throw this.refuse("is not a list");
    if (value.length > most) throw this.refuse(`has more than ${most} items`);
    return value.map((item: unknown, i) => read(new Field(`${this.path}[${i}]`, item)));
  }

  /** Refuses keys other than these. */
  object<K extends string>(keys: readonly K[]): Readonly<Record<K, Field>> {
    const entries = this.#entries();
    const unknown = [...entries.keys()].find((key) => !keys.some((known) => known === key));
    if (unknown !== undefined) {
      throw this.refuse(`has an unknown key "${unknown}"; there are ${keys.join(", ")}`);
    }
    return this.#fieldsOf(keys, entries);
  }

  /** One field, whatever else the object has. */
  peek(key: string): Field {
    return new Field(`${this.path}.${key}`, this.#entries().get(key));
  }

  #fieldsOf<K extends string>(
    keys: readonly K[],
    entries: ReadonlyMap<string, unknown>,
  ): Readonly<Record<K, Field>> {
    const fields: Partial<Record<K, Field>> = {};
    for (const key of keys) fields[key] = new Field(`${this.path}.${key}`, entries.get(key));
    if (!hasAll(fields, keys)) throw this.refuse("is not an object");
    return fields;
  }

  #entries(): ReadonlyMap<string, unknown> {
    const value = this.#value;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw this.refuse("is not an object");
    }
    return new Map<string, unknown>(Object.entries(value));
  }
}

function hasAll<K extends string>(
  fields: Partial<Record<K, Field>>,
  keys: readonly K[],
): fields is Record<K, Field> {
  return keys.every((key) => fields[key] !== undefined);
}
