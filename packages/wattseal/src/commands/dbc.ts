import { exportDbc } from "@wattseal/can-protocol";
import { InvalidArgumentError } from "commander";
import { EXIT } from "../errors.js";

/** `1,2,5` or `1-4,9`, each 1 to 31. */
export function parseModuleIds(text: string): readonly number[] {
  return text.split(",").flatMap((part) => {
    const match = /^(\d{1,2})(?:-(\d{1,2}))?$/.exec(part);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? first);
    if (!(first >= 1 && first <= last && last <= 31)) {
      throw new InvalidArgumentError("Use module ids 1 to 31, such as 1,2,5 or 1-8.");
    }
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/** `wattseal sim dbc`: the clear frames of deployed modules as a DBC file on standard output. */
export function dbc(options: { readonly modules?: readonly number[] }): number {
  const { modules } = options;
  process.stdout.write(exportDbc(modules === undefined ? {} : { modules }));
  return EXIT.ok;
}
