/**
 * Where servers listen. Apart from the transport, whose types need a package that not all who use the runners have.
 */

/** What proves who a server is, and encrypts what is sent. All are texts in PEM. */
export interface ServerTls {
  readonly certificate: string
  readonly key: string
}

/** Where a server listens. */
export interface ListenOptions {
  /** Default: loopback. */
  readonly host?: string
  /** Default: a free one. */
  readonly port?: number
  /** Default: what is sent is not encrypted. */
  readonly tls?: ServerTls
}
