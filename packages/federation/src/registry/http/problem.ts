/** What the registry's own refusals are over HTTP. */
import { LctKeysError } from "@wattseal/lct-keys/verify";
import { type Problem, problem, problemOf } from "../../http/problem.js";
import { RegistryError } from "../errors.js";

const REGISTRY_STATUS: Readonly<Record<string, number>> = {
  token: 401,
  enrolment: 404,
  busy: 503,
  enrolled: 409,
  lct: 404,
  final: 409,
  grant: 409,
};
const GONE = 410;
const UNPROCESSABLE = 422;

/** Undefined for an error that is nobody's business but the log's. */
export function registryProblemOf(thrown: unknown): Problem | undefined {
  if (thrown instanceof RegistryError) {
    const status = REGISTRY_STATUS[thrown.code];
    return status === undefined ? undefined : problem(status, thrown.code, thrown.message);
  }
  if (!(thrown instanceof LctKeysError)) return problemOf(thrown);
  const { code, message } = thrown;
  if (code === "enrol-expired") return problem(GONE, code, message);
  if (code.startsWith("enrol-") || code.startsWith("document-")) {
    return problem(UNPROCESSABLE, code, message);
  }
  return undefined;
}
