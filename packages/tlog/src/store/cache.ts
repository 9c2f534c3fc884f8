/** The most recently used of what a file holds; bounded, and nothing but a copy. */
export class Cache<Key, Value> {
  readonly #limit: number;
  readonly #values = new Map<Key, Value>();
  /** What was asked for last: reading in order asks for it again and again. */
  #last: { readonly key: Key; readonly value: Value } | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: Key, load: () => Value): Value {
    if (this.#last?.key === key) return this.#last.value;
    const value = this.#values.get(key) ?? load();
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size > this.#limit) {
      for (const oldest of this.#values.keys()) {
        this.#values.delete(oldest);
        break;
      }
    }
    this.#last = { key, value };
    return value;
  }
}
