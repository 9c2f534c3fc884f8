/** Why a broker could not be reached, and what to do about it. */

/** Codes of OpenSSL's verification and alerts as Node names them (doc/api/tls.md, "X509 certificate error codes"). */
const CURES: ReadonlyMap<string, string> = new Map([
  ...[
    "SELF_SIGNED_CERT_IN_CHAIN",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "UNABLE_TO_GET_ISSUER_CERT",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "CERT_SIGNATURE_FAILURE",
  ].map((code): [string, string] => [
    code,
    "the broker's certificate is not of the CA that is configured: name the broker's own CA",
  ]),
  ["CERT_HAS_EXPIRED", "the broker's certificate has expired: renew it there, or set this clock"],
  ["CERT_NOT_YET_VALID", "the broker's certificate is not valid yet: set this clock"],
  [
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "the broker's certificate is for another name: connect by a name that it holds",
  ],
  ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "the broker does not know the CA of our certificate"],
  ["ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED", "the broker says that our certificate has expired"],
  ["ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED", "the broker says that our certificate is revoked"],
  ["ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE", "the broker refuses our certificate"],
  ["ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", "the broker refuses a connection without certificate"],
  ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "the broker asks for a certificate"],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "the broker does not speak TLS at this port"],
  ["ECONNREFUSED", "nothing listens there: is the broker up?"],
  ["ENOTFOUND", "there is no host of that name"],
]);

/** One line for an operator. */
export function connectProblem(error: Error): string {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const cure = CURES.get(code);
  // of several addresses that were tried, Node's own message names none
  const said = error.message === "" ? code : error.message;
  return cure === undefined ? said : `${cure} (${said})`;
}
