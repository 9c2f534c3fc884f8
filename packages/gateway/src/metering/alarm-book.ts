import { type Millis, millis } from "@wattseal/base";
import type { EntryBody } from "@wattseal/energy-ledger";

type AlarmBody = EntryBody<"link.alarm">;

/** How long one kind of alarm about one module waits for its next entry: longer while it goes on. */
const SPACING_MS = [10_000, 60_000, 600_000] as const;
const QUIET_MS = 600_000;

interface Standing {
  /** The latest of those not entered yet. */
  pending: AlarmBody | undefined;
  count: number;
  lastEntry: Millis;
  lastSeen: Millis;
  /** Index into SPACING_MS. */
  step: number;
}

/**
 * Keeps a flood of alarms from filling the ledger: the first of a kind about a module is entered at once, what
 * follows is counted into one entry 10 s, then a minute, then ten minutes after the last. None goes uncounted.
 */
export class AlarmBook {
  readonly #standing = new Map<string, Standing>();

  /** Takes an alarm that stands for `body.count` occurrences; returns the entry to write now, if any. */
  note(body: AlarmBody, now: Millis): AlarmBody | undefined {
    const key = `${body.alarm} ${body.slot ?? body.module ?? ""}`;
    const known = this.#standing.get(key);
    if (known === undefined || now - known.lastSeen > QUIET_MS) {
      this.#standing.set(key, {
        pending: undefined,
        count: 0,
        lastEntry: now,
        lastSeen: now,
        step: 0,
      });
      const left = known?.pending === undefined ? 0 : known.count;
      return { ...body, count: body.count + left };
    }
    known.pending = body;
    known.count += body.count;
    known.lastSeen = now;
    return take(known, now);
  }

  /** Entries whose time has come. */
  due(now: Millis): readonly AlarmBody[] {
    const bodies: AlarmBody[] = [];
    for (const [key, standing] of this.#standing) {
      const body = take(standing, now);
      if (body !== undefined) bodies.push(body);
      if (standing.pending === undefined && now - standing.lastSeen > QUIET_MS)
        this.#standing.delete(key);
    }
    return bodies;
  }

  /** Everything counted and not entered: the recorder stops. */
  flush(): readonly AlarmBody[] {
    return this.due(millis(Number.MAX_SAFE_INTEGER));
  }
}

function take(standing: Standing, now: Millis): AlarmBody | undefined {
  const { pending, count, lastEntry, step } = standing;
  const spacing = SPACING_MS[step] ?? QUIET_MS;
  if (pending === undefined || now - lastEntry < spacing) return undefined;
  standing.pending = undefined;
  standing.count = 0;
  standing.lastEntry = now;
  standing.step = Math.min(step + 1, SPACING_MS.length - 1);
  return { ...pending, count };
}
