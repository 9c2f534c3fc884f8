/**
 * What a worker counts, for Prometheus. Each process tells of itself; what the store holds is the same for every worker on
 * it. docs/federation-api.md lists the names.
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { FederationStats } from "../worker/stats.js";

const PREFIX = "wattseal_federation_";
/** Seconds. */
const LATENCIES = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

export interface MetricsSource {
  readonly stats: () => FederationStats;
  /** What the store takes on disk. */
  readonly storeBytes: () => Promise<number>;
}

export class Metrics {
  readonly #registry = new Registry();
  readonly #commits: Histogram;

  constructor({ stats, storeBytes }: MetricsSource) {
    this.#commits = new Histogram({
      name: `${PREFIX}commit_seconds`,
      help: "Time that a group's transaction took in the store.",
      buckets: LATENCIES,
      registers: [this.#registry],
    });
    this.#counts("messages_total", "channel", "Messages that the transport brought.", () => {
      return stats().messages;
    });
    this.#counts("refused_total", "reason", "Messages not taken.", () => stats().refused);
    this.#count("receipts_total", "Receipts sent, repeated ones included.", () => stats().receipts);
    this.#count("requests_total", "Requests for entries that are missing.", () => stats().requests);
    this.#count(
      "parked_total",
      "Refused messages kept, signed by their pack.",
      () => stats().parked,
    );
    this.#count("forks_total", "Contradictions of a stored log kept.", () => stats().forks);
    this.#gauge(
      "packs",
      "Packs with a stored log, as far as this worker knows.",
      () => stats().packs,
    );
    this.#gauge("entries", "Entries stored, as far as this worker knows.", () => stats().entries);
    this.#gauge("held_messages", "Messages that wait for their predecessors.", () => {
      return stats().held.messages;
    });
    this.#gauge("held_bytes", "Bytes of the messages that wait.", () => stats().held.bytes);
    this.#gauge("modules_twice", "Modules that two logs claim the same of, pairs of logs.", () => {
      return stats().modulesTwice;
    });
    this.#gauge("store_bytes", "What the store takes on disk.", storeBytes);
  }

  committed(ms: number): void {
    this.#commits.observe(ms / 1000);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #count(name: string, help: string, read: () => number): void {
    new Counter({
      name: PREFIX + name,
      help,
      registers: [this.#registry],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }

  #counts(
    name: string,
    label: string,
    help: string,
    read: () => Readonly<Record<string, number>>,
  ): void {
    new Counter({
      name: PREFIX + name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [value, count] of Object.entries(read())) this.inc({ [label]: value }, count);
      },
    });
  }

  #gauge(name: string, help: string, read: () => number | Promise<number>): void {
    new Gauge({
      name: PREFIX + name,
      help,
      registers: [this.#registry],
      async collect() {
        this.set(await read());
      },
    });
  }
}
