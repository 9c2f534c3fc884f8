import type { Millis } from "@wattseal/base";
import { CanProtocolError } from "../errors.js";
import type {
  Link,
  LinkStatus,
  ModuleLinkEffect,
  ModuleLinkEvent,
  ModuleLinkOptions,
} from "./types.js";

/** The module's end of the link to its pack. */
export class ModuleLink implements Link<ModuleLinkEvent, ModuleLinkEffect> {
  readonly options: ModuleLinkOptions;
  constructor(options: ModuleLinkOptions) {
    this.options = options;
  }
  get deadline(): Millis | undefined {
    return undefined;
  }
  get status(): LinkStatus {
    throw new CanProtocolError("session-over", "invariant", "not built yet");
  }
  handle(_event: ModuleLinkEvent, _now: Millis): readonly ModuleLinkEffect[] {
    throw new CanProtocolError("session-over", "invariant", "not built yet");
  }
  /** u32 milliseconds since this start: what telemetry carries. */
  tick(now: Millis): number {
    return (now - this.options.bootedAt) % 2 ** 32;
  }
}
