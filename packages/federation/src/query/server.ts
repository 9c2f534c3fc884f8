/**
 * The query API over HTTP/1.1.
 *
 * Trust: whoever has the token reads every pack's record; nobody changes anything here. What is signed can be held against
 * its signatures by whoever asked, the rest is this federation's word. The token is a secret, which is why anything but
 * loopback is TLS.
 */
import { bytesEqual, type Clock, type Logger, messageOf, sha256, utf8 } from "@wattseal/base";
import type { PackName } from "@wattseal/uplink";
import { FederationError } from "../errors.js";
import { problem, problemOf } from "../http/problem.js";
import { replyTo, type Service } from "../http/router.js";
import { type Address, HttpServer } from "../http/server.js";
import type { Queried } from "./asked.js";
import { queryOpenApi } from "./openapi.js";
import { ROUTES } from "./routes.js";

export interface QuerySetting {
  readonly listen: Address;
  /** What callers show: 20 to 100 characters A-Z a-z 0-9 - _. */
  readonly token: string;
  /** The signed statement of a log's entries that were lost for good. */
  readonly missing?: (pack: PackName) => Promise<string | undefined>;
}

const TOKEN = /^[A-Za-z0-9_-]{20,100}$/;
const RATE = { burst: 200, everyMs: 20 } as const;
const UNAVAILABLE = 503;

/** Throws FederationError `configuration`, `listen`. */
export async function serveQueries(
  { listen, token }: QuerySetting,
  queried: Queried,
  { clock, logger }: { readonly clock: Pick<Clock, "now">; readonly logger: Logger },
): Promise<HttpServer> {
  if (!TOKEN.test(token)) {
    throw new FederationError(
      "configuration",
      "the query token has to be 20 to 100 characters A-Z a-z 0-9 - _, such as openssl rand -hex 32 gives",
    );
  }
  const wanted = sha256(utf8(token));
  const service: Service<Queried> = {
    serves: queried,
    routes: ROUTES,
    description: queryOpenApi,
    tokenFor: "queries need the token that this federation was given",
    // How long hashes take to compare says nothing of the token.
    admits: (given) => bytesEqual(sha256(utf8(given)), wanted),
  };
  const served = {
    name: "query",
    answer: (request: Parameters<typeof replyTo>[1]) => replyTo(service, request),
    problemOf: (thrown: unknown) => queryProblemOf(thrown, logger),
    unservable: (message: string, cause?: ErrorOptions) =>
      new FederationError("listen", message, cause),
    logger,
  };
  return HttpServer.listen(served, listen, { ...RATE, clock });
}

/** A store that does not answer may do so later. */
function queryProblemOf(thrown: unknown, logger: Logger) {
  if (!(thrown instanceof FederationError) || thrown.code === "store-corrupt") {
    return problemOf(thrown);
  }
  logger.error("query.store-failed", { error: messageOf(thrown) });
  return problem(UNAVAILABLE, "store", "The store does not answer now: ask again.");
}
