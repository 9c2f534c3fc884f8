/**
 * The registry over HTTP/1.1.
 *
 * Trust: anyone who reaches the public listener may ask for any standing; to enrol takes a token, and a proof. Documents
 * and statements are signed, so whoever sits in between can withhold them, not change them; the token is a secret, which
 * is why anything but loopback is TLS. Who can open the operator's socket can grant tokens and void LCTs: it is its
 * owner's alone (0600).
 */
import type { Clock, Logger } from "@wattseal/base";
import { replyTo, type Service } from "../../http/router.js";
import { type Address, HttpServer, type Served } from "../../http/server.js";
import { RegistryError } from "../errors.js";
import type { LctRegistry } from "../registry.js";
import { registryOpenApi } from "./openapi.js";
import { registryProblemOf } from "./problem.js";
import { ROUTES } from "./routes.js";

export interface RegistryServerOptions {
  readonly registry: LctRegistry;
  readonly clock: Pick<Clock, "now">;
  readonly logger: Logger;
}

const RATE = { burst: 40, everyMs: 250 } as const;

/** What anyone may ask. Throws RegistryError `listen`. */
export function listenForAnyone(options: RegistryServerOptions & Address): Promise<HttpServer> {
  const routes = ROUTES.filter(({ audience }) => audience === "anyone");
  return HttpServer.listen(servedOf(options, routes), options, { ...RATE, clock: options.clock });
}

/** What the operator may order, and whatever anyone may ask, on a socket of the state folder's owner. Throws RegistryError `listen`. */
export function listenForOperator(
  options: RegistryServerOptions & { readonly socket: string },
): Promise<HttpServer> {
  return HttpServer.listenAt(servedOf(options, ROUTES), options.socket);
}

function servedOf(
  { registry, logger }: RegistryServerOptions,
  routes: Service<LctRegistry>["routes"],
): Served {
  const service: Service<LctRegistry> = {
    serves: registry,
    routes,
    description: registryOpenApi,
    tokenFor: "an enrolment needs a token",
  };
  return {
    name: "registry",
    answer: (request) => replyTo(service, request),
    problemOf: registryProblemOf,
    unservable: (message, cause) => new RegistryError("listen", message, cause),
    logger,
  };
}
