import { resolve } from "node:path";
import { loadConfig } from "../config/file.js";
import { gatewaySchema } from "../config/gateway-schema.js";
import { call, RefusedByGateway } from "../control/client.js";
import { OPERATIONS, type Operation } from "../control/operations.js";
import { CliError, EXIT } from "../errors.js";
import { controlSocketOf } from "../roles/gateway.js";
import { layoutOf } from "../state/layout.js";
import { writeOut } from "../view/output.js";
import { renderStatus } from "../view/table.js";

/** Which gateway, and how to print what it says. */
export interface ControlOptions {
  readonly state?: string;
  readonly socket?: string;
  readonly json: boolean;
}

/**
 * Has a running gateway do one thing and prints what it says: as `render` says it, or with --json its reply as it
 * came. Returns the exit status; `worked` tells of a reply whether all of it did.
 */
export async function order<Out>(
  options: ControlOptions,
  operation: Operation<Out>,
  body: object,
  render: (reply: Out) => readonly string[],
  worked: (reply: Out) => boolean = () => true,
): Promise<number> {
  const path = await socketOf(options);
  let reply: Out;
  try {
    reply = await call(path, operation, body);
  } catch (error) {
    // Anything else that it says no to is the command line's fault, or that it cannot: see main.ts.
    if (!(error instanceof RefusedByGateway) || error.problem.status !== 409) throw error;
    if (options.json) await writeOut(`${JSON.stringify(error.problem)}\n`);
    process.stderr.write(`wattseal: ${error.message}\n`);
    return EXIT.failed;
  }
  const lines = options.json ? [JSON.stringify(reply)] : render(reply);
  await writeOut(`${lines.join("\n")}\n`);
  return worked(reply) ? EXIT.ok : EXIT.failed;
}

/** Of the gateway that is meant. Throws CliError. */
export async function socketOf({
  state,
  socket,
}: Pick<ControlOptions, "state" | "socket">): Promise<string> {
  if (socket !== undefined) return resolve(socket);
  if (state === undefined) {
    throw new CliError(
      "usage",
      "Say which gateway: --state DIR, its state folder, or --socket PATH.",
    );
  }
  const layout = layoutOf(resolve(state));
  const config = await loadConfig({
    schema: gatewaySchema,
    path: layout.gateway.config,
    environment: process.env,
    flags: {},
  });
  return controlSocketOf(layout, config);
}

/** `wattseal status`. */
export function status(options: ControlOptions): Promise<number> {
  return order(options, OPERATIONS.status, {}, (reply) => [reply.lct, ...renderStatus(reply)]);
}

/** `wattseal isolate`: fails where a module did not say that it obeyed. */
export function isolate(options: ControlOptions): Promise<number> {
  return order(
    options,
    OPERATIONS.isolate,
    {},
    ({ modules }) => [
      ...modules.map(({ uid, result, reason }) =>
        reason === undefined ? `${uid}  ${result}` : `${uid}  ${result}: ${reason}`,
      ),
      "Every relay is ordered open, and none may close until: wattseal allow",
    ],
    ({ modules }) => modules.every(({ result }) => result === "acknowledged"),
  );
}

/** `wattseal allow`. */
export function allow(options: ControlOptions): Promise<number> {
  return order(options, OPERATIONS.allow, {}, () => ["Modules may close their relays again."]);
}
